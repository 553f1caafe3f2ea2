// Line charts: an interval that narrows, a replay, a sweep, the cluster's last hour.

import { table } from "../app/dom.js";
import { figure } from "./plot.js";

/**
 * A line chart. `series(data)` returns `[{name, x, y, color, dash, band: {low, high}}]`, with colors by their names in the palette,
 * `columns(data)` and `rows(data)` the columns and rows of the table, and `describe(data)` the sentence.
 */
export function linesFigure(title, { series, layout = () => ({}), columns, rows, describe, short = true }) {
  return figure(title, {
    short,
    describe,
    tabulate: (data) => table(title, columns(data), rows(data)),
    draw: (data, palette) => ({ traces: series(data).flatMap((one) => traces(one, palette)), layout: layout(data, palette) }),
  });
}

function traces({ name, x, y, color = "accent", dash, band, hover, mode = "lines", shape }, palette) {
  const all = [];
  if (band) {
    all.push({ type: "scatter", mode: "lines", x, y: band.low, line: { width: 0, shape }, hoverinfo: "skip" });
    all.push({ type: "scatter", mode: "lines", x, y: band.high, line: { width: 0, shape }, fill: "tonexty", fillcolor: palette.narrow, hoverinfo: "skip" });
  }
  all.push({
    type: "scatter",
    mode,
    name,
    x,
    y,
    line: { color: palette[color], width: 2, dash, shape },
    marker: { color: palette[color], size: 6 },
    ...(hover ? { text: hover, hovertemplate: "%{text}<extra></extra>" } : {}),
  });
  return all;
}
