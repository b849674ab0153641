// One question and its answer on the page: the work, the text, what it rests on, and how it ended.

import { AnswerText } from "./answer-text.js";
import { calculationList } from "./calculations.js";
import { duration, el, pageLink, safeUrl, say, timeLeft } from "./dom.js";
import { isPlain } from "./page-view.js";
import { plain } from "./plain-text.js";

const MARKED = /\s*\[\d{1,3}\]/g;
const NO_WORD = /[^\p{L}\p{N}]+/gu;

/**
 * A question's article; `announce` speaks to screen readers, `onRetry` is called when the reader asks again, `onShow` when
 * they want to see the page that a source or a citation stands on, `around` with each change that makes the answer grow.
 */
export class Turn {
  #sources = [];
  #citations = [];
  #said = "";
  #clock = 0;

  constructor(number, question, { announce, onRetry, onShow, around }) {
    Object.assign(this, { number, announce, onRetry, onShow, around });
    this.#build(question);
  }

  #build(question) {
    this.words = el("span", { class: "work-words" });
    this.left = el("span", { class: "time-left" });
    this.percent = el("span", { class: "percent" });
    this.bar = el("progress", { max: 100, value: 0, "aria-label": "Progress of the answer" });
    this.work = el("div", { class: "work" }, el("p", { class: "work-line" }, this.words, this.left, this.percent), this.bar);
    this.text = new AnswerText(el("div", { class: "text" }), (n) => this.#anchor(n), (change) => this.around(this, change));
    this.text.element.addEventListener("click", (event) => {
      const marker = event.target.closest(".marker");
      if (marker) this.#show(event, Number(marker.dataset.n), this.#claimBefore(marker));
    });
    this.computed = el("div", { hidden: true });
    this.notes = el("ul", { class: "notes", "aria-label": "What was left out", hidden: true });
    this.ending = el("div", { hidden: true });
    this.summary = el("summary");
    this.steps = el("ol");
    this.account = el("details", { class: "account", hidden: true }, this.summary, this.steps);
    this.evidence = el("section", { class: "sources", "aria-label": "Sources", hidden: true });
    this.reply = el("div", { class: "reply" }, this.work, this.text.element, this.computed, this.notes, this.ending, this.account);
    this.answer = el("div", { class: "answer" }, this.reply, this.evidence);
    this.element = el("article", { class: "turn" }, el("h2", { class: "question" }, question), this.answer);
  }

  /** Begin, or begin again. */
  start() {
    this.text.clear();
    this.steps.replaceChildren();
    this.#said = "";
    this.#citations = [];
    for (const part of [this.computed, this.notes, this.ending, this.account, this.evidence]) part.hidden = true;
    this.work.hidden = false;
    this.element.setAttribute("aria-busy", "true");
    this.#tell("Connecting...", 0);
    this.#expect(null);
  }

  /** Take one event of the run. */
  take({ event, data }) {
    if (event === "progress") this.#progress(data);
    else if (event === "sources") this.#showSources(data.sources);
    else if (event === "token") this.text.append(data.text);
    else if (event === "reset") this.#reset();
    else if (event === "result") this.#finish(data);
    else if (event === "error") this.#fail(data);
  }

  /** Show what the connection does; progress takes over again with its next report. */
  connection(state, { attempt, delayMs } = {}) {
    this.work.classList.toggle("reconnecting", state === "reconnecting");
    if (state === "reconnecting") {
      this.#say(lostWords(delayMs, attempt));
      this.#expect(null);
    } else if (state === "fallback") this.#say("This browser cannot show the answer as it is written. Waiting for all of it...");
    else if (state === "streaming" && this.#said) say(this.words, this.#said);
  }

  #anchor(n) {
    return this.#sources.some((source) => source.n === n) ? `answer-${this.number}-source-${n}` : null;
  }

  /** Show the page of source `n` with `claim` marked where it stands there, otherwise the passage that was found. */
  #show(event, n, claim) {
    const source = this.#sources.find((one) => one.n === n);
    if (!isPlain(event) || !source?.document_id || !safeUrl(source.url)) return; // the link does what it does
    event.preventDefault();
    this.onShow({ ...source, title: titleOf(source), passages: [claim, source.snippet] });
  }

  /** Return the cited words that stand last before a marker. */
  #claimBefore(marker) {
    const range = document.createRange();
    range.setStart(this.text.element, 0);
    range.setEndBefore(marker);
    const before = letters(range.toString().replace(MARKED, ""));
    const places = this.#citations
      .filter(({ n }) => n === Number(marker.dataset.n))
      .map(({ quote }) => [before.lastIndexOf(letters(quote)), quote])
      .sort(([a], [b]) => b - a);
    return places[0]?.[1] ?? "";
  }

  #say(words) {
    if (this.words.textContent === plain(words)) return;
    say(this.words, words);
    this.announce(words);
  }

  #tell(words, percent) {
    this.#say(words);
    this.bar.value = percent;
    this.percent.textContent = `${Math.round(percent)} %`;
  }

  /** Count down to the result from `ms` milliseconds; null: nobody knows when it comes. */
  #expect(ms) {
    clearInterval(this.#clock);
    this.left.textContent = timeLeft(ms);
    if (ms === null) return;
    const there = performance.now() + ms;
    this.#clock = setInterval(() => (this.left.textContent = timeLeft(there - performance.now())), 500);
  }

  #progress({ message, progress, elapsed_ms: elapsed, details }) {
    this.work.classList.remove("reconnecting");
    this.#tell(message, progress);
    this.#expect(details?.eta_ms ?? null);
    if (message === this.#said) return;
    this.#said = message;
    this.steps.append(el("li", {}, el("span", {}, duration(elapsed)), el("span", {}, message)));
  }

  #reset() {
    this.text.clear();
    this.#say("The answer starts again...");
    this.#expect(null);
  }

  #showSources(sources) {
    this.#sources = sources;
    const items = sources.map((source) => sourceItem(source, this.#anchor(source.n), (event) => this.#show(event, source.n, "")));
    this.evidence.replaceChildren(el("h3", {}, "Sources"), el("ol", {}, ...items));
    this.evidence.hidden = sources.length === 0;
    this.answer.classList.toggle("evidenced", sources.length > 0);
  }

  #finish(data) {
    this.#showSources(data.sources ?? []);
    if (this.text.value !== data.response) {
      this.text.clear();
      this.text.append(data.response);
    }
    this.#cite(data.citations ?? []);
    this.#explain(data.calculations ?? []);
    this.#note(data.degraded ?? []);
    this.#end(accountOf(data));
    for (const words of [data.document_selection_message, documentsOf(data)]) if (words) this.account.append(el("p", {}, words));
    this.announce(`Answer: ${this.text.element.textContent} ${(data.sources ?? []).length} sources.`);
  }

  #cite(citations) {
    this.#citations = citations;
    this.text.mark(citations);
    for (const { n, items } of byNumber(citations)) {
      const href = safeUrl(this.#sources.find((source) => source.n === n)?.url);
      const list = items.map((item) => citationItem(item, href, (event) => this.#show(event, n, item.quote)));
      this.evidence.querySelector(`#answer-${this.number}-source-${n}`)?.append(el("ul", { class: "quotes" }, ...list));
    }
  }

  #explain(calculations) {
    const hrefOf = ({ n }) => safeUrl(this.#sources.find((source) => source.n === n)?.url);
    const list = calculationList(calculations, hrefOf, (event, { n, quote }) => this.#show(event, n, quote));
    this.computed.replaceChildren(...[list].filter(Boolean));
    this.computed.hidden = list === null;
  }

  #note(notes) {
    this.notes.replaceChildren(...notes.map((words) => el("li", {}, words)));
    this.notes.hidden = notes.length === 0;
  }

  #fail(data) {
    if (data.sources?.length) this.#showSources(data.sources);
    if (data.partial_response && !this.text.value) this.text.append(data.partial_response);
    const stopped = data.code === "cancelled";
    const kept = this.text.value ? "What was answered until then is kept." : "";
    const retry = el("button", { type: "button" }, "Retry");
    retry.addEventListener("click", () => this.onRetry());
    const words = el("div", {}, el("strong", {}, data.error), el("small", {}, [kept, ...failureFacts(data)].filter(Boolean).join(" ")));
    this.ending.replaceChildren(words, retry);
    this.ending.className = stopped ? "failure stopped" : "failure";
    this.ending.hidden = false;
    this.announce(`${data.error} ${kept}`);
    this.#end(stopped ? "Stopped" : "Not completed");
  }

  #end(summary) {
    this.text.flush();
    say(this.summary, summary);
    this.account.replaceChildren(this.summary, this.steps);
    this.account.hidden = this.steps.childElementCount === 0;
    this.work.hidden = true;
    this.#expect(null);
    this.work.classList.remove("reconnecting");
    this.element.setAttribute("aria-busy", "false");
  }
}

/** Return what ended a run here as the data of an error event: it was refused, or its connection is gone for good. */
export function failureOf(error) {
  return {
    error: error.detail ?? "Something went wrong on this page.",
    code: error.code === "aborted" ? "cancelled" : (error.code ?? "page_error"),
    request_id: error.requestId,
    retry_after_s: error.retryAfterS,
  };
}

/** Return the letters and digits of a text: what stays the same when its Markdown is read. */
function letters(text) {
  return text.replace(NO_WORD, "");
}

function titleOf(source) {
  return [source.company || source.filename, source.period, typeWords(source.document_type)].filter(Boolean).join(", ");
}

function sourceItem(source, id, onClick) {
  const place = `${titleOf(source)}, page ${source.page}`;
  const href = safeUrl(source.url);
  const where = href ? pageLink({ class: "where" }, href, onClick, place) : el("span", { class: "where" }, place);
  return el(
    "li",
    { class: "source", id, tabindex: -1 },
    el("span", { class: "number", "aria-hidden": "true" }, String(source.n)),
    where,
    el("p", { class: "snippet" }, source.snippet),
    el("p", { class: "file" }, source.filename),
  );
}

function citationItem({ quote, page, verified, reason, state }, href, onClick) {
  const [badge, kind, outcome] = verified
    ? ["Verified", "good", "Found"]
    : state === "not_checked"
      ? ["Not checked", "", "Not checked"]
      : ["Not verified", "warn", "Not found"];
  const title = `${outcome} on page ${page}${reason ? ` (${reason})` : ""}`;
  const words = el("q", {}, href ? pageLink({}, href, onClick, quote) : quote);
  return el("li", {}, el("span", { class: `badge ${kind}`, title }, badge), " ", words);
}

function byNumber(citations) {
  const numbers = [...new Set(citations.map(({ n }) => n))];
  return numbers.map((n) => ({ n, items: citations.filter((citation) => citation.n === n) }));
}

function typeWords(type) {
  return (type ?? "").replaceAll("_", " ");
}

function accountOf({ timings_ms: timings = {}, model }) {
  const total = timings.total === undefined ? "Answered" : `Answered in ${duration(timings.total)}`;
  const first = timings.first_token === undefined ? null : `first words after ${duration(timings.first_token)}`;
  return [total, first, model].filter(Boolean).join(" · ");
}

function documentsOf({ documents_loaded: names = [] }) {
  return names.length ? `Read: ${names.join(", ")}` : "";
}

function failureFacts({ code, request_id: requestId, retry_after_s: seconds }) {
  if (code === "cancelled") return [];
  const again = seconds ? [`Try again in ${Math.ceil(seconds)} s.`] : [];
  const facts = [code, requestId && `request ${requestId}`].filter(Boolean);
  return [...again, `(${facts.join(", ")})`];
}

function lostWords(delayMs, attempt) {
  const wait = delayMs < 500 ? "" : ` in ${Math.ceil(delayMs / 1000)} s`;
  return `Connection lost. Reconnecting${wait} (attempt ${attempt})...`;
}
