// "Solve": the value of one number that gives a wanted probability.

import { post } from "../../app/api.js";
import { button, h, openDialog, replace } from "../../app/dom.js";
import { money, months, percent } from "../../app/format.js";
import { notice } from "../../app/notices.js";
import { setAt } from "../../app/schema.js";
import { linesFigure } from "../../charts/lines.js";
import { previewOf } from "./live.js";

const SIMULATIONS = 100_000;

/** The numbers that can be solved for: label, member of the request, and format of the value. */
export const VARIABLES = {
  maxSpending: { label: "How much can be spent a month?", short: "Spending a month", pointer: "/financialProfile/monthlySpending", print: money },
  minIncome: { label: "How much income a month is needed?", short: "Income a month", pointer: "/userInputs/monthlyIncome", print: money },
  earliestMonth: { label: "How long does it take?", short: "Time", pointer: "/goal/timelineMonths", print: months },
  maxTarget: { label: "Which target can be reached?", short: "Target", pointer: "/goal/targetAmount", print: money },
  minLiquidAssets: { label: "How much is needed at the start?", short: "Savings at the start", pointer: "/financialProfile/liquidAssets", print: money },
};

/** The inputs for solving, and the solution. */
export function solve({ request, use }) {
  const variable = h("select", { id: "solve-for" }, Object.entries(VARIABLES).map(([name, { label }]) => h("option", { value: name }, label)));
  const probability = h("input", { id: "solve-probability", type: "number", min: 1, max: 99.9, step: "any", value: "90", required: true });
  const result = h("div", { "aria-live": "polite" });
  const submit = async (event) => {
    event.preventDefault();
    replace(result, h("p", { class: "live-state" }, h("span", { class: "dot busy" }), "trying values…"));
    try {
      const solved = await post("/api/solve?preview=true", { request: previewOf(request, SIMULATIONS), for: variable.value, probability: Number(probability.value) / 100 });
      replace(result, solution(solved, (value) => {
        const next = structuredClone(request);
        setAt(next, VARIABLES[variable.value].pointer, value);
        use(next);
        dialog.close();
      }));
    } catch (error) {
      replace(result, notice(error));
    }
  };
  const dialog = openDialog(
    "Solve for a number",
    h(
      "form",
      { onsubmit: submit },
      h("div", {}, h("label", { for: "solve-for" }, "Question"), variable),
      h("div", {}, h("label", { for: "solve-probability" }, "with a probability of (%)"), probability),
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Solve")),
      result,
    ),
  );
}

/** The solution of `/api/solve` or of a job. If `take` is given, a button passes the value to it. */
export function solution(solved, take) {
  const { label, short, print } = VARIABLES[solved.for] ?? { label: solved.for, short: solved.for, print: String };
  if (solved.value === null || solved.value === undefined) {
    return h("div", { class: "notice warn" }, h("strong", {}, "No value does"), h("p", {}, `No value within the model’s range gives ${percent(solved.probability)}.`));
  }
  const curve = triedFigure(short);
  const element = h(
    "div",
    { class: "solved" },
    h("p", { class: "hint" }, `${label} With a probability of ${percent(solved.probability)}:`),
    h("div", { class: "answer-head" }, h("span", { class: "probability" }, print(solved.value)), solved.interval95 && h("span", { class: "hint" }, `95 % interval ${print(solved.interval95[0])} to ${print(solved.interval95[1])}`)),
    take && h("div", { class: "actions" }, button("Use this value in the plan", () => take(solved.value))),
    h("div", { class: "charts-gap" }, curve),
  );
  requestAnimationFrame(() => curve.update({ ...solved, print }));
  return element;
}

/** The plans that were tried. */
function triedFigure(label) {
  return linesFigure("Values that were tried", {
    describe: ({ tried }) => `${tried.length} plans with the same random numbers`,
    series: ({ tried, print }) => [
      {
        name: "probability",
        x: tried.map(({ value }) => value),
        y: tried.map(({ successProbability }) => 100 * successProbability),
        mode: "lines+markers",
        hover: tried.map(({ value, successProbability, standardError }) => `${print(value)}: ${percent(successProbability, standardError)}`),
      },
    ],
    layout: ({ probability, tried }, palette) => ({
      hovermode: "closest",
      xaxis: { title: { text: label } },
      yaxis: { ticksuffix: " %" },
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 100 * probability, y1: 100 * probability, line: { color: palette.goal, dash: "dot", width: 2 } }],
    }),
    columns: ({ print }) => [
      { title: label, numeric: true, cell: ({ value }) => print(value) },
      { title: "Probability", numeric: true, cell: ({ successProbability, standardError }) => percent(successProbability, standardError) },
    ],
    rows: ({ tried }) => tried,
  });
}
