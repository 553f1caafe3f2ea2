// Numbers, money and times as text.

const LOCALE = "en-US";
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const dollars = new Intl.NumberFormat(LOCALE, { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const compactDollars = new Intl.NumberFormat(LOCALE, { style: "currency", currency: "USD", notation: "compact", maximumSignificantDigits: 3 });
const compactCount = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Uses the minus sign instead of the hyphen. */
const signed = (text) => text.replace("-", "−");

/** 1,234,567 */
export const count = (value) => (isNumber(value) ? signed(whole.format(value)) : "–");

/** "1 job", "2 jobs" */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** 1.23M, 12.3k */
export const shortCount = (value) => (isNumber(value) ? signed(compactCount.format(value).replace("K", "k")) : "–");

/** $1,234; below a dollar $0.42, $4.2e−3 */
export function money(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size === 0 || size >= 0.995) return signed(dollars.format(value));
  return `${value < 0 ? "−" : ""}$${signed(size < 0.00995 ? size.toExponential(1) : size.toFixed(2))}`;
}

/** $1.23M */
export const shortMoney = (value) => (isNumber(value) ? signed(compactDollars.format(value).replace("K", "k")) : "–");

/** Small amounts: $0.0123 */
export function cost(value) {
  if (!isNumber(value)) return "–";
  const digits = value !== 0 && Math.abs(value) < 1 ? 4 : 2;
  return signed(new Intl.NumberFormat(LOCALE, { style: "currency", currency: "USD", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
}

/** A share as a percentage, with as many digits as are significant given its error: 78.41 % for an error of 0.03 %. */
export function percent(share, error) {
  if (!isNumber(share)) return "–";
  return `${signed((100 * share).toFixed(digitsFor(error)))} %`;
}

/** Decimals of a percentage with this standard error (a share); one if the error is unknown. */
export function digitsFor(error) {
  if (!isNumber(error) || error <= 0) return 1;
  return Math.min(4, Math.max(1, Math.ceil(-Math.log10(100 * error))));
}

/** A difference of shares in percentage points, with its sign: +1.23 */
export function points(share, error) {
  if (!isNumber(share)) return "–";
  const text = (100 * share).toFixed(digitsFor(error));
  return share > 0 ? `+${text}` : signed(text);
}

/** The two ends of an interval of shares: 77.9 to 78.9 % */
export function percentInterval([low, high]) {
  const error = (high - low) / 4;
  return `${percent(low, error).replace(" %", "")} to ${percent(high, error)}`;
}

/** 36 months as "3 years", 40 as "3 years 4 months". */
export function months(value) {
  if (!isNumber(value)) return "–";
  const years = Math.floor(value / 12);
  const rest = Math.round(value % 12);
  const parts = [];
  if (years > 0) parts.push(`${count(years)} ${years === 1 ? "year" : "years"}`);
  if (rest > 0 || years === 0) parts.push(`${rest} ${rest === 1 ? "month" : "months"}`);
  return parts.join(" ");
}

/** Seconds as "12 ms", "0.4 s", "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds) {
  if (!isNumber(seconds) || seconds < 0) return "–";
  if (seconds < 0.0995) return `${Math.max(1, Math.round(1000 * seconds))} ms`;
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** A time in this browser's zone. */
export function time(text) {
  const date = new Date(text ?? NaN);
  return Number.isNaN(date.valueOf()) ? "–" : moment.format(date);
}

/** The time since then. */
export function ago(text, now = Date.now()) {
  const date = new Date(text ?? NaN);
  if (Number.isNaN(date.valueOf())) return "–";
  const seconds = Math.max(0, (now - date.valueOf()) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

/** camelCase or snake_case as words: "annualReturnMean" is "Annual return mean". */
export function words(name) {
  const text = name.replace(/_/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
