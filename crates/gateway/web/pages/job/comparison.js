// A comparison of plans: the results of each, and its difference to the first with the same random numbers.

import { h, table } from "../../app/dom.js";
import { count, money, months, percent, percentInterval, points } from "../../app/format.js";

/** The plans of a comparison, the job's own first. */
export function comparison(results) {
  const first = { assumptions: results.assumptions, successProbability: results.successProbability, standardError: results.standardError, confidenceInterval95: results.confidenceInterval95 };
  const plans = [first, ...results.variants];
  return table(
    "The plans of this comparison",
    [
      { title: "Plan", cell: (plan) => name(plan, plans) },
      { title: "What differs", cell: (plan) => differences(first.assumptions, plan.assumptions) },
      { title: "Probability", numeric: true, cell: (plan) => percent(plan.successProbability, plan.standardError) },
      { title: "95 % interval", numeric: true, cell: (plan) => percentInterval(plan.confidenceInterval95) },
      { title: "Against the first", numeric: true, cell: (plan) => (plan === first ? "" : `${points(plan.delta, plan.deltaStandardError)} ± ${(196 * plan.deltaStandardError).toFixed(2)}`) },
    ],
    plans,
  );
}

const name = (plan, plans) => plan.assumptions.goal.goalText || `Plan ${count(plans.indexOf(plan) + 1)}`;

/** The members with other values than in the first plan. */
function differences(first, other) {
  const found = [];
  const walk = (one, two, pointer) => {
    if (one !== null && two !== null && typeof one === "object" && typeof two === "object") {
      for (const member of new Set([...Object.keys(one), ...Object.keys(two)])) walk(one[member], two[member], `${pointer}/${member}`);
    } else if (one !== two) found.push([pointer, two]);
  };
  walk(first, other, "");
  if (found.length === 0) return h("span", { class: "muted" }, "nothing");
  const print = (pointer, value) => (/Months$/.test(pointer) ? months(value) : typeof value === "number" && Math.abs(value) >= 100 ? money(value) : String(value ?? "none"));
  return found.slice(0, 4).map(([pointer, value], index) => [index > 0 ? ", " : "", h("code", {}, pointer.split("/").pop()), ` ${print(pointer, value)}`]).concat(found.length > 4 ? ` and ${found.length - 4} more` : "");
}
