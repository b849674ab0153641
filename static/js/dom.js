// Building nodes without markup: text is always text, and never disguised.

import { plain } from "./plain-text.js";

/** Make an element: `attributes` become attributes (true: present, false or null: absent), children nodes or text. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : plain(String(value)));
  }
  const there = children.filter((child) => child !== null && child !== undefined && child !== "");
  node.append(...there.map((child) => (child instanceof Node ? child : plain(String(child)))));
  return node;
}

/** Make `text` all that `node` holds. */
export function say(node, text) {
  node.textContent = plain(String(text));
}

/** Return `address` as a link this page may offer, or null: only http and https, whatever a server says. */
export function safeUrl(address) {
  try {
    const url = new URL(address, document.baseURI);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Return a link that shows a page in a dialog; opened in a new tab it is the document at that page. */
export function pageLink(attributes, href, onClick, ...children) {
  const link = el("a", { ...attributes, href, target: "_blank", rel: "noopener", "aria-haspopup": "dialog" }, ...children);
  link.addEventListener("click", onClick);
  return link;
}

/** Write milliseconds as a person reads them. */
export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Write what is left of a wait, as coarsely as it is known; nothing below a second. */
export function timeLeft(ms) {
  if (!(ms >= 1000)) return "";
  if (ms > 90_000) return `about ${Math.round(ms / 60_000)} min left`;
  const seconds = Math.round(ms / 1000);
  return `about ${seconds > 10 ? Math.ceil(seconds / 5) * 5 : seconds} s left`;
}

/** The path this application is mounted at, with a slash at its end. */
export function root() {
  return document.body.dataset.root;
}
