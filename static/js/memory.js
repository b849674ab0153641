// The conversation of this tab, kept over reloads of the page: what was asked, under which key, and what came of it.

const MOST_TURNS = 20;
const MOST_CHARS = 1_000_000; // browsers keep five million
const KEY = "jacie.conversation";

/**
 * `turns` are {question, endpoint, key, runId, events}, the oldest first; `events` are the steps of the work and, once it has
 * ended, its terminal event. `history` goes along with the next question.
 */
export class Memory {
  turns = [];
  history = [];

  /** Take up what an earlier load of this page, mounted at `root`, left behind; nothing where nothing is kept. */
  constructor(root) {
    this.name = `${KEY}:${root}`;
    try {
      const { turns, history } = JSON.parse(sessionStorage.getItem(this.name)) ?? {};
      if (!Array.isArray(turns) || !Array.isArray(history)) return;
      Object.assign(this, { turns: turns.filter(isTurn), history });
    } catch {
      // storage is off, or holds something that is not ours
    }
  }

  /** Note a new question, or the same one asked again in the place of `before`. */
  begin(turn, before = null) {
    const begun = { runId: "", events: [], ...turn };
    if (before) this.turns[this.turns.indexOf(before)] = begun;
    else this.turns.push(begun);
    this.keep();
    return begun;
  }

  /** Note an event of a turn: steps, sources and the end are kept; tokens are in the end again, and with a result the sources. */
  note(turn, { event, data }) {
    const news = event === "progress" && data.message !== turn.events.at(-1)?.data.message;
    if (news || event === "sources") turn.events.push({ event, data });
    if (!ends(event)) return;
    if (event === "result") turn.events = turn.events.filter((kept) => kept.event !== "sources");
    turn.events.push({ event, data });
    if (event === "result") this.history = data.conversation_history ?? [];
    this.keep();
  }

  /** Write down what there is, without its oldest turns where it is too much. */
  keep() {
    this.turns = this.turns.slice(-MOST_TURNS);
    try {
      let kept = JSON.stringify(this);
      for (let from = 1; kept.length > MOST_CHARS && from < this.turns.length; from += 1) {
        kept = JSON.stringify({ ...this, turns: this.turns.slice(from) });
      }
      if (kept.length <= MOST_CHARS) sessionStorage.setItem(this.name, kept);
    } catch {
      // storage is off or full: the conversation lives as long as the page
    }
  }

  /** Begin anew, here and in what is kept. */
  forget() {
    this.turns = [];
    this.history = [];
    this.keep();
  }
}

/** Say whether a kept turn has come to its end. */
export function ended(turn) {
  return ends(turn.events.at(-1)?.event);
}

function ends(event) {
  return event === "result" || event === "error";
}

function isTurn(turn) {
  const texts = ["question", "endpoint", "key", "runId"].every((name) => typeof turn?.[name] === "string");
  return texts && ["chat", "fast_chat"].includes(turn.endpoint) && Array.isArray(turn.events);
}
