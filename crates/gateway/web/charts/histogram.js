// The distribution of final balances, with the goal as a line.

import { table } from "../app/dom.js";
import { count, money, percent, shortMoney } from "../app/format.js";
import { figure, marker } from "./plot.js";

/** A histogram of `{histogram, goal, pinned}`; `pinned` is another histogram or nothing. */
export function histogramFigure() {
  return figure("Final balances", { draw, tabulate, describe });
}

/** The bars without the lowest and highest 0.1 % of the simulations, because outliers would compress the others. */
function visible({ edges, counts }) {
  const total = counts.reduce((sum, one) => sum + one, 0);
  const edge = total / 1000;
  let [first, last, before, after] = [0, counts.length - 1, 0, 0];
  while (first < last && before + counts[first] <= edge) before += counts[first++];
  while (last > first && after + counts[last] <= edge) after += counts[last--];
  return { first, last, total, low: edges[first], high: edges[last + 1] };
}

function bars({ edges, counts }, total) {
  const x = counts.map((_, bar) => (edges[bar] + edges[bar + 1]) / 2);
  const width = counts.map((_, bar) => edges[bar + 1] - edges[bar]);
  // Bars of different widths are compared by their area.
  const usual = [...width].sort((a, b) => a - b)[Math.floor(width.length / 2)] || 1;
  const y = counts.map((simulations, bar) => (simulations / total) * (usual / (width[bar] || usual)));
  return { x, width, y };
}

function draw({ histogram, goal, pinned }, palette) {
  const { low, high, total } = visible(histogram);
  const { x, width, y } = bars(histogram, total);
  const color = x.map((middle) => (middle < goal ? palette.below : palette.above));
  const text = histogram.counts.map(
    (simulations, bar) => `${shortMoney(histogram.edges[bar])} to ${shortMoney(histogram.edges[bar + 1])}<br>${percent(simulations / total)} of simulations`,
  );
  const traces = [{ type: "bar", x, y, width, marker: { color, line: { width: 0 } }, text, textposition: "none", hovertemplate: "%{text}<extra></extra>" }];
  if (pinned) {
    const other = bars(pinned, pinned.counts.reduce((sum, one) => sum + one, 0));
    const scale = (width[0] || 1) / (other.width[0] || 1);
    traces.push({ type: "scatter", mode: "lines", x: other.x, y: other.y.map((one) => one * scale), line: { color: palette.pinned, width: 2, shape: "hvh" }, name: "pinned", hoverinfo: "skip" });
  }
  const inside = Math.min(Math.max(goal, low), high);
  const line = marker(inside, `goal ${shortMoney(goal)}`, palette.goal, { xanchor: inside > (low + high) / 2 ? "right" : "left" });
  return {
    traces,
    layout: {
      hovermode: "closest",
      bargap: 0.06,
      shapes: [line.shape],
      annotations: [line.annotation],
      xaxis: { range: [Math.min(low, goal), Math.max(high, goal)], tickprefix: "$", tickformat: "~s", showgrid: false },
      yaxis: { tickformat: ".1~%", rangemode: "tozero", nticks: 5 },
    },
  };
}

function tabulate({ histogram }) {
  const total = histogram.counts.reduce((sum, one) => sum + one, 0);
  return table(
    "Final balances in bars",
    [
      { title: "From", numeric: true, cell: (bar) => money(histogram.edges[bar]) },
      { title: "To", numeric: true, cell: (bar) => money(histogram.edges[bar + 1]) },
      { title: "Simulations", numeric: true, cell: (bar) => count(histogram.counts[bar]) },
      { title: "Share", numeric: true, cell: (bar) => percent(histogram.counts[bar] / total) },
    ],
    [...histogram.counts.keys()],
  );
}

function describe({ histogram }) {
  const { low, high } = visible(histogram);
  return `almost all between ${shortMoney(low)} and ${shortMoney(high)}`;
}
