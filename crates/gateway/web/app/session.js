// What this tab of the browser knows: the key, and the plan that is being edited. Nothing of it is ever part of a URL.

const KEY = "carlo.key";
const PLAN = "carlo.plan";

/** The key that calls are made with, or null. */
export const key = () => sessionStorage.getItem(KEY);

/** Keeps a key for as long as this tab is open. */
export const keepKey = (secret) => sessionStorage.setItem(KEY, secret);

/** Forgets the key. */
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** The plan that was being edited, or null. */
export function plan() {
  try {
    return JSON.parse(sessionStorage.getItem(PLAN));
  } catch {
    return null;
  }
}

/** Keeps the plan that is being edited. */
export const keepPlan = (request) => sessionStorage.setItem(PLAN, JSON.stringify(request));
