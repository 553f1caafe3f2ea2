// The effects of changes of the plan on its probability, largest first, with their errors.

import { table } from "../app/dom.js";
import { percent, points } from "../app/format.js";
import { figure } from "./plot.js";

const LABELS = {
  income_plus_10: "Income +10 %",
  income_minus_10: "Income −10 %",
  spending_minus_10: "Spending −10 %",
  spending_minus_20: "Spending −20 %",
  spending_plus_10: "Spending +10 %",
  timeline_plus_6mo: "6 months longer",
  timeline_plus_12mo: "12 months longer",
};

/** The label of a change. */
export const changeLabel = (name) => LABELS[name] ?? name.replace(/_/g, " ");

/** A tornado chart of a job's `sensitivityResults`. */
export function tornadoFigure() {
  return figure("What would change it", { draw, tabulate, describe });
}

const ordered = ({ sensitivities }) => Object.entries(sensitivities).sort(([, one], [, other]) => other.impact - one.impact);

function draw(data, palette) {
  const rows = ordered(data).reverse();
  const x = rows.map(([, { delta }]) => 100 * delta);
  return {
    traces: [
      {
        type: "bar",
        orientation: "h",
        x,
        y: rows.map(([name]) => changeLabel(name)),
        marker: { color: rows.map(([, { delta }]) => (delta < 0 ? palette.bad : palette.good)) },
        error_x: { type: "data", array: rows.map(([, { standardError }]) => 196 * standardError), color: palette.muted, thickness: 1.5, width: 4 },
        text: rows.map(([, { delta, standardError, newProbability }]) => `${points(delta, standardError)} points, to ${percent(newProbability, standardError)}`),
        textposition: "none",
        hovertemplate: "%{y}: %{text}<extra></extra>",
      },
    ],
    layout: {
      hovermode: "closest",
      bargap: 0.35,
      xaxis: { title: { text: "change of the probability, percentage points" }, zeroline: true, nticks: 7 },
      yaxis: { showgrid: false, ticks: "" },
    },
  };
}

function tabulate(data) {
  return table(
    "What changes of the plan would do",
    [
      { title: "Change", cell: ([name]) => changeLabel(name) },
      { title: "Points", numeric: true, cell: ([, one]) => points(one.delta, one.standardError) },
      { title: "± (95 %)", numeric: true, cell: ([, one]) => (196 * one.standardError).toFixed(2) },
      { title: "New probability", numeric: true, cell: ([, one]) => percent(one.newProbability, one.standardError) },
    ],
    ordered(data),
  );
}

function describe(data) {
  return data.mostImpactful ? `most: ${changeLabel(data.mostImpactful).toLowerCase()}` : "no change stands out from chance";
}
