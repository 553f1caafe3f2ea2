// "Sweep": the probability along one number, or over two of them, all points on the same luck.

import { post } from "../../app/api.js";
import { h, openDialog, replace, table } from "../../app/dom.js";
import { count, money, months, percent, shortMoney } from "../../app/format.js";
import { notice } from "../../app/notices.js";
import { setAt, valueAt } from "../../app/schema.js";
import { linesFigure } from "../../charts/lines.js";
import { figure } from "../../charts/plot.js";
import { GROUPS } from "./fields.js";
import { parseNumber } from "./inputs.js";
import { previewOf } from "./live.js";

/** Plans of one call of `/api/compare`. */
const PLANS_MAX = 8;
const WHOLE = ["months", "count", "years"];

/** Chooses the axes, computes and shows. */
export function sweep({ schema, request, latest, signal }) {
  const fields = GROUPS.flatMap(({ fields: all }) => all).filter(({ pointer, unit }) => unit && schema.at(pointer)?.type() === "number");
  const first = axis("Along", fields, "/goal/timelineMonths", request, latest, 12, schema);
  const second = axis("and", fields, "", request, latest, 8, schema);
  const result = h("div", { "aria-live": "polite" });
  let asked = null;
  const submit = async (event) => {
    event.preventDefault();
    asked?.abort();
    asked = new AbortController();
    try {
      const axes = [first, second].map((one) => one.read()).filter(Boolean);
      await run(axes, request, result, AbortSignal.any([asked.signal, signal]));
    } catch (error) {
      if (error.name !== "AbortError") replace(result, notice(error));
    }
  };
  const dialog = openDialog(
    "Sweep",
    h("form", { onsubmit: submit }, h("p", { class: "hint" }, "How the probability depends on one number, as a line, or on two, as a map. Every point meets the same luck."), first.element, second.element, h("div", { class: "actions" }, h("button", { class: "primary" }, "Sweep")), result),
    { onclose: () => asked?.abort() },
  );
  dialog.classList.add("wide");
}

function axis(label, fields, chosen, request, latest, points, schema) {
  const select = h("select", { "aria-label": `${label}: number`, onchange: () => suggest() }, chosen === "" && h("option", { value: "" }, "nothing else"), fields.map(({ pointer, label: name }) => h("option", { value: pointer }, name)));
  if (chosen) select.value = chosen;
  const input = (name, value) => h("input", { "aria-label": `${label}: ${name}`, inputmode: "decimal", value, autocomplete: "off" });
  const [from, to, steps] = [input("from", ""), input("to", ""), input("points", String(points))];
  const unit = h("span", { class: "hint" });
  const field = () => fields.find(({ pointer }) => pointer === select.value);
  const scaleOf = (one) => (one.unit === "rate" ? 100 : 1);

  /** Around what the plan says now. */
  function suggest() {
    const one = field();
    for (const item of [from, to, steps]) item.disabled = !one;
    unit.textContent = !one ? "" : one.unit === "rate" ? "percent" : one.unit === "money" ? "dollars" : one.unit;
    if (!one) return;
    const now = valueAt(request, one.pointer) ?? valueAt(latest?.assumptions ?? {}, one.pointer) ?? one.range[1] / 2;
    const node = schema.at(one.pointer).resolved();
    let [low, high] = now === 0 ? one.range : [now * 0.5, now * 1.5];
    low = Math.max(low, node.minimum ?? -Infinity);
    high = Math.min(high, node.maximum ?? Infinity);
    const round = (value) => (WHOLE.includes(one.unit) ? Math.round(value) : Number((value * scaleOf(one)).toPrecision(2)));
    from.value = round(low);
    to.value = round(high);
  }
  suggest();

  const cell = (name, item) => h("div", {}, h("label", {}, name, item));
  return {
    element: h("fieldset", { class: "inline-form" }, h("legend", { class: "visually-hidden" }, label), cell(label, select), cell("from", from), cell("to", to), cell("points", steps), unit),
    read() {
      const one = field();
      if (!one) return null;
      const scale = WHOLE.includes(one.unit) ? 1 : scaleOf(one);
      const [low, high, number] = [from, to, steps].map((item) => parseNumber(item.value));
      if (low === null || high === null || !(number >= 2) || number > 64) throw new Error(`${one.label}: from and to are numbers, and there are 2 to 64 points.`);
      const values = Array.from({ length: Math.round(number) }, (_, index) => (low + ((high - low) * index) / (Math.round(number) - 1)) / scale);
      const whole = WHOLE.includes(one.unit) ? values.map(Math.round) : values.map((value) => Number(value.toPrecision(12)));
      return { ...one, values: [...new Set(whole)], tick: one.unit === "money" ? shortMoney : one.unit === "rate" ? (value) => percent(value) : count, print: one.unit === "money" ? money : one.unit === "rate" ? (value) => percent(value) : one.unit === "months" ? months : count, scale };
    },
  };
}

async function run(axes, request, result, signal) {
  if (axes.length === 0) return;
  const base = previewOf(request);
  const points = axes.length === 1 ? axes[0].values.map((value) => [value]) : axes[0].values.flatMap((value) => axes[1].values.map((other) => [value, other]));
  const plans = points.map((values) => {
    const plan = structuredClone(base);
    values.forEach((value, index) => setAt(plan, axes[index].pointer, value));
    return plan;
  });
  const outcomes = [];
  for (let at = 0; at < plans.length; at += PLANS_MAX) {
    replace(result, h("p", { class: "live-state" }, h("span", { class: "dot busy" }), `${at} of ${plans.length} points…`));
    const { plans: some } = await post("/api/compare", { requests: plans.slice(at, at + PLANS_MAX) }, { signal });
    outcomes.push(...some);
  }
  const rows = points.map((values, index) => ({ values, outcome: outcomes[index] }));
  const chart = axes.length === 1 ? lineFigure(axes[0]) : mapFigure(axes);
  replace(result, chart);
  await chart.update(rows);
}

const columns = (axes) => [
  ...axes.map(({ label, print }, index) => ({ title: label, numeric: true, cell: ({ values }) => print(values[index]) })),
  { title: "Probability", numeric: true, cell: ({ outcome }) => percent(outcome.successProbability, outcome.standardError) },
  { title: "± (95 %)", numeric: true, cell: ({ outcome }) => (196 * outcome.standardError).toFixed(2) },
];

function range(rows) {
  const all = rows.map(({ outcome }) => outcome.successProbability);
  return `from ${percent(Math.min(...all))} to ${percent(Math.max(...all))}`;
}

/** One axis: a line with its interval. */
export function lineFigure(axis) {
  return linesFigure(`Probability along ${axis.label.toLowerCase()}`, {
    short: false,
    describe: range,
    series: (rows) => [
      {
        name: "probability",
        x: rows.map(({ values }) => values[0] * axis.scale),
        y: rows.map(({ outcome }) => 100 * outcome.successProbability),
        band: { low: rows.map(({ outcome }) => 100 * outcome.confidenceInterval95[0]), high: rows.map(({ outcome }) => 100 * outcome.confidenceInterval95[1]) },
        mode: "lines+markers",
        hover: rows.map(({ values, outcome }) => `${axis.print(values[0])}: ${percent(outcome.successProbability, outcome.standardError)}`),
      },
    ],
    layout: () => ({ hovermode: "closest", xaxis: { title: { text: axis.label } }, yaxis: { ticksuffix: " %" } }),
    columns: () => columns([axis]),
    rows: (rows) => rows,
  });
}

/** Stops of a scale whose lightness grows with the value (viridis), so that it reads without colors, too. */
const SCALE = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function shade(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (SCALE.length - 1);
  const [low, high] = [SCALE[Math.floor(at)], SCALE[Math.floor(at) + 1]];
  return `rgb(${low.map((one, index) => Math.round(one + (high[index] - one) * (at % 1))).join(", ")})`;
}

/** Two axes: a map. */
export function mapFigure(axes) {
  const [one, other] = axes;
  return figure(`Probability by ${one.label.toLowerCase()} and ${other.label.toLowerCase()}`, {
    describe: range,
    draw: (rows, palette) => {
      const share = ({ outcome }) => outcome.successProbability;
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
        // The cells are shapes: plotly's own heat map sets style attributes, which the page's policy forbids. What one points at is a marker.
        traces: [
          {
            type: "scatter",
            mode: small ? "text" : "markers",
            x: rows.map((row) => place(row)[0]),
            y: rows.map((row) => place(row)[1]),
            text: rows.map((row) => (small ? Math.round(100 * share(row)) : "")),
            textfont: { size: 12, color: rows.map((row) => (share(row) > 0.55 ? "#10151c" : "#ffffff")) },
            marker: { opacity: 0 },
            customdata: rows.map((row) => `${one.print(row.values[0])}, ${other.print(row.values[1])}: ${percent(share(row), row.outcome.standardError)}`),
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
