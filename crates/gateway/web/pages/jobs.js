// `/jobs`: the caller's jobs, for administrators everybody's: filtered, sorted, live, and several cancelled or deleted at once.

import { get, poll, query, remove } from "../app/api.js";
import { button, h, replace, table } from "../app/dom.js";
import { ago, count, duration, plural, shortCount, time } from "../app/format.js";
import { badge, bar, hasEnded, jobLink } from "../app/jobs.js";
import { pager } from "../app/list.js";
import { notice, toast, toastError } from "../app/notices.js";

export const title = "Jobs";

const STATES = ["queued", "running", "complete", "failed", "cancelled"];
const INTERVAL = 2_000;
/** The server looks at every job for words and other orders, so it is asked for them more rarely. */
const SEARCH_INTERVAL = 10_000;
const PAGE_SIZES = [20, 50, 100];
const SINCE = [["", "any time"], ["3600", "the last hour"], ["86400", "the last day"], ["604800", "the last week"]];

const took = (job) => (job.startedAt ? (new Date(job.completedAt ?? Date.now()) - new Date(job.startedAt)) / 1000 : null);

const ORDERS = [["", "newest first"], ["created", "oldest first"], ["-ended", "last ended first"], ["-duration", "longest first"], ["-simulations", "largest first"], ["-priority", "highest priority first"], ["name", "by name"], ["status", "by state"]];

export async function show(view, { signal, query: asked }) {
  const { role, user_id: self } = await get("/simulations/batch/usage", { signal });
  const isAdmin = role === "admin";
  const given = (name) => asked.get(name) ?? "";
  const filter = { status: given("status"), name: given("name"), text: given("text"), user: given("user"), page: Number(asked.get("page")) || 1, page_size: 20, sort: given("sort") };
  let since = "";
  let list = null;
  let looked = 0;
  const chosen = new Set();

  const rows = h("div", { class: "stack" });
  const pages = pager((page) => ((filter.page = page), again()), "job");
  const refusal = h("div", {});
  const cancelButton = button("", () => each((job) => !hasEnded(job.status), "", "cancelled"), { class: "danger" });
  const deleteButton = button("", () => each((job) => hasEnded(job.status), "?purge=true", "deleted"), { class: "danger" });

  const field = (label, input) => h("div", {}, h("label", {}, label, input));
  const select = (options, value, onchange) => {
    const element = h("select", { onchange: () => onchange(element.value) }, options.map(([key, name]) => h("option", { value: key }, name)));
    element.value = value;
    return element;
  };
  const again = () => look(true).catch(failed);
  const refilter = (name) => (value) => {
    filter[name] = value;
    filter.page = 1;
    again();
  };
  const words = (name, properties = {}) => h("input", { type: "search", maxlength: 128, value: filter[name], onchange: ({ target }) => refilter(name)(target.value.trim()), ...properties });
  const filters = h(
    "form",
    { class: "inline-form", role: "search", "aria-label": "Filter the jobs", onsubmit: (event) => event.preventDefault() },
    field("State", select([["", "all"], ...STATES.map((state) => [state, state])], filter.status, refilter("status"))),
    isAdmin && field("User", words("user", { placeholder: `${self}; * is everybody` })),
    field("Name", words("name")),
    field("Text", words("text", { placeholder: "name, id or owner" })),
    field("Submitted within", select(SINCE, "", (value) => ((since = value), refilter("page")(1)))),
    field("Order", select(isAdmin ? [...ORDERS, ["user", "by owner"]] : ORDERS, filter.sort, refilter("sort"))),
    field("On a page", select(PAGE_SIZES.map((size) => [String(size), String(size)]), "20", refilter("page_size"))),
  );

  async function look(now = false) {
    if (!now && (filter.name || filter.text || filter.sort) && Date.now() - looked < SEARCH_INTERVAL) return;
    looked = Date.now();
    const from = since && new Date(looked - 1000 * Number(since)).toISOString();
    list = await get(`/api/jobs${query({ ...filter, since: from })}`, { signal });
    replace(refusal);
    draw();
  }

  function failed(error) {
    if (error.name !== "AbortError") replace(refusal, notice(error));
  }

  function draw() {
    if (!list) return;
    // A list that is redrawn under one's fingers loses the focus.
    if (rows.contains(document.activeElement) && document.activeElement.type === "checkbox") return;
    const columns = [
      { title: "Choose", quiet: true, cell: ({ id }) => h("input", { type: "checkbox", checked: chosen.has(id), "aria-label": `Choose ${id}`, onchange: ({ target }) => choose(id, target.checked) }) },
      { title: "Job", cell: jobLink },
      { title: "Kind", cell: ({ kind }) => (kind === "simulation" ? h("span", { class: "muted" }, kind) : h("span", { class: "badge" }, kind)) },
      { title: "State", cell: (job) => [badge(job.status), job.waitingFor ? h("span", { class: "hint", title: job.waitingFor }, " waits") : null] },
      { title: "Progress", cell: (job) => (hasEnded(job.status) ? `${Number(job.progress.toFixed(1))} %` : bar(job.progress / 100, `Progress of ${job.id}`)) },
      { title: "Simulations", numeric: true, cell: (job) => h("span", { title: count(job.simulationsTotal) }, shortCount(job.simulationsTotal)) },
      { title: "Took", numeric: true, cell: (job) => duration(took(job)) },
      { title: "Priority", numeric: true, cell: (job) => job.priority },
      filter.user && { title: "Owner", cell: (job) => job.owner },
      { title: "Submitted", cell: (job) => h("span", { title: time(job.createdAt) }, ago(job.createdAt)) },
    ].filter(Boolean);
    const nothing = filter.status || filter.name || filter.text || filter.user || since ? "No job matches." : ["No jobs yet. ", h("a", { href: "/" }, "Plan something"), " and run it."];
    replace(rows, table("Jobs", columns, list.jobs, { empty: nothing }));
    pages.update(list);
    for (const id of chosen) if (!list.jobs.some((job) => job.id === id)) chosen.delete(id);
    countChosen();
  }

  function choose(id, on) {
    if (on) chosen.add(id);
    else chosen.delete(id);
    countChosen();
  }

  function countChosen() {
    const jobs = (list?.jobs ?? []).filter(({ id }) => chosen.has(id));
    const ended = jobs.filter(({ status }) => hasEnded(status)).length;
    for (const [element, word, number] of [[cancelButton, "Cancel", jobs.length - ended], [deleteButton, "Delete", ended]]) {
      element.disabled = number === 0;
      element.textContent = number ? `${word} ${number} chosen` : `${word} the chosen`;
    }
  }

  /** Cancels or deletes those of the chosen jobs that it can be done with. */
  async function each(fits, parameters, done) {
    const ids = list.jobs.filter((job) => chosen.has(job.id) && fits(job)).map(({ id }) => id);
    const outcomes = await Promise.allSettled(ids.map((id) => remove(`/api/jobs/${id}${parameters}`)));
    const failures = outcomes.filter(({ status }) => status === "rejected");
    if (failures.length) toastError(failures[0].reason);
    if (ids.length > failures.length) toast(`${plural(ids.length - failures.length, "job")} ${done}.`);
    ids.forEach((id) => chosen.delete(id));
    document.activeElement?.blur();
    again();
  }

  countChosen();
  replace(view, h("div", { class: "page-head" }, h("h1", {}, "Jobs"), h("div", { class: "actions" }, cancelButton, deleteButton, h("a", { class: "button", href: "/" }, "New plan"))), refusal, filters, h("section", { class: "card" }, rows, pages.element));
  poll(look, INTERVAL, signal, failed);
}
