// `/batches/ID`: one batch with its jobs and its budget.

import { get, poll, post, remove, save, send } from "../app/api.js";
import { button, facts, h, openDialog, replace, table } from "../app/dom.js";
import { cost, count, percent, time } from "../app/format.js";
import { badge, bar, hasEnded, shortId } from "../app/jobs.js";
import { notice, toast, toastError } from "../app/notices.js";
import { go } from "../app/router.js";

export const title = "Batch";

const INTERVAL = 1_500;

export async function show(view, { id, signal }) {
  const path = `/simulations/batch/${encodeURIComponent(id)}`;
  const head = h("div", { class: "page-head" });
  const overview = h("div", { class: "columns" });
  const rows = h("div", { class: "stack" });
  const refusal = h("div", {});
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  replace(view, head, refusal, overview, h("section", { class: "card" }, h("h2", {}, "Jobs"), rows));

  async function look() {
    const { batch, jobs } = await get(`${path}/jobs`, { signal });
    replace(refusal);
    showHead(batch);
    showOverview(batch);
    replace(rows, jobTable(jobs));
    if (hasEnded(batch.status) && batch.progress.running_jobs === 0) stop.abort();
  }

  function showHead(batch) {
    replace(
      head,
      h("h1", {}, "Batch"),
      badge(batch.status),
      h(
        "div",
        { class: "actions" },
        button("Results (JSON lines)", () => results(batch.batch_id).catch(toastError)),
        hasEnded(batch.status) ? button("Delete", purge, { class: "danger" }) : button("Cancel…", () => cancelBatch(path, look), { class: "danger" }),
      ),
    );
  }

  async function purge() {
    try {
      await remove(path);
      toast("The batch and its jobs are deleted.");
      go("/batches");
    } catch (error) {
      toastError(error);
    }
  }

  async function results(name) {
    const response = await send("GET", `${path}/results`, { signal });
    save(await response.blob(), `${name}.jsonl`);
  }

  function showOverview(batch) {
    const { progress, cost: money } = batch;
    const budget = money.budget_cap_usd;
    replace(
      overview,
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Progress"),
        h("p", {}, `${count(progress.completed_jobs)} of ${count(progress.total_jobs)} jobs complete, ${Number(progress.progress_percent.toFixed(1))} % of all simulations`),
        bar(progress.progress_percent / 100, "Progress of the batch", "tall"),
        h("hr"),
        facts([
          ["Pending", count(progress.pending_jobs)],
          ["Running", count(progress.running_jobs)],
          ["Failed", count(progress.failed_jobs)],
          ["Cancelled", count(progress.cancelled_jobs)],
          ["At once", count(batch.parallel_jobs)],
          ["Stops at the first failure", batch.fail_fast ? "yes" : "no"],
        ]),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Budget"),
        budget === null ? h("p", {}, `${cost(money.actual_cost_usd)} so far, without a cap`) : [h("p", {}, `${cost(money.actual_cost_usd)} of ${cost(budget)} billed`), bar(budget > 0 ? money.actual_cost_usd / budget : 1, "Share of the budget that is billed", "tall")],
        h("hr"),
        facts([
          ["If all of it runs", cost(money.estimated_cost_usd)],
          budget !== null && ["Neither billed nor reserved", cost(money.budget_remaining_usd)],
          ["Tokens", count(money.tokens_used)],
        ]),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "The batch"),
        facts([
          ["Id", h("code", {}, batch.batch_id)],
          ["Owner", batch.owner_id],
          ["Submitted", time(batch.created_at)],
          ["Started", time(batch.started_at)],
          ["Ended", time(batch.completed_at)],
          ["Priority", count(batch.priority)],
        ]),
        batch.error_message ? h("div", { class: "notice warn charts-gap" }, batch.error_message) : null,
        batch.cancel_reason ? h("p", {}, h("strong", {}, "Cancelled: "), batch.cancel_reason) : null,
        batch.metadata ? h("details", { class: "charts-gap" }, h("summary", {}, "Metadata"), h("pre", { tabindex: 0 }, JSON.stringify(batch.metadata, null, 2))) : null,
      ),
    );
  }

  poll(look, INTERVAL, stop.signal, (error) => replace(refusal, notice(error)));
}

function jobTable(jobs) {
  return table("Jobs of this batch", [
    { title: "Job", cell: (job) => h("a", { href: `/jobs/${encodeURIComponent(job.job_id)}`, title: job.job_id }, job.custom_id ?? shortId(job.job_id)) },
    { title: "State", cell: (job) => badge(job.status) },
    { title: "Progress", cell: (job) => (hasEnded(job.status) ? `${Number(job.progress_percent.toFixed(1))} %` : bar(job.progress_percent / 100, "Progress of the job")) },
    { title: "Probability", numeric: true, cell: (job) => (job.results ? percent(job.results.successProbability, job.results.standardError) : "–") },
    { title: "Cost", numeric: true, cell: (job) => cost(job.cost_usd ?? job.estimated_cost_usd) },
    { title: "Note", cell: (job) => job.error_message ?? "" },
  ], jobs);
}

/** Asks for the reason, and whether running jobs may finish. */
function cancelBatch(path, look) {
  const reason = h("input", { id: "cancel-reason", maxlength: 1024, autocomplete: "off" });
  const running = h("input", { id: "cancel-running", type: "checkbox", checked: true });
  const refusal = h("div", {});
  const submit = async (event) => {
    event.preventDefault();
    try {
      await post(`${path}/cancel`, { ...(reason.value.trim() ? { reason: reason.value.trim() } : {}), cancel_running: running.checked });
      dialog.close();
      toast("The batch is cancelled.");
      look().catch(toastError);
    } catch (error) {
      replace(refusal, notice(error));
    }
  };
  const dialog = openDialog("Cancel this batch", h("form", { onsubmit: submit }, h("div", {}, h("label", { for: "cancel-reason" }, "Reason"), reason), h("div", { class: "check" }, running, h("label", { for: "cancel-running" }, "Cancel its running jobs, too")), refusal, h("div", { class: "actions" }, h("button", { class: "danger" }, "Cancel the batch"))));
}
