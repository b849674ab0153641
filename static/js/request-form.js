// The test client's form: a JSON body and its options, which edit each other, and the request they describe.

const DEFAULT_BODY = { query: "What are the main financial highlights?", auto_load_documents: true, memory_enabled: true };
const CHECKS = ["auto_load_documents", "memory_enabled"];
const FILTERS = ["company", "period", "document_type"];

const byId = (id) => document.getElementById(id);

/** The form on the page; `read()` gives {method, path, headers, body} or {problem}. */
export class RequestForm {
  #listener = () => {};

  constructor() {
    byId("body").value = JSON.stringify(DEFAULT_BODY, null, 2);
    byId("body").addEventListener("input", () => this.#bodyEdited());
    for (const id of [...CHECKS, ...FILTERS, "on_disconnect"]) byId(id).addEventListener("input", () => this.#optionEdited());
    for (const id of ["endpoint", "run-id", "last-id", "idempotency-key", "respond-async"]) {
      byId(id).addEventListener("input", () => this.#changed());
    }
    this.#changed();
  }

  /** Call `listener` after every change. */
  onChange(listener) {
    this.#listener = listener;
  }

  get valid() {
    return !this.read().problem;
  }

  read() {
    return byId("endpoint").value === "events" ? this.#resume() : this.#question();
  }

  #question() {
    const path = `/${byId("endpoint").value}`;
    const { value, problem } = parseBody(byId("body").value);
    const headers = { "Content-Type": "application/json" };
    if (path.endsWith("/stream")) headers.Accept = "text/event-stream";
    if (byId("idempotency-key").value) headers["Idempotency-Key"] = byId("idempotency-key").value;
    if (byId("respond-async").checked) headers.Prefer = "respond-async";
    return { method: "POST", path, headers, body: value && JSON.stringify(value), problem };
  }

  #resume() {
    const headers = { Accept: "text/event-stream" };
    if (byId("last-id").value) headers["Last-Event-ID"] = byId("last-id").value;
    const path = `/runs/${encodeURIComponent(byId("run-id").value)}/events`;
    return { method: "GET", path, headers, problem: byId("run-id").value ? "" : "A run id is needed." };
  }

  #bodyEdited() {
    const { value } = parseBody(byId("body").value);
    if (value) {
      for (const name of CHECKS) byId(name).checked = value[name] !== false;
      for (const name of FILTERS) byId(name).value = value.filters?.[name] ?? "";
      byId("on_disconnect").value = value.on_disconnect ?? "";
    }
    this.#changed();
  }

  #optionEdited() {
    const { value } = parseBody(byId("body").value);
    if (value) byId("body").value = JSON.stringify(withOptions(value), null, 2);
    this.#changed();
  }

  #changed() {
    const resuming = byId("endpoint").value === "events";
    byId("resume-fields").hidden = !resuming;
    byId("body-fields").hidden = resuming;
    const { problem } = parseBody(byId("body").value);
    byId("body-problem").textContent = problem;
    byId("body").setAttribute("aria-invalid", String(problem !== ""));
    this.#listener();
  }
}

/** Write `request` as a curl command for a POSIX shell. */
export function curlOf({ method, path, headers, body }, base) {
  const words = ["curl -N", method === "POST" ? "-X POST" : "", quoted(new URL(path.slice(1), base).href)];
  const lines = [words.filter(Boolean).join(" "), ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`)];
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function withOptions(body) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, byId(name).value.trim()]).filter(([, value]) => value));
  const next = { ...body };
  for (const name of CHECKS) next[name] = byId(name).checked;
  next.on_disconnect = byId("on_disconnect").value || undefined; // JSON.stringify leaves undefined out
  next.filters = Object.keys(filters).length ? filters : undefined;
  return next;
}

function parseBody(text) {
  try {
    const value = JSON.parse(text);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return { problem: "The body must be a JSON object." };
    return { value, problem: "" };
  } catch (error) {
    return { problem: error.message };
  }
}
