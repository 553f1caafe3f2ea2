// A small line of the recent values of a number.

import { svg } from "../app/dom.js";

/** The recent values, oldest first; decoration beside the number itself. */
export function sparkline(values) {
  const top = Math.max(...values, 1e-9);
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(24 - (22 * value) / top).toFixed(1)}`);
  return svg("svg", { class: "spark-line", viewBox: "0 0 100 26", preserveAspectRatio: "none", "aria-hidden": "true" }, values.length > 1 ? svg("polyline", { points: points.join(" ") }) : null);
}
