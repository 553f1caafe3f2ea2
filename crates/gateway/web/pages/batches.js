// `/batches`: the caller's batches.

import { create, get, poll, query } from "../app/api.js";
import { button, h, openDialog, replace, table } from "../app/dom.js";
import { ago, cost, count, duration, time } from "../app/format.js";
import { badge, bar, hasEnded, shortId } from "../app/jobs.js";
import { pager, tile } from "../app/list.js";
import { notice } from "../app/notices.js";
import { go } from "../app/router.js";
import { EXAMPLES } from "./plan/examples.js";

export const title = "Batches";

const STATES = ["PENDING", "RUNNING", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED"];
const INTERVAL = 3_000;

export async function show(view, { signal }) {
  const { role, user_id: self } = await get("/simulations/batch/usage", { signal });
  const filter = { status: "", user: "", page: 1, page_size: 20 };
  const tiles = h("div", { class: "tiles" });
  const rows = h("div", { class: "stack" });
  const pages = pager((page) => ((filter.page = page), look().catch(failed)), "batch", "batches");
  const refusal = h("div", {});
  const failed = (error) => error.name !== "AbortError" && replace(refusal, notice(error));
  const refilter = (name) => ({ target }) => ((filter[name] = target.value.trim()), (filter.page = 1), look().catch(failed));
  const state = h("select", { onchange: refilter("status") }, h("option", { value: "" }, "all"), STATES.map((one) => h("option", { value: one }, one.toLowerCase())));

  async function look() {
    const [list, stats] = await Promise.all([get(`/simulations/batch${query(filter)}`, { signal }), get("/simulations/batch/stats", { signal })]);
    replace(refusal);
    replace(
      tiles,
      tile(stats.total_batches === 1 ? "batch" : "batches", count(stats.total_batches)),
      tile("running", count(stats.running_batches + stats.pending_batches)),
      tile(stats.total_jobs === 1 ? "job in them" : "jobs in them", count(stats.total_jobs)),
      tile("jobs a batch, mean", Number(stats.avg_jobs_per_batch.toFixed(1))),
      tile("mean time", stats.avg_duration_seconds ? duration(stats.avg_duration_seconds) : "–"),
      tile("cost so far", cost(stats.total_cost_usd)),
    );
    const columns = [
      { title: "Batch", cell: (batch) => h("a", { href: `/batches/${encodeURIComponent(batch.batch_id)}`, title: batch.batch_id }, shortId(batch.batch_id)) },
      { title: "State", cell: (batch) => badge(batch.status) },
      filter.user && { title: "Owner", cell: (batch) => batch.owner_id },
      { title: "Jobs", numeric: true, cell: ({ progress }) => `${count(progress.completed_jobs)} of ${count(progress.total_jobs)}` },
      { title: "Progress", cell: ({ status, progress }) => (hasEnded(status) ? `${Number(progress.progress_percent.toFixed(1))} %` : bar(progress.progress_percent / 100, "Progress of the batch")) },
      { title: "Cost", numeric: true, cell: ({ cost: money }) => cost(money.actual_cost_usd) },
      { title: "Budget", numeric: true, cell: ({ cost: money }) => (money.budget_cap_usd === null ? "none" : cost(money.budget_cap_usd)) },
      { title: "Submitted", cell: (batch) => h("span", { title: time(batch.created_at) }, ago(batch.created_at)) },
    ].filter(Boolean);
    replace(rows, table("Batches", columns, list.batches, { empty: "No batches yet. A batch is a list of requests with one budget." }));
    pages.update(list);
  }

  replace(
    view,
    h("div", { class: "page-head" }, h("h1", {}, "Batches"), h("div", { class: "actions" }, button("New batch…", newBatch, { class: "primary" }))),
    refusal,
    tiles,
    h("form", { class: "inline-form", role: "search", "aria-label": "Filter the batches", onsubmit: (event) => event.preventDefault() }, h("div", {}, h("label", {}, "State", state)), role === "admin" && h("div", {}, h("label", {}, "User", h("input", { type: "search", maxlength: 128, placeholder: `${self}; * is everybody`, onchange: refilter("user") })))),
    h("section", { class: "card" }, rows, pages.element),
  );
  poll(look, INTERVAL, signal, failed);
}

/** Submits a batch from pasted text or a file. */
function newBatch() {
  const example = { simulations: EXAMPLES.slice(0, 3).map(({ request }, index) => ({ custom_id: `plan-${index + 1}`, ...request, simulationParams: { ...request.simulationParams, nSimulations: 1_000_000 } })), parallel_jobs: 2, budget_cap_usd: 1 };
  const text = h("textarea", { rows: 14, class: "mono", spellcheck: "false", "aria-label": "The batch as JSON", value: JSON.stringify(example, null, 2) });
  const refusal = h("div", {});
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "A file", onchange: async () => file.files[0] && (text.value = await file.files[0].text()) });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const batch = await create("/simulations/batch", JSON.parse(text.value));
      dialog.close();
      go(`/batches/${batch.batch_id}`);
    } catch (error) {
      replace(refusal, notice(error));
    }
  };
  const dialog = openDialog("New batch", h("form", { onsubmit: submit }, h("p", { class: "hint" }, "Requests, and what holds for all of them: ", h("code", {}, "parallel_jobs"), ", ", h("code", {}, "fail_fast"), ", ", h("code", {}, "budget_cap_usd"), ", ", h("code", {}, "priority"), ", ", h("code", {}, "metadata"), "."), file, text, refusal, h("div", { class: "actions" }, h("button", { class: "primary" }, "Submit"))));
  dialog.classList.add("wide");
}
