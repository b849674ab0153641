// Markdown as nodes: the parser's tokens become elements of a fixed set, text is always text, and nothing is loaded.

import MarkdownIt from "../vendor/markdown-it.js";
import { el } from "./dom.js";

const ELEMENTS = { p: "p", h1: "h3", h2: "h3", h3: "h4", h4: "h5", h5: "h6", h6: "h6", ul: "ul", ol: "ol", li: "li",
  blockquote: "blockquote", table: "table", thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td",
  strong: "strong", em: "em", s: "s" }; // prettier-ignore
const ALIGNED = /^text-align:(center|right)$/;
const LONGEST_PARSED = 40_000; // characters; a block beyond it is shown as it was written

const parser = new MarkdownIt({ html: false, linkify: false, breaks: true, maxNesting: 20 });
parser.disable(["code", "lheading", "reference"]); // each would make something else of text that documents are full of
parser.validateLink = (address) => destination(address) !== null;

/**
 * Cut a text into its blocks, as {start, closed, nodes(words)}: where one begins in the text, whether those before it are final
 * whatever follows, and a function that makes its nodes; `words(text)` gives the nodes of a piece of plain text.
 */
export function blocksOf(text) {
  if (text.length > LONGEST_PARSED) return [{ start: 0, closed: false, nodes: (words) => [el("p", {}, ...words(text))] }];
  const lines = lineStarts(text);
  return grouped(parser.parse(text, {})).map((tokens) => {
    const line = tokens[0].map?.[0] ?? 0;
    return { start: lines[line], closed: line + 1 < lines.length, nodes: (words) => built(tokens, words) };
  });
}

/** Return where a link of an answer may lead as {href, host}, or null: other origins only, and nothing that could run. */
export function destination(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol === "mailto:") return { href: url.href, host: decoded(url.pathname) };
  const foreign = ["http:", "https:"].includes(url.protocol) && url.origin !== location.origin;
  return foreign && !url.username && !url.password ? { href: url.href, host: url.host } : null;
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function grouped(tokens) {
  const blocks = [];
  let depth = 0;
  for (const token of tokens) {
    if (depth === 0) blocks.push([]);
    blocks.at(-1).push(token);
    depth += token.nesting;
  }
  return blocks;
}

function built(tokens, words) {
  const top = document.createDocumentFragment();
  fill(top, tokens, words);
  return [...top.childNodes];
}

function fill(parent, tokens, words) {
  const open = [parent];
  for (const token of tokens) {
    if (token.hidden) continue; // the paragraphs of a tight list
    if (token.nesting === 1) {
      const node = opened(token);
      open.at(-1).append(node.frame ?? node.element);
      open.push(node.element);
    } else if (token.nesting === -1) {
      const node = open.pop();
      if (node.dataset.host) node.after(el("span", { class: "host" }, ` (${node.dataset.host})`));
    } else if (token.type === "inline") fill(open.at(-1), token.children, words);
    else open.at(-1).append(...leaf(token, open.some(({ tagName }) => tagName === "A") ? (text) => [text] : words));
  }
}

function opened(token) {
  if (token.type === "link_open") return { element: link(token.attrGet("href")) };
  const element = el(ELEMENTS[token.tag] ?? "span");
  const side = ALIGNED.exec(token.attrGet("style") ?? "");
  if (side) element.className = side[1];
  if (token.tag === "ol" && token.attrGet("start") !== null) element.start = Number(token.attrGet("start"));
  if (token.tag !== "table") return { element };
  return { element, frame: el("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Table" }, element) };
}

/** Return a link that says where it leads; it is opened in a tab of its own, which learns nothing of this page. */
function link(address) {
  const { href, host } = destination(address);
  return el("a", { href, "data-host": host, target: "_blank", rel: "noopener noreferrer nofollow", dir: "auto" });
}

function leaf(token, words) {
  if (token.type === "softbreak" || token.type === "hardbreak") return ["\n"];
  if (token.type === "code_inline") return [el("code", {}, token.content)];
  if (token.type === "fence") return [el("pre", { tabindex: 0 }, el("code", {}, token.content.replace(/\n$/, "")))];
  if (token.type === "hr") return [el("hr")];
  if (token.type === "image") return [el("span", { class: "picture" }, `${token.content || "A picture"} (not shown)`)];
  return words(token.content);
}
