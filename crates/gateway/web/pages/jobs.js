// `/jobs`: the caller's jobs, or those of all users for administrators, with filters, sorting and cancellation.

import { get, openapi, poll, query, remove } from "../app/api.js";
import { button, h, replace, table } from "../app/dom.js";
import { ago, count, duration, plural, shortCount, time } from "../app/format.js";
import { badge, bar, hasEnded, jobLink } from "../app/jobs.js";
import { notice, toast, toastError } from "../app/notices.js";

export const title = "Jobs";

const STATES = ["queued", "running", "complete", "failed", "cancelled"];
const INTERVAL = 2_000;
const PAGE_SIZES = [20, 50, 100];

const took = (job) => (job.startedAt ? (new Date(job.completedAt ?? Date.now()) - new Date(job.startedAt)) / 1000 : null);

/** The keys to sort the rows of a page by. */
const ORDERS = {
  newest: ["Newest first", () => 0],
  slowest: ["Longest first", (one, other) => (took(other) ?? 0) - (took(one) ?? 0)],
  largest: ["Most simulations first", (one, other) => other.simulationsTotal - one.simulationsTotal],
  urgent: ["Highest priority first", (one, other) => other.priority - one.priority],
  progress: ["Most advanced first", (one, other) => other.progress - one.progress],
};

export async function show(view, { signal, query: asked }) {
  const document_ = await openapi();
  const parameters = (document_.paths["/api/jobs"].get.parameters ?? []).map(({ name }) => name);
  const has = (name) => parameters.includes(name);
  const filter = { status: asked.get("status") ?? "", name: asked.get("name") ?? "", user: asked.get("user") ?? "", since: "", page: Number(asked.get("page")) || 1, page_size: 20 };
  let order = "newest";
  let text = "";
  let list = null;
  const chosen = new Set();

  const rows = h("div", { class: "stack" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of the list" });
  const refusal = h("div", {});
  const cancelButton = button("Cancel the chosen", cancelChosen, { class: "danger", disabled: true });

  const field = (label, input) => h("div", {}, h("label", {}, label, input));
  const select = (options, value, onchange) => {
    const element = h("select", { onchange: () => onchange(element.value) }, options.map(([key, name]) => h("option", { value: key }, name)));
    element.value = value;
    return element;
  };
  const refilter = (name) => (value) => {
    filter[name] = value;
    filter.page = 1;
    look().catch(failed);
  };
  const SINCE = [["", "any time"], ["3600", "the last hour"], ["86400", "the last day"], ["604800", "the last week"]];
  const bar_ = h(
    "form",
    { class: "inline-form", role: "search", "aria-label": "Filter the jobs", onsubmit: (event) => event.preventDefault() },
    field("State", select([["", "all"], ...STATES.map((state) => [state, state])], filter.status, refilter("status"))),
    has("user") && field("User", h("input", { value: filter.user, placeholder: "mine; * is everybody", onchange: (event) => refilter("user")(event.target.value.trim()) })),
    has("name") && field("Name", h("input", { value: filter.name, onchange: (event) => refilter("name")(event.target.value.trim()) })),
    has("since") && field("Submitted within", select(SINCE, "", refilter("since"))),
    field("Text on this page", h("input", { type: "search", placeholder: "id, name, state", oninput: (event) => ((text = event.target.value.trim().toLowerCase()), draw()) })),
    field("Sort", select(Object.entries(ORDERS).map(([key, [name]]) => [key, name]), order, (value) => ((order = value), draw()))),
    field("On a page", select(PAGE_SIZES.map((size) => [String(size), String(size)]), "20", refilter("page_size"))),
  );

  async function look() {
    const since = filter.since ? new Date(Date.now() - 1000 * Number(filter.since)).toISOString() : "";
    list = await get(`/api/jobs${query({ ...filter, since })}`, { signal });
    replace(refusal);
    draw();
  }

  function failed(error) {
    if (error.name !== "AbortError") replace(refusal, notice(error));
  }

  function draw() {
    if (!list) return;
    // Redrawing the list would lose the focus.
    if (rows.contains(document.activeElement) && document.activeElement.type === "checkbox") return;
    const matches = (job) => !text || [job.id, job.name, job.status, job.owner, job.seed].some((one) => one?.toLowerCase().includes(text));
    const jobs = list.jobs.filter(matches).sort(ORDERS[order][1]);
    const anyOpen = jobs.some((job) => !hasEnded(job.status));
    const anyOwner = jobs.some((job) => job.owner);
    const columns = [
      anyOpen && { title: "Choose", cell: (job) => (hasEnded(job.status) ? null : h("input", { type: "checkbox", checked: chosen.has(job.id), "aria-label": `Choose ${job.id}`, onchange: (event) => choose(job.id, event.target.checked) })) },
      { title: "Job", cell: jobLink },
      { title: "State", cell: (job) => [badge(job.status), job.waitingFor ? h("span", { class: "hint", title: job.waitingFor }, " waits") : null] },
      { title: "Progress", cell: (job) => (hasEnded(job.status) ? `${Number(job.progress.toFixed(1))} %` : bar(job.progress / 100, `Progress of ${job.id}`)) },
      { title: "Simulations", numeric: true, cell: (job) => h("span", { title: count(job.simulationsTotal) }, shortCount(job.simulationsTotal)) },
      { title: "Took", numeric: true, cell: (job) => duration(took(job)) },
      { title: "Priority", numeric: true, cell: (job) => job.priority },
      anyOwner && { title: "Owner", cell: (job) => job.owner ?? "" },
      { title: "Submitted", cell: (job) => h("span", { title: time(job.createdAt) }, ago(job.createdAt)) },
    ].filter(Boolean);
    const nothing = filter.status || filter.name || text ? "No job matches." : ["No jobs yet. ", h("a", { href: "/" }, "Plan something"), " and run it."];
    replace(rows, table("Jobs", columns, jobs, { empty: nothing }));
    const pages = Math.max(1, Math.ceil(list.total / list.page_size));
    const turn = (to) => {
      filter.page = to;
      look().catch(failed);
    };
    replace(pager, `${plural(list.total, "job")}, page ${count(list.page)} of ${count(pages)}`, button("Newer", () => turn(list.page - 1), { disabled: list.page <= 1 }), button("Older", () => turn(list.page + 1), { disabled: list.page >= pages }));
    for (const id of [...chosen]) if (!list.jobs.some((job) => job.id === id && !hasEnded(job.status))) chosen.delete(id);
    cancelButton.disabled = chosen.size === 0;
    cancelButton.textContent = chosen.size ? `Cancel ${chosen.size} chosen` : "Cancel the chosen";
  }

  function choose(id, on) {
    if (on) chosen.add(id);
    else chosen.delete(id);
    cancelButton.disabled = chosen.size === 0;
    cancelButton.textContent = chosen.size ? `Cancel ${chosen.size} chosen` : "Cancel the chosen";
  }

  async function cancelChosen() {
    const ids = [...chosen];
    const outcomes = await Promise.allSettled(ids.map((id) => remove(`/api/jobs/${id}`)));
    const failures = outcomes.filter(({ status }) => status === "rejected");
    if (failures.length) toastError(failures[0].reason);
    const done = ids.length - failures.length;
    if (done) toast(`${plural(done, "job")} cancelled.`);
    chosen.clear();
    document.activeElement?.blur();
    look().catch(failed);
  }

  replace(view, h("div", { class: "page-head" }, h("h1", {}, "Jobs"), h("div", { class: "actions" }, cancelButton, h("a", { class: "button", href: "/" }, "New plan"))), refusal, bar_, h("section", { class: "card" }, rows, pager));
  poll(look, INTERVAL, signal, failed);
}
