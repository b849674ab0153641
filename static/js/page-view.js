// The page that a source or citation stands on, as a picture with the passage marked, in a dialog over the conversation.

import { el, root, safeUrl, say } from "./dom.js";
import { plain } from "./plain-text.js";

const LONGEST_PASSAGE = 300;
const RANKS = ["missing", "partial", "found"];
const NOTES = {
  found: "The passage is marked.",
  partial: "Parts of the passage are marked: it does not stand here word for word.",
  missing: "The passage could not be found on this page.",
};

const byId = (id) => document.getElementById(`page-${id}`);

/** Say whether a click asks for nothing but what it is on: no new tab, no download. */
export function isPlain({ button, altKey, ctrlKey, metaKey, shiftKey }) {
  return button === 0 && !(altKey || ctrlKey || metaKey || shiftKey);
}

/** Shows one page at a time; `open` may be called again while it is open. */
export class PageView {
  #asking = new AbortController();
  #shown = null;
  #page = 0;
  #pages = 0;

  constructor() {
    this.dialog = byId("view");
    this.dialog.addEventListener("close", () => this.#asking.abort());
    this.dialog.addEventListener("click", ({ target }) => target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    byId("close").addEventListener("click", () => this.dialog.close());
    byId("previous").addEventListener("click", () => this.#turn(-1));
    byId("next").addEventListener("click", () => this.#turn(1));
    byId("cited").addEventListener("click", () => this.#show(this.#shown.page));
    byId("zoom").addEventListener("click", () => this.#zoom(byId("zoom").getAttribute("aria-pressed") !== "true"));
  }

  /** Open a source's page; the first of `passages` that stands there is marked. */
  open({ document_id: id, title, page, url, passages }) {
    this.#shown = { id, title, page, url, passages: [...new Set(passages.map(shortened).filter(Boolean))] };
    this.#pages = 0;
    say(byId("title"), title);
    this.#zoom(false);
    if (!this.dialog.open) this.dialog.showModal();
    byId("scroll").focus();
    this.#show(page);
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const enlarged = byId("zoom").getAttribute("aria-pressed") === "true"; // then the arrows move over the page
    if (!step || enlarged || !isPlain({ ...keysOf(event), button: 0 })) return;
    event.preventDefault();
    this.#turn(step);
  }

  #turn(step) {
    const page = this.#page + step;
    if (page >= 1 && page <= this.#pages) this.#show(page);
  }

  #zoom(large) {
    byId("zoom").setAttribute("aria-pressed", String(large));
    byId("scroll").classList.toggle("large", large);
    this.#toPassage();
  }

  async #show(page) {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#page = page;
    this.box = null;
    this.#frame(`Loading page ${page}...`);
    byId("scroll").setAttribute("aria-busy", "true");
    try {
      const found = await this.#fetch(page, signal);
      if (signal.aborted) return;
      this.#pages = found.pages;
      await (found.text === undefined ? this.#picture(found) : this.#text(found));
      if (signal.aborted) return;
      this.#frame(page === this.#shown.page ? (NOTES[found.highlight] ?? "") : "");
      this.#toPassage();
    } catch (error) {
      if (signal.aborted) return;
      this.#content(null);
      this.#frame(error.detail ?? "The page could not be loaded.");
    } finally {
      if (!signal.aborted) byId("scroll").setAttribute("aria-busy", "false");
    }
  }

  /** Ask for the page with each passage until one is found; where there are no pictures, for its text. */
  async #fetch(page, signal) {
    const address = `${root()}documents/${encodeURIComponent(this.#shown.id)}/pages/${page}`;
    const passages = page === this.#shown.page ? this.#shown.passages : [];
    let best = null;
    for (const passage of passages.length ? passages : [""]) {
      const url = `${address}.png${passage && `?${new URLSearchParams({ highlight: passage })}`}`;
      const response = await fetch(url, { signal });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        if (problem.code !== "document_rejected") throw problem;
        return textOf(await answered(await fetch(address, { signal })), passages);
      }
      await response.blob(); // so that the picture comes from the browser's cache
      const highlight = response.headers.get("X-Highlight") ?? "";
      const box = response.headers.get("X-Highlight-Box")?.split(",").map(Number) ?? null;
      const found = { url, passage, highlight, box, pages: Number(response.headers.get("X-Pages")) };
      if (!best || RANKS.indexOf(highlight) > RANKS.indexOf(best.highlight)) best = found;
      if (highlight === "found") break;
    }
    return best;
  }

  async #picture({ url, passage, highlight, box }) {
    const picture = byId("picture");
    picture.src = url;
    const marked = box ? `, with the passage marked: ${passage}` : "";
    picture.alt = plain(`Page ${this.#page} of ${this.#shown.title}${marked}`);
    await picture.decode();
    this.box = highlight === "missing" ? null : box;
    this.#content(picture);
  }

  #text({ text, span }) {
    const [start, end] = span ?? [text.length, text.length];
    const marked = span ? el("mark", {}, text.slice(start, end)) : "";
    byId("text").replaceChildren(plain(text.slice(0, start)), marked, plain(text.slice(end)));
    this.#content(byId("text"));
  }

  #content(shown) {
    for (const part of [byId("picture"), byId("text")]) part.hidden = part !== shown;
    byId("zoom").hidden = shown === byId("text");
    byId("scroll").scrollTo(0, 0);
  }

  #frame(note) {
    const { page, url } = this.#shown;
    say(byId("note"), note);
    byId("number").textContent = this.#pages ? `Page ${this.#page} of ${this.#pages}` : `Page ${this.#page}`;
    for (const [name, there] of [["previous", this.#page > 1], ["next", this.#page < this.#pages]]) {
      byId(name).setAttribute("aria-disabled", String(!there)); // a disabled button would lose the focus
    }
    byId("cited").textContent = `Back to page ${page}`;
    byId("cited").hidden = this.#page === page;
    const href = safeUrl(url);
    byId("document").hidden = !href;
    if (href) byId("document").href = href.replace(/#.*$/, "") + `#page=${this.#page}`;
  }

  #toPassage() {
    const [scroll, picture] = [byId("scroll"), byId("picture")];
    const marked = byId("text").hidden ? null : byId("text").querySelector("mark");
    if (marked) marked.scrollIntoView({ block: "center" });
    if (!this.box || picture.hidden) return;
    const [left, top, right, bottom] = this.box;
    const across = ((left + right) / 2) * picture.clientWidth - scroll.clientWidth / 2;
    const room = Math.max(0.2 * scroll.clientHeight, (scroll.clientHeight - (bottom - top) * picture.clientHeight) / 2);
    scroll.scrollTo(right - left < 0.5 ? across : left * picture.clientWidth - 16, top * picture.clientHeight - room);
  }
}

function keysOf({ altKey, ctrlKey, metaKey, shiftKey }) {
  return { altKey, ctrlKey, metaKey, shiftKey };
}

function shortened(passage) {
  return Array.from(passage ?? "").slice(0, LONGEST_PASSAGE).join("").trim();
}

async function answered(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw body;
  return body;
}

function textOf({ text, pages }, passages) {
  for (const passage of passages) {
    const words = passage.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const match = new RegExp(words.join("\\s+"), "i").exec(text);
    if (match) return { text, pages, span: [match.index, match.index + match[0].length], highlight: "found" };
  }
  return { text, pages, highlight: passages.length ? "missing" : "" };
}
