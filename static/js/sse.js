// Server-Sent Events, read incrementally: bytes in as the network cuts them, frames, comments and retry times out.
// Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

/**
 * One connection's parser. `feed` returns what a chunk completed, in order, as
 * {type: "frame", event, data, id, raw} (id is "" when the frame named none),
 * {type: "comment", text, raw} and {type: "retry", milliseconds, raw}.
 * A frame that the connection's end cut off is never returned.
 */
export class SseParser {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #started = false;
  #afterCr = false;
  #unfinished = "";
  #event = "";
  #data = [];
  #id = "";
  #raw = [];

  feed(bytes) {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }))
      .map((line) => this.#take(line))
      .filter((item) => item !== null);
  }

  #lines(chunk) {
    if (!chunk) return [];
    let text = chunk;
    if (!this.#started && text.startsWith("\ufeff")) text = text.slice(1);
    this.#started = true;
    if (this.#afterCr && text.startsWith("\n")) text = text.slice(1);
    this.#afterCr = text.endsWith("\r");
    const lines = (this.#unfinished + text).split(/\r\n|\r|\n/);
    this.#unfinished = lines.pop();
    return lines;
  }

  #take(line) {
    if (!line) return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (!name) return { type: "comment", text: value, raw: line };
    if (name === "retry" && /^[0-9]+$/.test(value)) return { type: "retry", milliseconds: Number(value), raw: line };
    this.#raw.push(line);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch() {
    const frame = {
      type: "frame",
      event: this.#event || "message",
      data: this.#data.join("\n"),
      id: this.#id,
      raw: this.#raw.join("\n"),
    };
    const empty = this.#data.length === 0;
    this.#event = this.#id = "";
    this.#data = [];
    this.#raw = [];
    return empty ? null : frame;
  }
}
