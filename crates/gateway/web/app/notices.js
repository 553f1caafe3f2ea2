// Messages about refusals and other events.

import { Refusal, Unreachable } from "./api.js";
import { append, h, replace } from "./dom.js";
import { duration } from "./format.js";

/** The message for an error: a title, a sentence, and perhaps a remedy. */
export function explain(error) {
  if (error instanceof Unreachable) return ["No connection", "The server can't be reached. This page goes on by itself when it is back."];
  if (!(error instanceof Refusal)) return ["Something went wrong", error.message];
  const wait = error.retryAfter ? ` Try again in ${duration(error.retryAfter)}.` : "";
  switch (error.status) {
    case 401:
      return ["A key is needed", "This cluster asks for a key. Enter yours with the button “Key” at the top."];
    case 403:
      return ["Not yours to see", `${sentence(error.message)} Your key doesn't allow this.`];
    case 404:
      return ["Not found", sentence(error.message)];
    case 429:
      return [error.problem.quota ? "Monthly quota used up" : "Too many calls", `${sentence(error.message)}${wait}`];
    case 503:
    case 504:
      return ["Not available right now", `${sentence(error.message)}${wait}`];
    default:
      return [error.problem.title || "Refused", sentence(error.message)];
  }
}

/** A message with a capital letter and a full stop. */
export function sentence(text) {
  const trimmed = text.trim();
  const end = /[.!?…]$/.test(trimmed) ? "" : ".";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + end;
}

/** A notice of an error. */
export function notice(error) {
  const [title, text] = explain(error);
  const faults = error instanceof Refusal && error.errors.length > 1 ? error.errors : [];
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("strong", {}, title),
    h("p", {}, text),
    faults.length ? h("ul", {}, faults.map(({ pointer, message }) => h("li", {}, h("code", {}, pointer || "/"), " ", message))) : null,
  );
}

/** Shows only an error. */
export function showError(element, error) {
  replace(element, notice(error));
}

const toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** Shows a message for a few seconds. */
export function toast(text, kind = "good") {
  if (!toasts.isConnected) append(document.body, toasts);
  const item = h("div", { class: `toast ${kind}` }, text);
  toasts.append(item);
  setTimeout(() => item.remove(), 6000);
}

/** Shows an error for a few seconds. */
export function toastError(error) {
  if (error?.name === "AbortError") return;
  toast(explain(error).join(": "), "bad");
}
