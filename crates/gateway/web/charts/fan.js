// The balance over the timeline: the middle 50 %, the middle 80 %, and the median.

import { table } from "../app/dom.js";
import { money, months, shortMoney } from "../app/format.js";
import { figure } from "./plot.js";

/** A fan chart of `{trajectory, start, goal, timeline, pinned}`; `pinned` is another trajectory or nothing. */
export function fanFigure() {
  return figure("Balance over time", { draw, tabulate, describe });
}

/** Short timelines are in months, longer ones in years. */
const inYears = (timeline) => timeline > 36;

function draw({ trajectory, start, goal, timeline, pinned }, palette) {
  const scale = inYears(timeline) ? 12 : 1;
  const points = start === undefined ? trajectory : [{ month: 0, p10: start, p25: start, p50: start, p75: start, p90: start }, ...trajectory];
  const x = points.map(({ month }) => month / scale);
  const line = (name, more) => ({ type: "scatter", mode: "lines", x, y: points.map((point) => point[name]), line: { width: 0 }, hoverinfo: "skip", ...more });
  const hover = points.map(
    (point) => `${months(point.month)}<br>median ${shortMoney(point.p50)}<br>middle half ${shortMoney(point.p25)} to ${shortMoney(point.p75)}<br>middle 80 % ${shortMoney(point.p10)} to ${shortMoney(point.p90)}`,
  );
  const traces = [
    line("p10"),
    line("p90", { fill: "tonexty", fillcolor: palette.wide }),
    line("p25"),
    line("p75", { fill: "tonexty", fillcolor: palette.narrow }),
    line("p50", { line: { color: palette.accent, width: 2.5 }, text: hover, hoverinfo: "text", hovertemplate: "%{text}<extra></extra>" }),
  ];
  if (pinned) {
    traces.push({ type: "scatter", mode: "lines", x: pinned.map(({ month }) => month / scale), y: pinned.map(({ p50 }) => p50), line: { color: palette.pinned, width: 2, dash: "dash" }, hoverinfo: "skip" });
  }
  const end = timeline / scale;
  const annotations = [{ x: 0, y: goal, xanchor: "left", yanchor: "bottom", text: `goal ${shortMoney(goal)}`, showarrow: false, font: { color: palette.goal, size: 12 } }];
  return {
    traces,
    layout: {
      hovermode: "closest",
      annotations,
      shapes: [{ type: "line", x0: 0, x1: end, y0: goal, y1: goal, line: { color: palette.goal, width: 2, dash: "dot" } }],
      xaxis: { title: { text: scale === 12 ? "years" : "months" }, range: [0, end], showgrid: false, nticks: 8 },
      yaxis: { tickprefix: "$", tickformat: "~s", nticks: 6 },
    },
  };
}

function tabulate({ trajectory }) {
  const column = (name, title) => ({ title, numeric: true, cell: (point) => money(point[name]) });
  return table(
    "Percentiles of the balance over time",
    [
      { title: "Month", numeric: true, cell: ({ month }) => month },
      column("p10", "10 %"),
      column("p25", "25 %"),
      column("p50", "Median"),
      column("p75", "75 %"),
      column("p90", "90 %"),
    ],
    trajectory,
  );
}

function describe({ trajectory }) {
  const last = trajectory.at(-1);
  return last ? `median ${shortMoney(last.p50)} after ${months(last.month)}` : "";
}
