// The points of a sweep: a line for one axis, a map for two.
//
// An axis is `{label, unit, values, scale, tick, print}`, from `axisOf`. The rows are the points in the format of the API.

import { table } from "../app/dom.js";
import { count, money, months, percent, points, shortMoney } from "../app/format.js";
import { linesFigure } from "./lines.js";
import { figure } from "./plot.js";

/** Units whose values are whole. */
export const WHOLE = ["months", "count", "years"];

/** An axis over a number that is shown under `label` in `unit` (see `pages/plan/fields.js`). */
export function axisOf({ label, unit }, values) {
  const rate = (value) => percent(value);
  const tick = { money: shortMoney, rate }[unit] ?? count;
  const print = { money, rate, months }[unit] ?? count;
  return { label, unit, values, scale: unit === "rate" ? 100 : 1, tick, print };
}

/** The chart for one or two axes. */
export const sweepFigure = (axes) => (axes.length === 1 ? lineFigure(axes[0]) : mapFigure(axes));

const columns = (axes) => [
  ...axes.map(({ label, print }, index) => ({ title: label, numeric: true, cell: ({ values }) => print(values[index]) })),
  { title: "Probability", numeric: true, cell: (point) => percent(point.successProbability, point.standardError) },
  { title: "± (95 %)", numeric: true, cell: ({ standardError }) => (196 * standardError).toFixed(2) },
  { title: "Against the plan", numeric: true, cell: ({ delta, deltaStandardError }) => `${points(delta, deltaStandardError)} ± ${(196 * deltaStandardError).toFixed(2)}` },
  { title: "Median", numeric: true, cell: ({ median }) => (median === undefined || median === null ? "" : money(median)) },
];

function range(rows) {
  const all = rows.map(({ successProbability }) => successProbability);
  return `from ${percent(Math.min(...all))} to ${percent(Math.max(...all))}`;
}

/** One axis: a line with its interval. */
function lineFigure(axis) {
  return linesFigure(`Probability along ${axis.label.toLowerCase()}`, {
    short: false,
    describe: range,
    series: (rows) => [
      {
        name: "probability",
        x: rows.map(({ values }) => values[0] * axis.scale),
        y: rows.map(({ successProbability }) => 100 * successProbability),
        band: { low: rows.map(({ confidenceInterval95: [low] }) => 100 * low), high: rows.map(({ confidenceInterval95: [, high] }) => 100 * high) },
        mode: "lines+markers",
        hover: rows.map(({ values, successProbability, standardError }) => `${axis.print(values[0])}: ${percent(successProbability, standardError)}`),
      },
    ],
    layout: () => ({ hovermode: "closest", xaxis: { title: { text: axis.label } }, yaxis: { ticksuffix: " %" } }),
    columns: () => columns([axis]),
    rows: (rows) => rows,
  });
}

/** Stops of a scale whose lightness increases with the value (viridis), so that it is readable without colors. */
const SCALE = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function shade(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (SCALE.length - 1);
  const [low, high] = [SCALE[Math.floor(at)], SCALE[Math.floor(at) + 1]];
  return `rgb(${low.map((one, index) => Math.round(one + (high[index] - one) * (at % 1))).join(", ")})`;
}

/** Two axes: a map. */
function mapFigure(axes) {
  const [one, other] = axes;
  return figure(`Probability by ${one.label.toLowerCase()} and ${other.label.toLowerCase()}`, {
    describe: range,
    draw: (rows, palette) => {
      const share = ({ successProbability }) => successProbability;
      const place = ({ values }) => [one.values.indexOf(values[0]), other.values.indexOf(values[1])];
      const ticks = ({ label, unit, values, tick }) => ({
        title: { text: unit === "months" ? `${label}, months` : label },
        tickvals: values.map((_, index) => index).filter((index) => values.length <= 12 || index % Math.ceil(values.length / 10) === 0),
        ticktext: values.map(tick).filter((_, index) => values.length <= 12 || index % Math.ceil(values.length / 10) === 0),
        range: [-0.5, values.length - 0.5],
        showgrid: false,
        zeroline: false,
      });
      const small = rows.length <= 150;
      return {
        // The cells are shapes, because plotly's heat map sets style attributes, which the page's policy forbids. Invisible markers react to the pointer.
        traces: [
          {
            type: "scatter",
            mode: small ? "text" : "markers",
            x: rows.map((row) => place(row)[0]),
            y: rows.map((row) => place(row)[1]),
            text: rows.map((row) => (small ? Math.round(100 * share(row)) : "")),
            textfont: { size: 12, color: rows.map((row) => (share(row) > 0.55 ? "#10151c" : "#ffffff")) },
            marker: { opacity: 0 },
            customdata: rows.map((row) => `${one.print(row.values[0])}, ${other.print(row.values[1])}: ${percent(share(row), row.standardError)}`),
            hovertemplate: "%{customdata}<extra></extra>",
          },
        ],
        layout: {
          hovermode: "closest",
          shapes: rows.map((row) => {
            const [x, y] = place(row);
            return { type: "rect", layer: "below", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, fillcolor: shade(share(row)), line: { color: palette.surface, width: small ? 1 : 0 } };
          }),
          xaxis: ticks(one),
          yaxis: ticks(other),
        },
      };
    },
    tabulate: (rows) => table("The map as numbers", columns(axes), rows),
  });
}
