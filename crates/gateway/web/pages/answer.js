// Results on the pages Plan and Job: the probability, the distribution, the balance over time, and the sensitivity.

import { fanFigure } from "../charts/fan.js";
import { histogramFigure } from "../charts/histogram.js";
import { linesFigure } from "../charts/lines.js";
import { tornadoFigure } from "../charts/tornado.js";
import { append, h, replace } from "../app/dom.js";
import { count, money, months, percent, percentInterval, points, shortMoney } from "../app/format.js";
import { sentence } from "../app/notices.js";

/** The class of a probability, for its color. */
export const verdict = (probability) => (probability >= 0.8 ? "good" : probability >= 0.5 ? "warn" : "bad");

/** The goal in a sentence. */
export function question({ goal }) {
  const text = goal.goalText ? `“${goal.goalText}”: ` : "";
  const dollars = goal.dollars === "real" ? " of today’s dollars" : "";
  if (goal.success === "neverShort") return `${text}${text ? "will" : "Will"} the money last for ${months(goal.timelineMonths)}?`;
  return `${text}${text ? "will" : "Will"} there be ${money(goal.targetAmount)}${dollars} after ${months(goal.timelineMonths)}?`;
}

/** The headline of results; `update` shows others. */
export function headline() {
  const element = h("div", { class: "summary", "aria-live": "polite", "aria-atomic": "true" });
  element.update = ({ successProbability, standardError, confidenceInterval95, assumptions, simulationsRun, stoppedEarly }) => {
    const { goal } = assumptions;
    const out = Math.round(100 * successProbability);
    const futures = out >= 100 ? "nearly all" : out <= 0 ? "almost none" : `about ${out} of 100`;
    const real = goal.dollars === "real" ? " of today’s dollars" : "";
    const outcome = goal.success === "neverShort" ? `the money lasts for ${months(goal.timelineMonths)}` : `there is at least ${money(goal.targetAmount ?? 0)}${real} after ${months(goal.timelineMonths)}`;
    replace(
      element,
      h(
        "div",
        { class: "answer-head" },
        h("span", { class: `probability ${verdict(successProbability)}` }, percent(successProbability, standardError)),
        h("span", { class: "hint" }, `95 % interval ${percentInterval(confidenceInterval95)}`, h("br"), `from ${count(simulationsRun)} simulations${stoppedEarly ? ", stopped early: the target error was reached" : ""}`),
      ),
      h("p", { class: "lede" }, `In ${futures} simulated futures, ${outcome}.`),
    );
  };
  return element;
}

/** The percentiles of the final balance in words. */
export function quartiles({ percentiles, worstCase, bestCase }) {
  const cell = (label, value, title) => h("div", { title }, h("div", { class: "label" }, label), h("div", { class: "value" }, shortMoney(value)));
  return h(
    "div",
    { class: "quartiles" },
    cell("1 in 20 below", percentiles.p5, `5th percentile; the worst of all: ${money(worstCase)}`),
    cell("1 in 4 below", percentiles.p25, "25th percentile"),
    cell("Median", percentiles.p50, "half of the simulations end below, half above"),
    cell("1 in 4 above", percentiles.p75, "75th percentile"),
    cell("1 in 20 above", percentiles.p95, `95th percentile; the best of all: ${money(bestCase)}`),
  );
}

/** The charts of results. `update(results, {pinned, sensitivity})` shows them, without charts that they don't have. */
export function charts() {
  const [histogram, fan, tornado, short] = [histogramFigure(), fanFigure(), tornadoFigure(), shortFigure()];
  const advice = h("div", {});
  const spread = h("div", {});
  const further = h("div", {});
  const card = (...children) => h("section", { class: "card" }, children);
  const shortCard = card(short);
  shortCard.hidden = true;
  const tornadoCard = h("section", { class: "card whole" }, h("div", { class: "advice" }, tornado, advice));
  tornadoCard.hidden = true;
  const grid = h("div", { class: "charts" }, card(histogram, spread), card(fan), shortCard, further, tornadoCard);
  const element = h("div", { class: "charts-place" }, grid);
  further.hidden = true;

  element.update = (results, pinned = null) => {
    const { goal, financialProfile, simulationParams } = results.assumptions;
    const target = goal.targetAmount ?? goal.floor ?? 0;
    const debt = simulationParams.useAccountAwareSimulation ? 0 : (financialProfile.creditDebt ?? 0);
    histogram.update({ histogram: results.histogram, goal: target, pinned: pinned?.histogram });
    fan.update({ trajectory: results.trajectory, start: financialProfile.liquidAssets - debt, goal: target, timeline: goal.timelineMonths, pinned: pinned?.trajectory });
    replace(spread, quartiles(results));
    shortCard.hidden = !results.path?.curve?.length;
    if (results.path?.curve?.length) short.update(results.path);
    const more = furtherFacts(results);
    further.hidden = more.length === 0;
    further.className = "card";
    replace(further, more);
  };
  element.sensitivity = (results) => {
    tornadoCard.hidden = !results;
    if (!results) return;
    tornado.update(results);
    replace(advice, results.recommendations.length ? h("ul", {}, results.recommendations.map((text) => h("li", {}, sentence(text).replaceAll(" %", "\u00a0%")))) : null);
  };
  return element;
}

/** The probability of having been short by each month. */
function shortFigure() {
  return linesFigure("Running short", {
    short: false,
    describe: ({ shortProbability, standardError }) => `${percent(shortProbability, standardError)} are short at some time`,
    series: ({ curve }) => [{ name: "short by then", x: curve.map(({ month }) => month / 12), y: curve.map((point) => 100 * (point.probability ?? point.shortProbability)), color: "bad" }],
    layout: () => ({ xaxis: { title: { text: "years" } }, yaxis: { ticksuffix: " %", rangemode: "tozero" } }),
    columns: () => [
      { title: "By month", numeric: true, cell: ({ month }) => month },
      { title: "Short", numeric: true, cell: (point) => percent(point.probability ?? point.shortProbability) },
    ],
    rows: ({ curve }) => curve,
  });
}

/** The results that only some plans have: spending rule, lifetimes, path. */
function furtherFacts({ path, spending, horizonMonths }) {
  const fact = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  const parts = [];
  if (path) {
    parts.push(h("h2", {}, "Along the way"));
    parts.push(
      h(
        "dl",
        { class: "facts" },
        path.firstShortMonth && fact("First short month, of those that are", `${months(path.firstShortMonth.p50)} (median), 1 in 20 before ${months(path.firstShortMonth.p5)}`),
        typeof path.meanDeepestShortfall === "number" && fact("Deepest shortfall, mean", money(path.meanDeepestShortfall)),
      ),
    );
  }
  if (spending) {
    parts.push(h("h2", {}, "Spending rule"));
    parts.push(
      h(
        "dl",
        { class: "facts" },
        fact("Chance of a cut", percent(spending.cutProbability)),
        spending.lowestMultiplier && fact("Lowest spending, 1 in 20", `${percent(spending.lowestMultiplier.p5)} of the plan`),
        fact("Mean spending", `${percent(spending.meanMultiplier)} of the plan`),
      ),
    );
  }
  if (horizonMonths) {
    parts.push(h("h2", {}, "Lifetimes"));
    parts.push(h("dl", { class: "facts" }, fact("Median", months(horizonMonths.p50)), fact("1 in 20 longer than", months(horizonMonths.p95))));
  }
  return parts;
}

/** A comparison in a sentence: the difference of another plan, with its paired error. */
export function difference({ delta, deltaStandardError }) {
  const size = points(delta, deltaStandardError);
  const error = `± ${(196 * deltaStandardError).toFixed(1)}`;
  const clear = Math.abs(delta) > 2 * deltaStandardError;
  return h(
    "span",
    {},
    h("strong", {}, `${size} points`),
    ` ${error} against the pinned plan, with the same random numbers${clear ? "" : ": no more than chance"}.`,
  );
}

/** The assumptions in groups: every number as used. Those that differ from their defaults are marked. */
export function assumptions(request, isDefault) {
  const rows = [];
  const walk = (value, pointer) => {
    if (value !== null && typeof value === "object") for (const [name, inner] of Object.entries(value)) walk(inner, `${pointer}/${name}`);
    else rows.push([pointer, value]);
  };
  walk(request, "");
  return append(
    h("div", { class: "table-scroll scroll-y", tabindex: "0", role: "region", "aria-label": "Assumptions" }),
    h(
      "table",
      {},
      h("caption", { class: "visually-hidden" }, "Every assumption as it was used"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Member"), h("th", { scope: "col", class: "numeric" }, "Value"), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Default or set")))),
      h(
        "tbody",
        {},
        rows.map(([pointer, value]) => {
          const standard = isDefault(pointer, value);
          const mark = standard === null ? "" : standard ? h("span", { class: "muted" }, "default") : h("span", { class: "badge live" }, "set");
          return h("tr", {}, h("td", {}, h("code", {}, pointer.slice(1))), h("td", { class: "numeric" }, typeof value === "number" ? value.toLocaleString("en-US", { maximumFractionDigits: 10 }) : String(value)), h("td", {}, mark));
        }),
      ),
    ),
  );
}
