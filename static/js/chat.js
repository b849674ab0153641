// The chat page: the composer, the conversation and its memory, and what may be asked.

import { showCollection } from "./collection.js";
import { el, root, say } from "./dom.js";
import { ended, Memory } from "./memory.js";
import { PageView } from "./page-view.js";
import { signIn } from "./sign-in.js";
import { ask, cancel, newKey } from "./stream.js";
import { failureOf, Turn } from "./turn.js";

const MODE_WORDS = { chat: "Reads the selected documents", fast_chat: "Searches the index" };
const PATIENCE_AFTER_STOP_MS = 1500;

const byId = (id) => document.getElementById(id);
const [form, box, send, stop, fresh] = ["composer", "question", "send", "stop", "new-conversation"].map(byId);
const [welcome, conversation, announcer, examples] = ["welcome", "conversation", "announcer", "examples"].map(byId);

const pages = new PageView();
const memory = new Memory(root());
let turns = 0;
let running = null;

function announce(words) {
  say(announcer, words);
}

/** How far the end of the answer's words is below what can be seen above the composer; negative while it is in view. */
function hiddenPart(turn) {
  return turn.reply.getBoundingClientRect().bottom + 16 - form.getBoundingClientRect().top;
}

/** Change a turn and keep the end of its words in view, unless the reader has scrolled away from it. */
function follow(turn, change) {
  const inView = hiddenPart(turn) <= 24;
  change();
  const hidden = hiddenPart(turn);
  if (inView && hidden > 0) window.scrollBy(0, hidden);
}

function mode() {
  return new FormData(form).get("mode");
}

function refresh() {
  byId("mode-words").textContent = MODE_WORDS[mode()];
  send.hidden = running !== null;
  stop.hidden = running === null;
  send.disabled = box.value.trim() === "";
  fresh.hidden = turns === 0;
  welcome.hidden = turns > 0;
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

function submit() {
  const question = box.value.trim();
  if (!question || running) return;
  box.value = "";
  fit();
  const turn = added(memory.begin({ question, endpoint: mode(), key: newKey() }));
  turn.element.scrollIntoView({ block: "start" });
}

/** Put a question on the page and follow its run; one that has ended before is shown as it ended. */
function added(entry) {
  turns += 1;
  let kept = entry;
  const turn = new Turn(turns, entry.question, {
    announce,
    around: follow,
    onRetry: () => {
      if (!running) run(turn, (kept = memory.begin({ ...kept, key: newKey(), runId: "", events: [] }, kept)));
    },
    onShow: (place) => pages.open(place),
  });
  conversation.append(turn.element);
  if (ended(entry)) replay(turn, entry);
  else run(turn, entry);
  return turn;
}

/** Show a turn as it ended, without announcing again what was heard before. */
function replay(turn, { events }) {
  turn.announce = () => {};
  turn.start();
  for (const item of events) turn.take(item);
  turn.announce = announce;
}

async function run(turn, entry) {
  const mine = (running = { controller: new AbortController(), runId: entry.runId });
  turn.start();
  refresh();
  const body = { query: entry.question, auto_load_documents: true, memory_enabled: true, conversation_history: memory.history };
  const take = (item) => {
    follow(turn, () => turn.take(item));
    if (running === mine) memory.note(entry, item);
  };
  try {
    await ask(`${root()}${entry.endpoint}/stream`, body, {
      key: entry.key,
      runId: entry.runId,
      signal: mine.controller.signal,
      onEvent: take,
      onState: (state, facts) => {
        if (facts.runId && facts.runId !== mine.runId) {
          entry.runId = mine.runId = facts.runId;
          memory.keep();
        }
        follow(turn, () => turn.connection(state, facts));
      },
    });
  } catch (error) {
    take({ event: "error", data: { ...failureOf(error), partial_response: turn.text.value } });
    if (error.status === 401) signIn(() => run(turn, Object.assign(entry, { events: [] })));
  } finally {
    if (running === mine) running = null;
    refresh();
  }
}

/** Stop the run on the server, which then ends the stream with what it has; leave by ourselves if it does not. */
async function halt() {
  const mine = running;
  if (!mine) return;
  stop.disabled = true;
  setTimeout(() => mine.controller.abort(), mine.runId ? PATIENCE_AFTER_STOP_MS : 0);
  if (mine.runId) await cancel(root(), mine.runId).catch(() => {});
  stop.disabled = false;
  box.focus();
}

function startOver() {
  running?.controller.abort();
  if (running?.runId) cancel(root(), running.runId).catch(() => {});
  running = null;
  memory.forget();
  turns = 0;
  conversation.replaceChildren();
  announce("New conversation");
  refresh();
  box.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
form.addEventListener("change", refresh);
box.addEventListener("input", () => {
  fit();
  refresh();
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
stop.addEventListener("click", halt);
fresh.addEventListener("click", startOver);
examples.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  box.value = button.textContent;
  submit();
});

for (const entry of memory.turns.filter((kept, i, all) => ended(kept) || i === all.length - 1)) added(entry);
conversation.lastElementChild?.scrollIntoView({ block: "start" });
refresh();
if (matchMedia("(pointer: fine)").matches) box.focus(); // on a phone it would open the keyboard over the page
showCollection(welcome).catch(() => {}); // the page works without the examples
