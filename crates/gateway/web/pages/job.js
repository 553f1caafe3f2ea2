// `/jobs/ID`: one job, live from its event stream until it has ended, then with its results.

import { create, download, get, openapi, remove, save } from "../app/api.js";
import { button, facts, h, replace, table } from "../app/dom.js";
import { count, duration, money, months, percent, percentInterval, shortCount, time } from "../app/format.js";
import { badge, bar, hasEnded, jobName, shortId } from "../app/jobs.js";
import { notice, toast, toastError } from "../app/notices.js";
import { go } from "../app/router.js";
import { Schema } from "../app/schema.js";
import { keepPlan } from "../app/session.js";
import { follow } from "../app/stream.js";
import { linesFigure } from "../charts/lines.js";
import { assumptions, charts, headline, question } from "./answer.js";
import { comparison } from "./job/comparison.js";
import { sweep } from "./job/sweep.js";
import { notableSimulations } from "./job/replay.js";
import { solution } from "./plan/solve.js";

export const title = "Job";

export async function show(view, { id, signal }) {
  const path = `/api/jobs/${encodeURIComponent(id)}`;
  const document_ = await openapi();
  const head = h("div", { class: "page-head" });
  const body = h("div", {});
  const state = h("span", { class: "live-state" });
  replace(view, head, body);

  let job = await get(path, { signal });
  let closing = null;
  showHead();
  if (hasEnded(job.status)) {
    showEnded();
    return;
  }
  const running = runningView();
  replace(body, running.element);
  running.update(job);
  const onevent = ({ name, data }) => {
    job = data;
    showHead();
    if (name === "progress") running.update(job);
    else showEnded(true);
  };
  const onstate = (now) => replace(state, now === "live" ? [h("span", { class: "dot busy", "aria-hidden": "true" }), "live"] : [h("span", { class: "dot bad", "aria-hidden": "true" }), "reconnecting…"]);
  follow(`${path}/events`, { onevent, onstate, last: ["complete", "failed", "cancelled"], signal })
    .then(async () => {
      if (signal.aborted || hasEnded(job.status)) return;
      job = await get(path, { signal });
      showHead();
      showEnded();
    })
    .catch((error) => signal.aborted || replace(body, notice(error)));

  function showHead() {
    const ended = hasEnded(job.status);
    const request = job.results?.assumptions;
    const cancel = async () => {
      try {
        await remove(path);
        toast("The job is cancelled.");
      } catch (error) {
        toastError(error);
      }
    };
    const purge = async () => {
      try {
        await remove(`${path}?purge=true`);
        toast("The job is deleted.");
        go("/jobs");
      } catch (error) {
        toastError(error);
      }
    };
    const again = async () => {
      try {
        const next = structuredClone(request);
        const { jobId } = await create("/api/jobs", next);
        go(`/jobs/${jobId}`);
      } catch (error) {
        toastError(error);
      }
    };
    const edit = () => {
      const plan = structuredClone(request);
      keepPlan(plan);
      go("/");
    };
    replace(
      head,
      h("h1", {}, job.name ? job.name : "Job"),
      job.kind === "simulation" ? null : h("span", { class: "badge" }, job.kind),
      badge(job.status),
      ended ? null : state,
      h(
        "div",
        { class: "actions" },
        !ended && button("Cancel", cancel, { class: "danger" }),
        request && button("Edit as a new plan", edit),
        request && !job.results.solution && !job.results.variants?.length && !job.results.sweep && button("Run again", again, { title: "The same request and seed: the same answer, to the last bit" }),
        ended && button("Delete", purge, { class: "danger" }),
        ended && button("JSON", () => save(new Blob([JSON.stringify(job, null, 2)], { type: "application/json" }), `${job.id}.json`)),
        request && button("Samples (CSV)", () => download(`${path}/samples?first=0&count=${Math.min(1_000_000, job.results.simulationsRun)}`, `${job.id}.csv`, { headers: { Accept: "text/csv" } }).catch(toastError)),
        request && button("Report", () => download(`${path}/report`, `${job.id}.html`).catch(toastError), { class: "primary" }),
      ),
    );
    document.title = `${jobName(job)} · carlo`;
  }

  function showEnded(fresh = false) {
    if (job.status === "complete") replace(body, answerView(job, document_));
    else {
      const text = job.status === "failed" ? (job.error ?? "Nobody said why.") : "It was cancelled before it was complete.";
      replace(body, h("div", { class: `notice ${job.status === "failed" ? "bad" : "warn"}` }, h("strong", {}, job.status === "failed" ? "This job failed" : "This job was cancelled"), h("p", {}, text)), h("section", { class: "card" }, timesOf(job)));
    }
    if (fresh && job.status === "complete") toast("The job is complete.");
  }

  /** The content until the job has ended. */
  function runningView() {
    const probability = h("div", { class: "summary" });
    const progress = h("div", {});
    const waiting = h("div", { class: "charts-gap" });
    const nodes = h("div", {});
    closing = closingFigure();
    const history = [];
    const element = h(
      "div",
      { class: "columns" },
      h("section", { class: "card" }, h("h2", {}, "Progress"), progress, waiting),
      h("section", { class: "card" }, h("h2", {}, "The answer so far"), probability, h("div", { class: "charts-gap" }, closing)),
      h("section", { class: "card" }, h("h2", {}, "By node"), nodes),
    );
    const update = (now) => {
      const rate = Object.values(now.nodeProgress ?? {}).reduce((sum, node) => sum + node.simulationsPerSecond, 0);
      replace(
        progress,
        h("div", { class: "answer-head" }, h("span", { class: "probability" }, `${Number(now.progress.toFixed(1))} %`), h("span", { class: "hint" }, `${count(now.simulationsComplete)} of ${count(now.simulationsTotal)} simulations`)),
        h("div", { class: "charts-gap" }, bar(now.progress / 100, "Progress of the job", "tall")),
        h("hr"),
        facts([
          ["Rate", rate > 0 ? `${shortCount(rate)} a second` : "–"],
          [now.status === "queued" ? "Starts in about" : "Done in about", now.estimatedTimeRemaining ?? "–"],
          ["Nodes working", count(now.allocatedNodes)],
          now.queuePosition && ["Place in the queue", count(now.queuePosition)],
          ["Priority", count(now.priority)],
          ["Submitted", time(now.createdAt)],
        ]),
      );
      replace(waiting, now.waitingFor ? h("div", { class: "notice warn" }, h("strong", {}, "Why it waits"), h("p", {}, now.waitingFor)) : null);
      const partial = now.partialResults;
      if (partial) {
        replace(
          probability,
          h("div", { class: "answer-head" }, h("span", { class: "probability" }, percent(partial.successProbability, (partial.confidenceInterval95[1] - partial.confidenceInterval95[0]) / 4)), h("span", { class: "hint" }, `95 % interval ${percentInterval(partial.confidenceInterval95)}`)),
        );
        if (history.at(-1)?.simulations !== partial.simulations) history.push(partial);
        // A long job sends many events, so half of the older ones are dropped.
        if (history.length > 400) history.splice(0, history.length, ...history.filter((_, index) => index % 2 === 1 || index > 300));
        closing.update([...history]);
      } else replace(probability, h("p", { class: "muted" }, "Nothing has been counted yet."));
      replace(nodes, nodeTable(now));
    };
    return { element, update };
  }
}

/** The interval as it narrows. */
function closingFigure() {
  return linesFigure("The interval closes in", {
    describe: (history) => `${history.length} looks`,
    series: (history) => [
      {
        name: "probability",
        x: history.map(({ simulations }) => simulations),
        y: history.map(({ successProbability }) => 100 * successProbability),
        band: { low: history.map(({ confidenceInterval95 }) => 100 * confidenceInterval95[0]), high: history.map(({ confidenceInterval95 }) => 100 * confidenceInterval95[1]) },
        mode: history.length < 3 ? "lines+markers" : "lines",
      },
    ],
    layout: () => ({ xaxis: { title: { text: "simulations" }, tickformat: "~s" }, yaxis: { ticksuffix: " %" } }),
    columns: () => [
      { title: "Simulations", numeric: true, cell: ({ simulations }) => count(simulations) },
      { title: "Probability", numeric: true, cell: (one) => percent(one.successProbability, (one.confidenceInterval95[1] - one.confidenceInterval95[0]) / 4) },
      { title: "95 % interval", numeric: true, cell: ({ confidenceInterval95 }) => percentInterval(confidenceInterval95) },
    ],
    rows: (history) => history,
  });
}

function nodeTable(job) {
  const rows = Object.entries(job.nodeProgress ?? {});
  return table(
    "Progress by node",
    [
      { title: "Node", cell: ([id]) => h("code", { class: "nowrap", title: id }, shortId(id)) },
      { title: "Share", cell: ([, node]) => bar(node.progress / 100, "Share of the job") },
      { title: "Done", numeric: true, cell: ([, node]) => h("span", { title: count(node.simulations) }, shortCount(node.simulations)) },
      { title: "A second", numeric: true, cell: ([, node]) => shortCount(node.simulationsPerSecond) },
      { title: "State", cell: ([, node]) => node.state },
    ],
    rows,
    { empty: "No node has worked on it yet." },
  );
}

function timesOf(job) {
  const took = job.completedAt && job.startedAt ? (new Date(job.completedAt) - new Date(job.startedAt)) / 1000 : null;
  return facts([
    ["Id", h("code", {}, job.id)],
    ["Submitted", time(job.createdAt)],
    ["Started", time(job.startedAt)],
    ["Ended", time(job.completedAt)],
    took !== null && ["Took", duration(took)],
    ["Simulations", `${count(job.simulationsComplete)} of ${count(job.simulationsTotal)}`],
    job.owner && ["Owner", job.owner],
    ["Priority", count(job.priority)],
    ["Seed", h("code", {}, job.seed)],
  ]);
}

/** The results. */
function answerView(job, document_) {
  const { results, sensitivityResults } = job;
  const head = headline();
  const pictures = charts();
  const swept = results.sweep ? sweep(results.sweep) : null;
  const doubts = (results.doubts ?? []).map(({ node, reason }) => `These results may be wrong: ${node} took part and was found later to compute wrongly. ${reason}.`);
  const warnings = [...doubts, ...(job.warnings ?? results.warnings ?? [])];
  const notable = h("section", { class: "card" });
  const request = Schema.named(document_, "SimulationRequest");
  const isDefault = (pointer, value) => {
    const standard = request.at(pointer)?.resolved().default;
    return standard === undefined || standard === null ? null : standard === value;
  };
  const element = h(
    "div",
    {},
    warnings.length ? h("div", { class: "notice warn" }, h("strong", {}, "Please note"), h("ul", {}, warnings.map((text) => h("li", {}, typeof text === "string" ? text : (text.message ?? JSON.stringify(text)))))) : null,
    h("section", { class: "card" }, h("p", { class: "muted" }, question(results.assumptions)), head),
    h("div", { class: "charts-gap" }),
    results.solution ? h("section", { class: "card" }, h("h2", {}, "What was solved for"), solution(results.solution)) : null,
    results.variants?.length ? h("section", { class: "card" }, h("h2", {}, "Compared with"), comparison(results)) : null,
    swept ? h("section", { class: "card" }, swept) : null,
    results.solution || results.variants?.length || swept ? h("div", { class: "charts-gap" }) : null,
    pictures,
    results.notable ? notable : null,
    h(
      "div",
      { class: "columns charts-gap" },
      h("section", { class: "card" }, h("h2", {}, "Assumptions"), h("p", { class: "hint" }, `Every number as it was used, over ${months(results.assumptions.goal.timelineMonths)}. Sent again, they give the same answer.`), assumptions(results.assumptions, isDefault)),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "The job"),
        timesOf(job),
        h("hr"),
        facts([
          ["Model version", results.modelVersion],
          ["Nodes that took part", count(results.workersUsed)],
          ["Mean of the final balance", money(results.mean)],
          ["Its standard deviation", money(results.std)],
        ]),
        h("hr"),
        h("dl", { class: "facts" }, h("div", { class: "whole" }, h("dt", {}, "Digest"), h("dd", {}, h("code", {}, results.digest)))),
        h("p", { class: "hint" }, "The digest proves the answer: ", h("code", {}, "carlo verify"), " recomputes it from the downloaded JSON, on any machine, to the last bit."),
      ),
    ),
  );
  // Charts measure their elements, so they are drawn after these are on the page.
  requestAnimationFrame(() => {
    head.update(results);
    pictures.update(results);
    pictures.sensitivity(sensitivityResults);
    swept?.update(results.sweep.points);
    if (results.notable) notableSimulations(notable, job);
  });
  return element;
}
