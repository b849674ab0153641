// The answer's text as it arrives: text nodes, with each complete [n] turned into a link to source n.

import { el } from "./dom.js";

const MARKERS = /\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/;
const LONGEST_MARKER = 32;

/** Grows `element` token by token; `anchor(n)` is the id of source n's element, or null when there is no such source. */
export class AnswerText {
  #tail = null;

  constructor(element, anchor) {
    this.element = element;
    this.anchor = anchor;
    this.value = "";
  }

  append(text) {
    this.value += text;
    if (!this.#tail) this.element.append((this.#tail = document.createTextNode("")));
    const from = Math.max(0, this.#tail.length - LONGEST_MARKER);
    this.#tail.appendData(text);
    this.#link(from);
  }

  clear() {
    this.value = "";
    this.#tail = null;
    this.element.replaceChildren();
  }

  /** Say on each marker whether what it stands for was found on its page. */
  mark(citations) {
    for (const link of this.element.querySelectorAll(".marker")) {
      const found = citations.filter(({ n }) => n === Number(link.dataset.n)).map(({ verified }) => verified);
      if (!found.length) continue;
      const verified = found.every(Boolean);
      link.classList.toggle("unverified", !verified);
      link.setAttribute("aria-label", `Source ${link.dataset.n}, ${verified ? "verified" : "not verified"}`);
    }
  }

  #link(from) {
    let start = from;
    for (;;) {
      const match = MARKERS.exec(this.#tail.data.slice(start));
      if (!match) return;
      const at = start + match.index;
      const links = this.#links(match[1]);
      if (!links) {
        start = at + match[0].length; // a figure in brackets, not one of the sources
        continue;
      }
      const rest = this.#tail.splitText(at);
      rest.deleteData(0, match[0].length);
      rest.before(...links);
      this.#tail = rest;
      start = 0;
    }
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
