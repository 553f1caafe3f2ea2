// "Sweep": the probability for values of one or two numbers, with the same random numbers at all points.

import { create, get, pause, remove } from "../../app/api.js";
import { h, openDialog, replace } from "../../app/dom.js";
import { hasEnded } from "../../app/jobs.js";
import { notice } from "../../app/notices.js";
import { valueAt } from "../../app/schema.js";
import { WHOLE, axisOf, sweepFigure } from "../../charts/sweep.js";
import { GROUPS } from "./fields.js";
import { parseNumber } from "./inputs.js";
import { previewOf } from "./live.js";

/** The number of points of an axis. A sweep may have 1,024 points. */
const POINTS_MAX = 64;
/** Milliseconds between two requests for the progress. */
const LOOK = 500;

/** The inputs of the axes, and the chart. */
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
    h("form", { onsubmit: submit }, h("p", { class: "hint" }, "How the probability depends on one number, as a line, or on two, as a map. Every point has the same random numbers."), first.element, second.element, h("div", { class: "actions" }, h("button", { class: "primary" }, "Sweep")), result),
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

  /** A range around the plan's value. */
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
      if (low === null || high === null || !(number >= 2) || number > POINTS_MAX) throw new Error(`${one.label}: from and to are numbers, and there are 2 to ${POINTS_MAX} points.`);
      const values = Array.from({ length: Math.round(number) }, (_, index) => (low + ((high - low) * index) / (Math.round(number) - 1)) / scale);
      const whole = WHOLE.includes(one.unit) ? values.map(Math.round) : values.map((value) => Number(value.toPrecision(12)));
      return { pointer: one.pointer, ...axisOf(one, [...new Set(whole)]) };
    },
  };
}

/** Submits the sweep, and shows its points until it is complete. Cancels an abandoned sweep. */
async function run(axes, request, result, signal) {
  if (axes.length === 0) return;
  const body = { request: previewOf(request), axes: axes.map(({ pointer, values }) => ({ pointer, values })) };
  const { jobId } = await create("/api/sweep", body, { signal });
  const path = `/api/jobs/${jobId}`;
  const stop = () => remove(path).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  const chart = sweepFigure(axes);
  const state = h("p", { class: "live-state" }, h("span", { class: "dot busy" }), "simulating…");
  replace(result, chart, state);
  for (;;) {
    const sweep = await pointsOf(path, signal);
    if (sweep) await chart.update(sweep.points);
    if (sweep && hasEnded(sweep.status)) break;
    await pause(LOOK, signal);
  }
  signal.removeEventListener("abort", stop);
  replace(state, h("a", { href: `/jobs/${jobId}` }, "Open this sweep as a job"));
}

/** The points so far; null before the first simulations. Throws an error if the job ended without points. */
async function pointsOf(path, signal) {
  const job = await get(path, { signal });
  if (hasEnded(job.status) && !job.results) throw new Error(job.error ?? `The sweep is ${job.status}.`);
  return job.results || job.partialResults ? get(`${path}/sweep`, { signal }) : null;
}
