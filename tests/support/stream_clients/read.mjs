// Reads an event stream with one of the widely used readers and prints every message that it dispatches, as a JSON line of
// [event, id, data]: node read.mjs READER URL.
const [reader, url] = process.argv.slice(2);
const NAMES = ["progress", "sources", "token", "reset", "reconnect", "result", "error", "message"];
const LAST = ["result", "error"];
const show = (event, id, data) => console.log(JSON.stringify([event, id ?? "", data]));

const readers = {
  async "eventsource-parser"() {
    const { createParser } = await import("eventsource-parser");
    const parser = createParser({
      onEvent: (message) => show(message.event ?? "", message.id, message.data),
      onError: (error) => show("parser error", "", String(error)),
    });
    const text = new TextDecoder();
    for await (const chunk of (await fetch(url)).body) parser.feed(text.decode(chunk, { stream: true }));
  },

  async eventsource() {
    const { EventSource } = await import("eventsource");
    const source = new EventSource(url);
    await new Promise((done) => {
      for (const name of NAMES) {
        source.addEventListener(name, (message) => {
          show(message.type, message.lastEventId, message.data ?? "");
          if (LAST.includes(name)) done(source.close());
        });
      }
    });
  },

  async "fetch-event-source"() {
    // What the library expects of a browser: it reconnects when a page becomes visible.
    globalThis.window = globalThis;
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    const { fetchEventSource } = await import("@microsoft/fetch-event-source");
    await fetchEventSource(url, {
      method: "POST",
      openWhenHidden: true,
      onopen: async () => {},
      onmessage: ({ event, id, data }) => show(event, id, data),
      onerror: (error) => {
        throw error;
      },
    });
  },
};

await readers[reader]();
