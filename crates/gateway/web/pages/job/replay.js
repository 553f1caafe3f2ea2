// Notable simulations of a job, month by month, as chart and table.

import { get } from "../../app/api.js";
import { button, h, replace, table } from "../../app/dom.js";
import { money, months, percent, shortMoney } from "../../app/format.js";
import { notice } from "../../app/notices.js";
import { linesFigure } from "../../charts/lines.js";

const NAMES = { worst: "The worst", p5: "1 in 20 ends below", p50: "The median", p95: "1 in 20 ends above", best: "The best", goal: "Just at the goal", firstShort: "Runs short at the usual time" };
const ORDER = ["worst", "p5", "p50", "goal", "p95", "best", "firstShort"];

/** Buttons for the notable simulations of a job, and the replays that they open. */
export function notableSimulations(element, job) {
  const { notable, assumptions } = job.results;
  const opened = h("div", { "aria-live": "polite" });
  const names = [...ORDER.filter((name) => notable[name]), ...Object.keys(notable).filter((name) => !ORDER.includes(name))];
  const buttons = names.map((name) => button(`${NAMES[name] ?? name}: ${shortMoney(notable[name].balance)}`, () => open(name), { "aria-pressed": "false" }));
  replace(element, h("h2", {}, "Single futures, month by month"), h("p", { class: "hint" }, "Every simulation can be replayed on its own. These are worth a look."), h("div", { class: "actions" }, buttons), opened);

  async function open(name) {
    buttons.forEach((one, index) => one.setAttribute("aria-pressed", String(names[index] === name)));
    const { index } = notable[name];
    try {
      const replay = await get(`/api/jobs/${encodeURIComponent(job.id)}/simulations/${index}`);
      const chart = courseFigure(assumptions.goal.targetAmount ?? 0);
      const end = replay.succeeded ? "reaches the goal" : "misses the goal";
      replace(opened, h("p", {}, `Simulation ${index} ${end}: it ends with ${money(replay.finalBalance)}${replay.owed > 0 ? `, after ${money(replay.owed)} still owed on cards` : ""}.`), chart, h("div", { class: "scroll-y" }, monthTable(replay)));
      await chart.update(replay);
    } catch (error) {
      replace(opened, notice(error));
    }
  }
}

function courseFigure(goal) {
  return linesFigure("The balance", {
    short: false,
    describe: ({ months: all }) => `from ${shortMoney(all[0]?.balance)} to ${shortMoney(all.at(-1)?.balance)}`,
    series: ({ startingBalance, months: all }) => {
      const fell = all.filter(({ emergency }) => emergency);
      return [
        { name: "balance", x: [0, ...all.map(({ month }) => month)], y: [startingBalance, ...all.map(({ balance }) => balance)], hover: ["start", ...all.map((one) => `month ${one.month}: ${money(one.balance)}`)] },
        { name: "emergency", mode: "markers", color: "bad", x: fell.map(({ month }) => month), y: fell.map(({ balance }) => balance), hover: fell.map((one) => `an emergency: ${money(one.emergency)}`) },
      ];
    },
    layout: ({ months: all }, palette) => ({
      hovermode: "closest",
      xaxis: { title: { text: "months" }, range: [0, all.length] },
      yaxis: { tickprefix: "$", tickformat: "~s" },
      shapes: [{ type: "line", x0: 0, x1: all.length, y0: goal, y1: goal, line: { color: palette.goal, width: 2, dash: "dot" } }],
    }),
    columns: () => [
      { title: "Month", numeric: true, cell: ({ month }) => month },
      { title: "Balance", numeric: true, cell: ({ balance }) => money(balance) },
    ],
    rows: ({ months: all }) => all,
  });
}

const raise = (fraction) => (fraction === undefined ? "" : `${fraction >= 0 ? "+" : ""}${percent(fraction)}`);

/** Labels of members of a month. Other members are amounts, and their labels are made from their names. */
function monthTable({ months: all }) {
  const columns = [
    { title: "Month", numeric: true, cell: ({ month }) => month },
    { title: "Income", numeric: true, cell: (one) => money(one.income + one.incomeNoise) },
    { title: "Spending", numeric: true, cell: (one) => money(one.spending + one.expenseNoise) },
    { title: "Emergency", numeric: true, cell: ({ emergency }) => (emergency ? money(emergency) : "") },
    { title: "Market", numeric: true, cell: ({ marketReturn }) => money(marketReturn) },
    { title: "Debt", numeric: true, cell: ({ payment }) => (payment ? money(payment) : "") },
    { title: "Raise", numeric: true, cell: (one) => [raise(one.annualRaise), raise(one.promotionRaise)].filter(Boolean).join(", ") },
    { title: "Balance", numeric: true, cell: ({ balance }) => money(balance) },
  ];
  return table(`All ${months(all.length)}, month by month`, columns, all);
}
