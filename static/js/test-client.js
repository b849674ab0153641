// The test client's page: one request at a time, its frames as they arrive, and the checks at its end.

import { checkStream, joined } from "./checks.js";
import { el, root, safeUrl, timeLeft } from "./dom.js";
import { spelled } from "./plain-text.js";
import { curlOf, RequestForm } from "./request-form.js";
import { signIn } from "./sign-in.js";
import { cancel, newKey, PAGE_HEADERS, problemOf, pump, StreamError } from "./stream.js";

const MOST_ROWS = 2000;

const byId = (id) => document.getElementById(id);
const form = new RequestForm();

let frames = [];
let rows = 0;
let started = 0;
let latest = 0;
let controller = null;
let runId = "";

function show(state, words = "", tone = "") {
  byId("state").textContent = state;
  byId("state").className = `badge ${tone}`;
  byId("state-words").textContent = words;
}

function refresh() {
  byId("curl").value = curlOf(form.read(), new URL(root(), location.href));
  byId("run").disabled = controller !== null || !form.valid;
  byId("abort").disabled = controller === null;
  byId("resume").disabled = controller !== null || !runId;
  byId("cancel").disabled = !runId;
}

function clear() {
  frames = [];
  rows = 0;
  for (const id of ["frames", "sources", "tokens", "result", "headers", "checks"]) byId(id).replaceChildren();
  for (const id of ["frame-count", "step"]) byId(id).textContent = "";
  byId("source-count").textContent = "0";
  byId("progress").value = 0;
}

function row(kind, raw, at) {
  rows += 1;
  byId("frame-count").textContent = rows > MOST_ROWS ? `${rows}, the first ${MOST_ROWS} shown` : String(rows);
  if (rows > MOST_ROWS) return;
  const cells = [at.toFixed(1), (at - latest).toFixed(1), kind, spelled(raw)].map((text) => el("td", {}, text));
  byId("frames").append(el("tr", { class: kind }, ...cells));
  latest = at;
}

function took(item) {
  const at = performance.now() - started;
  row(item.type === "frame" ? item.event : item.type, item.raw, at);
  if (item.type !== "frame") return false;
  const frame = { event: item.event, id: item.id, data: parsed(item), at };
  frames.push(frame);
  view(frame);
  return false;
}

function parsed({ event, data }) {
  try {
    return JSON.parse(data);
  } catch {
    throw new StreamError("bad_response", `The data of a ${event} event is not JSON.`);
  }
}

function view({ event, data, id }) {
  if (id) byId("last-id").value = id;
  if (event === "token") byId("tokens").append(spelled(data.text));
  else if (event === "reset") byId("tokens").replaceChildren();
  else if (event === "sources") showSources(data.sources);
  else if (event === "result" || event === "error") showTerminal(data);
  else if (event === "progress") {
    byId("progress").value = data.progress;
    const parts = [`${data.progress} %`, data.step, data.message, timeLeft(data.details?.eta_ms)];
    byId("step").textContent = parts.filter(Boolean).join(" · ");
  }
}

function showTerminal(data) {
  byId("result").textContent = spelled(JSON.stringify(data, null, 2));
  if (data.sources?.length) showSources(data.sources);
}

function showSources(sources) {
  byId("source-count").textContent = String(sources.length);
  byId("sources").replaceChildren(
    ...sources.map((source) => {
      const words = `[${source.n}] ${source.company}, ${source.period}, ${source.filename}, page ${source.page} (${source.score})`;
      const href = safeUrl(source.url);
      return el("li", {}, href ? el("a", { href, target: "_blank", rel: "noopener" }, words) : words);
    }),
  );
}

function showChecks(checks) {
  const badge = (passed) => (passed === null ? ["n/a", ""] : passed ? ["pass", "good"] : ["FAIL", "bad"]);
  byId("checks").replaceChildren(
    ...checks.map(({ words, passed, found }) => {
      const [text, tone] = badge(passed);
      const what = el("span", {}, `${words}: `, el("span", { class: "muted" }, found));
      return el("li", {}, el("span", { class: `badge ${tone}` }, text), what);
    }),
  );
}

function showHeaders(response) {
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  byId("headers").textContent = [`${response.status} ${response.statusText}`.trim(), ...lines].join("\n");
  runId = response.headers.get("X-Run-Id") ?? runId;
  byId("run-id").value = runId;
}

async function send(request, { keep = false } = {}) {
  if (!keep) clear();
  controller = new AbortController();
  started = performance.now();
  latest = 0;
  if (keep) row("note", "resumed on a new connection", 0);
  show("Waiting", `${request.method} ${request.path}`);
  refresh();
  try {
    const { method, headers, body } = request;
    const url = new URL(request.path.slice(1), new URL(root(), location.href));
    const sent = { ...headers, ...(method === "GET" ? {} : PAGE_HEADERS) };
    await receive(await fetch(url, { method, headers: sent, body, signal: controller.signal, cache: "no-store" }));
  } catch (error) {
    ended(error);
  } finally {
    controller = null;
    refresh();
  }
}

async function receive(response) {
  showHeaders(response);
  if (!response.ok) return refused(response);
  if (!(response.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) return whole(response);
  show("Streaming", `run ${runId}`, "warn");
  refresh();
  await pump(response, took);
  const terminal = frames.find(({ event }) => event === "result" || event === "error");
  if (terminal) show(terminal.event === "result" ? "Done" : "Failed", terminal.data.code ?? "", terminal.event === "result" ? "good" : "bad");
  else show("Cut", "the stream ended without a terminal event: resume it", "bad");
  showChecks(checkStream(frames));
  return undefined;
}

async function whole(response) {
  const data = await response.json();
  const took = performance.now() - started;
  row("json", JSON.stringify(data), took);
  runId = data.run_id ?? runId;
  byId("run-id").value = runId;
  byId("result").textContent = spelled(JSON.stringify(data, null, 2));
  byId("tokens").textContent = spelled(data.response ?? "");
  showSources(data.sources ?? []);
  show(response.status === 202 ? "Accepted" : "Done", `${response.status} in ${took.toFixed(0)} ms`, "good");
  showChecks([{ words: "One JSON object", passed: typeof data === "object" && data !== null, found: `${took.toFixed(0)} ms` }]);
}

async function refused(response) {
  const copy = response.clone();
  const problem = await problemOf(response);
  byId("result").textContent = spelled(await copy.text());
  if (problem.status === 401) signIn();
  show("Refused", `${problem.code}: ${problem.detail}`, "bad");
  const type = response.headers.get("Content-Type") ?? "none";
  showChecks([{ words: "Refused as application/problem+json", passed: type.startsWith("application/problem+json"), found: type }]);
}

function ended(error) {
  row("note", error.name === "AbortError" ? "aborted here" : `connection failed: ${error.message}`, performance.now() - started);
  if (error.name === "AbortError") show("Aborted", `${joined(frames).length} characters arrived; the run may go on`, "warn");
  else show("Cut", error.message, "bad");
  showChecks(checkStream(frames));
}

function resume() {
  const lastId = byId("last-id").value;
  const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
  send({ method: "GET", path: `/runs/${encodeURIComponent(runId)}/events`, headers }, { keep: true });
}

async function copyCurl() {
  byId("curl").select();
  const copied = navigator.clipboard && (await navigator.clipboard.writeText(byId("curl").value).then(() => true, () => false));
  byId("copy").textContent = copied ? "Copied" : "Selected: press Ctrl+C";
  setTimeout(() => (byId("copy").textContent = "Copy"), 2000);
}

async function cancelRun() {
  await cancel(root(), runId).then(
    () => row("note", "cancel accepted", performance.now() - started),
    (error) => show("Not cancelled", `${error.code}: ${error.detail}`, "bad"),
  );
}

form.onChange(refresh);
byId("request").addEventListener("submit", (event) => {
  event.preventDefault();
  const request = form.read();
  if (request.problem) show("Not sent", request.problem, "bad");
  else send(request);
});
byId("abort").addEventListener("click", () => controller?.abort());
byId("resume").addEventListener("click", resume);
byId("cancel").addEventListener("click", cancelRun);
byId("copy").addEventListener("click", copyCurl);
byId("new-key").addEventListener("click", () => {
  byId("idempotency-key").value = newKey();
  refresh();
});
refresh();
