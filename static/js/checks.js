// What a stream has to keep, checked on the frames that arrived (PROTOCOL: Frames).

import { compareIds } from "./stream.js";

const TERMINAL = ["result", "error"];

/** Return [{words, passed: true|false|null, found}] for `frames` = [{event, data, id, at}]; null: nothing to check. */
export function checkStream(frames) {
  return [oneTerminal(frames), increasing(frames), monotone(frames), sameText(frames), sourcesFirst(frames), firstEvent(frames)];
}

function oneTerminal(frames) {
  const terminal = frames.filter(({ event }) => TERMINAL.includes(event));
  const last = terminal.length > 0 && frames.at(-1) === terminal[0];
  return {
    words: "Exactly one terminal event, and it is the last",
    passed: terminal.length === 1 && last,
    found: terminal.length ? terminal.map(({ event }) => event).join(", ") : "none arrived",
  };
}

function increasing(frames) {
  const ids = frames.map(({ id }) => id).filter(Boolean);
  const broken = ids.findIndex((id, i) => i > 0 && compareIds(id, ids[i - 1]) <= 0);
  return {
    words: "Ids strictly increase",
    passed: ids.length > 1 ? broken < 0 : null,
    found: broken < 0 ? `${ids.length} ids` : `${ids[broken]} after ${ids[broken - 1]}`,
  };
}

function monotone(frames) {
  const values = frames.filter(({ event }) => event === "progress").map(({ data }) => data.progress);
  const broken = values.findIndex((value, i) => value < 0 || value > 100 || (i > 0 && value < values[i - 1]));
  return {
    words: "Progress never goes back",
    passed: values.length ? broken < 0 : null,
    found: broken < 0 ? values.join(", ") : `${values[broken]} after ${values[broken - 1]}`,
  };
}

/** The tokens since the last `reset`, joined. */
export function joined(frames) {
  const from = frames.findLastIndex(({ event }) => event === "reset") + 1;
  return frames.slice(from).reduce((text, { event, data }) => (event === "token" ? text + data.text : text), "");
}

function sameText(frames) {
  const result = frames.find(({ event }) => event === "result");
  const text = joined(frames);
  return {
    words: "Tokens joined are exactly result.response",
    passed: result ? text === result.data.response : null,
    found: result ? `${text.length} and ${result.data.response.length} characters` : "no result",
  };
}

function sourcesFirst(frames) {
  const sources = frames.findIndex(({ event }) => event === "sources");
  const token = frames.findIndex(({ event }) => event === "token");
  return {
    words: "Sources come before the first token",
    passed: token < 0 || sources < 0 ? null : sources < token,
    found: sources < 0 ? "no sources" : `frame ${sources + 1}`,
  };
}

function firstEvent(frames) {
  const first = frames.at(0);
  return { words: "Time to first event", passed: first ? true : null, found: first ? `${first.at.toFixed(1)} ms` : "no event" };
}
