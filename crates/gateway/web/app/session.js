// The data of this browser tab: the key and the edited plan. They are never part of a URL.

const KEY = "carlo.key";
const PLAN = "carlo.plan";

/** The key for calls, or null. */
export const key = () => sessionStorage.getItem(KEY);

/** Keeps a key while this tab is open. */
export const keepKey = (secret) => sessionStorage.setItem(KEY, secret);

/** Forgets the key. */
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** The edited plan, or null. */
export function plan() {
  try {
    return JSON.parse(sessionStorage.getItem(PLAN));
  } catch {
    return null;
  }
}

/** Keeps the edited plan. */
export const keepPlan = (request) => sessionStorage.setItem(PLAN, JSON.stringify(request));
