// Calls of the REST contract. Every page goes through here, so the key, refusals and a lost connection are handled in one place.

import { key } from "./session.js";

/** A refusal, as the server words it (RFC 9457). */
export class Refusal extends Error {
  constructor(status, problem, headers) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.problem = problem;
    this.errors = problem.errors ?? [];
    this.location = headers?.get("location");
    /** Seconds to wait, where the server says so. */
    this.retryAfter = Number(headers?.get("retry-after")) || null;
  }
}

/** The server can't be reached. */
export class Unreachable extends Error {}

/** Tells the page's frame what happened to calls: `key` is wanted or wrong, the connection is `lost` or `back`. */
export const events = new EventTarget();
const tell = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let isLost = false;

/** Notes whether the server could be reached. */
export function connection(lost) {
  if (lost !== isLost) tell(lost ? "lost" : "back");
  isLost = lost;
}

/**
 * Makes a call and gives the response, whatever its status is.
 *
 * Throws `Unreachable` where no server answers, and the signal's reason where it was aborted.
 */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const all = new Headers(headers);
  const secret = key();
  if (secret) all.set("X-API-Key", secret);
  if (body !== undefined) all.set("Content-Type", "application/json");
  let response;
  try {
    response = await fetch(path, { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    connection(true);
    throw new Unreachable("The server can't be reached.");
  }
  connection(false);
  if (response.status === 401) tell("key", { wrong: secret !== null });
  return response;
}

/** How often, and for how many seconds at most, a call waits for its rate limit: what was refused for it has not been done. */
const RATE_ATTEMPTS = 5;
const RATE_WAIT_MAX = 10;

/** Makes a call and waits for its rate limit where that takes seconds. */
async function sendAtRate(method, path, options) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(method, path, options);
    const wait = Number(response.headers.get("retry-after")) || 1;
    if (response.status !== 429 || attempt >= RATE_ATTEMPTS || wait > RATE_WAIT_MAX) return response;
    await pause(1000 * wait * (1 + Math.random() / 4), options.signal);
  }
}

/** Makes a call; its answer as `{value, headers}`. Throws `Refusal` for every status that is an error. */
export async function call(method, path, options = {}) {
  const response = await sendAtRate(method, path, options);
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new Refusal(response.status, { detail: "The server sent an answer that is not JSON." }, response.headers);
  }
  if (!response.ok) throw new Refusal(response.status, value ?? { title: response.statusText }, response.headers);
  return { value, headers: response.headers };
}

/** The value of a GET. */
export const get = async (path, options) => (await call("GET", path, options)).value;

/** The value of a POST. */
export const post = async (path, body, options) => (await call("POST", path, { ...options, body })).value;

/** The same for what creates something: a repetition after a lost connection does it once. */
export const create = (path, body, options) => post(path, body, { ...options, headers: { "Idempotency-Key": crypto.randomUUID?.() ?? randomKey() } });

/** The value of a DELETE. */
export const remove = async (path, options) => (await call("DELETE", path, options)).value;

/** `crypto.randomUUID` exists in secure contexts only. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Query parameters; those without a value are left out. */
export function query(parameters) {
  const present = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return present.length ? `?${new URLSearchParams(present)}` : "";
}

let description = null;

/** The description of the API (OpenAPI 3.1), read once. */
export function openapi() {
  description ??= get("/openapi.json").catch((error) => {
    description = null;
    throw error;
  });
  return description;
}

/** Saves bytes of a call as a file, with the key that a link could not carry. */
export async function download(path, name, { headers, signal } = {}) {
  const response = await send("GET", path, { headers, signal });
  if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})), response.headers);
  save(await response.blob(), name);
}

/** Saves a blob as a file. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Waits, unless the signal is aborted first: then it throws the signal's reason. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Calls `look` again and again until the signal is aborted: every `interval` milliseconds, more rarely while it fails or the page is not seen.
 * A refusal that waiting won't change ends it.
 */
export async function poll(look, interval, signal, onerror) {
  let wait = interval;
  while (!signal.aborted) {
    try {
      await look();
      wait = interval;
    } catch (error) {
      if (signal.aborted) return;
      onerror?.(error);
      if (error instanceof Refusal && error.status < 500 && error.status !== 429) return;
      wait = error.retryAfter ? 1000 * error.retryAfter : Math.min(2 * wait, 15_000);
    }
    try {
      await pause(document.hidden ? Math.max(wait, 10_000) : wait, signal);
    } catch {
      return;
    }
  }
}
