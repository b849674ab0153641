// The answer's text as it arrives: Markdown made into nodes, with each [n] of a source turned into a link to it.

import { el } from "./dom.js";
import { blocksOf } from "./markdown.js";
import { plain } from "./plain-text.js";

const MARKERS = /\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g;
const GAP = "\n\n";

/**
 * Grows `element` token by token, once a frame of the screen; blocks that nothing can change any more are left alone.
 * `anchor(n)` is the id of source n's element, or null when there is no such source; `around(change)` runs what changes the page.
 */
export class AnswerText {
  #source = ""; // `value` without what disguises
  #drawn = 0;
  #settled = 0;
  #tail = [];
  #due = 0;

  constructor(element, anchor, around) {
    this.element = element;
    this.anchor = anchor;
    this.around = around;
    this.value = "";
  }

  append(text) {
    this.value += text;
    this.#source += plain(text);
    this.#due ||= requestAnimationFrame(() => this.around(() => this.flush()));
  }

  clear() {
    cancelAnimationFrame(this.#due);
    this.#due = this.#drawn = this.#settled = 0;
    this.value = this.#source = "";
    this.#tail = [];
    this.element.replaceChildren();
  }

  /** Show all that was appended, now. */
  flush() {
    cancelAnimationFrame(this.#due);
    this.#due = 0;
    if (this.#drawn === this.#source.length) return;
    this.#drawn = this.#source.length;
    const blocks = blocksOf(this.#source.slice(this.#settled));
    const last = Math.max(0, blocks.findLastIndex(({ closed }) => closed));
    for (const node of this.#tail) node.remove();
    this.#show(blocks.slice(0, last));
    this.#tail = this.#show(blocks.slice(last));
    this.#settled += blocks[last]?.start ?? 0;
  }

  /** Say on each marker whether what it stands for was found on its page. */
  mark(citations) {
    this.flush();
    for (const link of this.element.querySelectorAll(".marker")) {
      const checked = citations.filter(({ n, state }) => n === Number(link.dataset.n) && state !== "not_checked");
      const found = checked.map(({ verified }) => verified);
      if (!found.length) continue;
      const verified = found.every(Boolean);
      link.classList.toggle("unverified", !verified);
      link.setAttribute("aria-label", `Source ${link.dataset.n}, ${verified ? "verified" : "not verified"}`);
    }
  }

  #show(blocks) {
    const shown = blocks.map((block) => block.nodes((text) => this.#words(text)));
    const nodes = shown.flatMap((some, i) => (i || this.element.hasChildNodes() ? [document.createTextNode(GAP), ...some] : some));
    this.element.append(...nodes);
    return nodes;
  }

  #words(text) {
    const nodes = [];
    let from = 0;
    for (const match of text.matchAll(MARKERS)) {
      const links = this.#links(match[1]);
      if (!links) continue; // a figure in brackets, not one of the sources
      nodes.push(plain(text.slice(from, match.index)), ...links);
      from = match.index + match[0].length;
    }
    return [...nodes, plain(text.slice(from))];
  }

  #links(list) {
    const numbers = list.split(",").map(Number);
    const anchors = numbers.map((n) => this.anchor(n));
    if (anchors.some((anchor) => !anchor)) return null;
    return numbers.map((n, i) =>
      el("a", { class: "marker", href: `#${anchors[i]}`, "data-n": n, "aria-label": `Source ${n}` }, `[${n}]`),
    );
  }
}
