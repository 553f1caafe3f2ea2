// Server-sent events by fetch, because an EventSource can't send the key in a header. Reconnects with backoff and misses nothing.

import { Refusal, Unreachable, connection, pause, send } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * Calls `onevent({name, data})` for every event of `path` until the server has no more (204), the last event's name is in
 * `last`, or the signal is aborted. Throws a permanent `Refusal`.
 */
export async function follow(path, { onevent, onstate, last, signal }) {
  let lastId = null;
  let wait = FIRST_WAIT;
  for (;;) {
    try {
      const headers = { Accept: "text/event-stream" };
      if (lastId !== null) headers["Last-Event-ID"] = lastId;
      const response = await send("GET", path, { headers, signal });
      if (response.status === 204) return;
      if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})), response.headers);
      onstate?.("live");
      for await (const event of parse(response.body)) {
        wait = FIRST_WAIT;
        if (event.id) lastId = event.id;
        onevent({ name: event.name, data: JSON.parse(event.data) });
        if (last.includes(event.name)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const passing = !(error instanceof Refusal) || error.status >= 500 || error.status === 429;
      if (!passing) throw error;
      if (!(error instanceof Refusal) && !(error instanceof Unreachable)) connection(true);
      if (error.retryAfter) wait = Math.max(wait, 1000 * error.retryAfter);
    }
    if (signal.aborted) return;
    onstate?.("reconnecting");
    try {
      // Random, so that not all clients reconnect to a restarted server at once.
      await pause(wait * (0.75 + Math.random() / 2), signal);
    } catch {
      return;
    }
    wait = Math.min(2 * wait, LONGEST_WAIT);
  }
}

/** The events of a body, in the format of the HTML standard (section 9.2.6). */
async function* parse(body) {
  const decoder = new TextDecoder();
  let rest = "";
  let event = { name: "message", data: [], id: null };
  for await (const chunk of chunks(body)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) yield { name: event.name, data: event.data.join("\n"), id: event.id };
        event = { name: "message", data: [], id: null };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event.name = value;
      else if (field === "data") event.data.push(value);
      else if (field === "id") event.id = value;
    }
  }
}

async function* chunks(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
