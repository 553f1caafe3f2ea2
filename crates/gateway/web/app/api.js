// Calls of the REST contract. Every page goes through here, so the key, refusals and a lost connection are handled in one place.

import { key } from "./session.js";

/** A problem response of the server (RFC 9457). */
export class Refusal extends Error {
  constructor(status, problem, headers) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.problem = problem;
    this.errors = problem.errors ?? [];
    this.location = headers?.get("location");
    /** Seconds to wait, if the server gives them. */
    this.retryAfter = Number(headers?.get("retry-after")) || null;
  }
}

/** The server can't be reached. */
export class Unreachable extends Error {}

/** Events for the page's frame: a `key` is missing or wrong, the connection is `lost` or `back`. */
export const events = new EventTarget();
const tell = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let isLost = false;

/** Records whether the server could be reached. */
export function connection(lost) {
  if (lost !== isLost) tell(lost ? "lost" : "back");
  isLost = lost;
}

/**
 * Makes a call and returns the response with any status.
 *
 * Throws `Unreachable` if no server responds, and the signal's reason if it was aborted.
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

/** How often a call waits for its rate limit, and the maximum seconds. A call refused because of it had no effect. */
const RATE_ATTEMPTS = 5;
const RATE_WAIT_MAX = 10;

/** Makes a call, and waits for its rate limit if that takes only seconds. */
async function sendAtRate(method, path, options) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(method, path, options);
    const wait = Number(response.headers.get("retry-after")) || 1;
    if (response.status !== 429 || attempt >= RATE_ATTEMPTS || wait > RATE_WAIT_MAX) return response;
    await pause(1000 * wait * (1 + Math.random() / 4), options.signal);
  }
}

/** Makes a call and returns `{value, headers}`. Throws `Refusal` if the status is an error. */
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

/** The same for calls that create something. A repetition after a lost connection creates nothing more. */
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

/** The description of the API (OpenAPI 3.1), fetched once. */
export function openapi() {
  description ??= get("/openapi.json").catch((error) => {
    description = null;
    throw error;
  });
  return description;
}

/** Saves the response of a call as a file. A link could not send the key. */
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

/** Waits. Throws the signal's reason if it is aborted. */
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
 * Calls `look` every `interval` milliseconds until the signal is aborted, and less often while it fails or the page is hidden.
 * Ends at a permanent refusal.
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
