// Asking a question and following its run over as many connections as it takes (PROTOCOL: Questions, Frames, Runs).

import { SseParser } from "./sse.js";

const FIRST_DELAY_MS = 1000;
const SHORTEST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 30_000;
const ATTEMPTS_TO_START = 3;
const ATTEMPTS_TO_RESUME = 10;
const LONGEST_SILENCE_MS = 60_000; // the longest interval between heartbeats that a server can have

/** Why a question got no answer: `code` as in PROTOCOL, or unreachable, connection_lost, bad_response, aborted. */
export class StreamError extends Error {
  constructor(code, detail, { requestId = "", status = 0, errors = [], retryable = false, retryAfterS = null } = {}) {
    super(detail);
    this.name = "StreamError";
    Object.assign(this, { code, detail, requestId, status, errors, retryable, retryAfterS });
  }
}

/**
 * Ask and follow the run to its terminal event, which is returned as {event, data, id}.
 *
 * onEvent({event, data, id}) gets every event once, in order; `reset` voids the tokens before it.
 * onComment(text) gets heartbeats. onState(state, facts) gets "connecting", "streaming" {runId, requestId},
 * "reconnecting" {attempt, delayMs, reason}, "fallback" and "done".
 * `url` is one of the streaming endpoints; without "/stream" it is the non-streaming twin, used when streaming is impossible.
 * With `runId` nothing is asked: the run that was asked for before is read again, from its first event on.
 */
export async function ask(url, body, options = {}) {
  const run = new Run(url, body, options);
  try {
    return await (canStream() ? run.follow() : run.askWithoutStream());
  } catch (error) {
    throw options.signal?.aborted ? new StreamError("aborted", "The request was stopped here.") : error;
  }
}

/** What our pages send with everything that changes something: no other site's form can. */
export const PAGE_HEADERS = { "X-Jacie-Page": "1" };

/** Stop a run on the server; what was answered so far is kept. */
export async function cancel(root, runId) {
  const response = await fetch(`${root}runs/${encodeURIComponent(runId)}/cancel`, { method: "POST", headers: PAGE_HEADERS });
  if (!response.ok) throw await problemOf(response);
}

/** Turn a response that is not a success into a StreamError. */
export async function problemOf(response) {
  let problem = {};
  try {
    problem = (await response.json()) ?? {};
  } catch {
    // a proxy's page, not ours: the status says all there is
  }
  const seconds = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  return new StreamError(problem.code ?? `http_${response.status}`, describe(problem, response.status), {
    requestId: problem.request_id ?? response.headers.get("X-Request-ID") ?? "",
    status: response.status,
    errors: problem.errors ?? [],
    retryable: response.status === 429 || response.status >= 500,
    retryAfterS: Number.isNaN(seconds) ? null : seconds,
  });
}

/** Read a response's body; `take` gets each parsed item and may return true to stop. */
export async function pump(response, take, silenceMs = LONGEST_SILENCE_MS) {
  const reader = response.body.getReader();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await withTimeout(reader.read(), silenceMs);
      if (done) return;
      for (const item of parser.feed(value)) if (take(item)) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Say whether the browser lets a page read a response while it arrives. */
export function canStream() {
  return typeof ReadableStream === "function" && typeof Response === "function" && "body" in Response.prototype;
}

/** Order ids `<attempt>.<offset>`: negative, zero or positive; an id that is none comes before all. */
export function compareIds(a, b) {
  const [left, right] = [a, b].map((id) => (/^\d+\.\d+$/.test(id) ? id.split(".").map(Number) : [-1, -1]));
  return left[0] - right[0] || left[1] - right[1];
}

/** Milliseconds before attempt n (from 1): exponential, capped, the upper half jittered. */
export function backoff(attempt, baseMs, random = Math.random) {
  return Math.min(LONGEST_DELAY_MS, baseMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
}

/** A key that makes a repeated POST join the first one's run. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing on plain-http origins
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Run {
  #runId = "";
  #lastId = "";
  #failures = 0;
  #baseMs = FIRST_DELAY_MS;

  constructor(url, body, { onEvent, onComment, onState, signal, key, runId }) {
    this.#runId = runId ?? "";
    this.url = new URL(url, document.baseURI);
    this.root = new URL(this.url.pathname.replace(/(fast_)?chat\/stream$/, ""), this.url);
    this.body = JSON.stringify(body);
    this.key = key ?? newKey();
    this.signal = signal ?? new AbortController().signal;
    this.onEvent = onEvent ?? (() => {});
    this.onComment = onComment ?? (() => {});
    this.onState = onState ?? (() => {});
  }

  async follow() {
    this.onState("connecting", {});
    for (;;) {
      const { terminal, waitMs, reason } = await this.#connection();
      if (terminal) {
        this.onState("done", { runId: this.#runId });
        return terminal;
      }
      await this.#pause(waitMs, reason);
    }
  }

  async askWithoutStream() {
    this.onState("fallback", {});
    const url = new URL(this.url.pathname.replace(/\/stream$/, ""), this.url);
    const response = await fetch(url, this.#post("application/json"));
    if (!response.ok) throw await problemOf(response);
    const data = await response.json();
    this.onEvent({ event: "sources", data: { sources: data.sources ?? [] }, id: "" });
    this.onEvent({ event: "token", data: { text: data.response }, id: "" });
    const terminal = { event: "result", data, id: "" };
    this.onEvent(terminal);
    this.onState("done", { runId: data.run_id });
    return terminal;
  }

  async #connection() {
    let response;
    try {
      response = await (this.#runId ? this.#resume() : fetch(this.url, this.#post("text/event-stream")));
    } catch (error) {
      this.signal.throwIfAborted();
      return { reason: String(error.message ?? error) };
    }
    const failure = await this.#refusal(response);
    if (failure) return failure;
    this.#runId = response.headers.get("X-Run-Id") ?? this.#runId;
    this.onState("streaming", { runId: this.#runId, requestId: response.headers.get("X-Request-ID") ?? "" });
    return this.#read(response);
  }

  #post(accept) {
    const headers = { "Content-Type": "application/json", Accept: accept, "Idempotency-Key": this.key, ...PAGE_HEADERS };
    return { method: "POST", headers, body: this.body, signal: this.signal, cache: "no-store" };
  }

  #resume() {
    const headers = { Accept: "text/event-stream" };
    if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
    const url = new URL(`runs/${encodeURIComponent(this.#runId)}/events`, this.root);
    return fetch(url, { headers, signal: this.signal, cache: "no-store" });
  }

  async #refusal(response) {
    const resuming = this.#runId !== "";
    if (!response.ok) {
      const problem = await problemOf(response);
      // A proxy lost the server: nobody knows if the question arrived, and the same key does not ask it twice.
      const lostByProxy = [502, 503, 504].includes(response.status) && !isOurs(response);
      if (!resuming && !lostByProxy) throw problem;
      if (problem.retryable) return { reason: problem.detail };
      if ([404, 410].includes(response.status)) throw lost(problem.requestId);
      throw problem;
    }
    if ((response.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) return null;
    throw new StreamError("bad_response", "What answered is not a Jacie server.", { status: response.status });
  }

  async #read(response) {
    const outcome = { reason: "the stream ended early" };
    let comments = 0;
    try {
      await pump(response, (item) => {
        if (item.type === "retry") this.#baseMs = Math.max(item.milliseconds, SHORTEST_DELAY_MS);
        else if (item.type === "frame") return this.#frame(item, outcome);
        else {
          comments += 1; // the first is padding; a later one is a heartbeat, so the connection was good
          if (comments > 1) this.#failures = 0;
          this.onComment(item.text);
        }
        return false;
      });
    } catch (error) {
      if (error instanceof StreamError) throw error;
      this.signal.throwIfAborted();
      outcome.reason = String(error.message ?? error);
    }
    return outcome;
  }

  #frame(frame, outcome) {
    if (frame.id && compareIds(frame.id, this.#lastId) <= 0) return false;
    if (frame.id) {
      this.#lastId = frame.id; // a frame without one is about the connection, not part of the run's log
      this.#failures = 0;
    }
    const event = { event: frame.event, data: parse(frame), id: frame.id };
    this.onEvent(event);
    if (frame.event === "result" || frame.event === "error") outcome.terminal = event;
    if (frame.event === "reconnect") {
      Object.assign(outcome, { waitMs: event.data.retry_ms ?? 0, reason: "the server is restarting" });
    }
    return Boolean(outcome.terminal) || frame.event === "reconnect";
  }

  async #pause(waitMs, reason) {
    this.#failures += 1;
    if (this.#failures > (this.#runId ? ATTEMPTS_TO_RESUME : ATTEMPTS_TO_START)) throw this.#givingUp(reason);
    const delayMs = waitMs ?? backoff(this.#failures, this.#baseMs);
    this.onState("reconnecting", { attempt: this.#failures, delayMs, reason });
    await sleep(delayMs, this.signal);
  }

  #givingUp(reason) {
    if (!this.#runId) return new StreamError("unreachable", "The server cannot be reached.", { retryable: true });
    return new StreamError("connection_lost", `The connection was lost and could not be resumed (${reason}).`, {
      retryable: true,
    });
  }
}

function lost(requestId) {
  const detail = "The connection was cut, and the server no longer has the rest of this answer. Ask again.";
  return new StreamError("state_lost", detail, { requestId, status: 404, retryable: true });
}

function parse(frame) {
  try {
    return JSON.parse(frame.data);
  } catch {
    throw new StreamError("bad_response", `The server sent a ${frame.event} event that is not JSON.`);
  }
}

function isOurs(response) {
  return (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
}

function describe(problem, status) {
  const detail = problem.detail ?? problem.title ?? `The server answered ${status}.`;
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`);
  return fields.length ? `${detail} (${fields.join("; ")})` : detail;
}

function withTimeout(promise, ms) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the server fell silent")), ms);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const finish = (settle) => () => {
      clearTimeout(timer);
      window.removeEventListener("online", wake);
      signal.removeEventListener("abort", stop);
      settle(signal.reason);
    };
    const wake = finish(resolve);
    const stop = finish(reject);
    const timer = setTimeout(wake, ms);
    window.addEventListener("online", wake); // the network is back: no reason to wait longer
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
