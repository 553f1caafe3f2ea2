// `/usage`: what has been used this month and before; for administrators the keys, everybody's usage and the audit log.

import { create, download, get, remove } from "../app/api.js";
import { button, facts, h, openDialog, replace, table } from "../app/dom.js";
import { ago, cost, count, time } from "../app/format.js";
import { bar, shortId } from "../app/jobs.js";
import { pager } from "../app/list.js";
import { notice, toast, toastError } from "../app/notices.js";
import { key } from "../app/session.js";

export const title = "Usage";

const TIERS = ["free", "basic", "pro", "enterprise"];

export async function show(view, { signal }) {
  const month = h("section", { class: "card" });
  const past = h("section", { class: "card" });
  const keys = h("section", { class: "card", hidden: true });
  const users = h("section", { class: "card", hidden: true });
  const audit = h("section", { class: "card", hidden: true });
  replace(view, h("div", { class: "page-head" }, h("h1", {}, "Usage and keys")), h("div", { class: "columns" }, month, past), keys, users, audit);

  const { current, history } = await get("/simulations/batch/usage/history?periods=12", { signal });
  showMonth(month, current);
  showPast(past, current, history);
  if (current.role !== "admin") return;

  const section = async (element, path, draw) => {
    try {
      draw(element, await get(path, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      replace(element, notice(error));
    }
    element.hidden = false;
  };
  const showUsage = (page = 1) => section(users, `/api/admin/usage?page=${page}`, (element, list) => showUsers(element, list, showUsage));
  const showLog = (page = 1) => section(audit, `/api/admin/audit?page=${page}`, (element, list) => showAudit(element, list, showLog));
  // Without keys everybody is the user `local`, and there are none to manage.
  const showAllKeys = () => key() && section(keys, "/api/admin/keys", (element, list) => showKeys(element, list.keys, () => (showAllKeys(), showLog())));
  await Promise.all([showAllKeys(), showUsage(), showLog()]);
}

function showMonth(element, usage) {
  const quota = (label, used, limit, print) => {
    const unlimited = limit === -1;
    const share = unlimited ? 0 : limit > 0 ? used / limit : 1;
    return h(
      "div",
      { class: "charts-gap" },
      h("p", {}, h("strong", {}, label), ` ${print(used)}${unlimited ? ", no limit" : ` of ${print(limit)}`}`),
      unlimited ? null : bar(share, label, share >= 1 ? "bad tall" : share > 0.8 ? "warn tall" : "tall"),
    );
  };
  replace(
    element,
    h("header", {}, h("h2", {}, "This month"), h("span", { class: "badge" }, `tier ${usage.tier}`)),
    h("p", { class: "muted" }, `${usage.user_id}, ${usage.period} (UTC): ${usage.days_remaining === 0 ? "its last day" : `${count(usage.days_remaining)} more ${usage.days_remaining === 1 ? "day" : "days"}`}`),
    usage.is_quota_exceeded ? h("div", { class: "notice bad" }, h("strong", {}, "Used up"), h("p", {}, usage.quota_exceeded_reason ?? "")) : null,
    quota("Jobs", usage.simulations_used, usage.simulations_limit, count),
    quota("Cost", usage.cost_used_usd, usage.cost_limit_usd, cost),
    quota("API calls", usage.api_calls_used, usage.api_calls_limit, count),
    h("hr"),
    facts([
      ["Tokens (a million simulated months each)", count(usage.tokens_used)],
      ["Largest batch", `${count(usage.max_batch_size)} simulations`],
    ]),
  );
}

function showPast(element, current, history) {
  const now = { period: current.period, api_calls: current.api_calls_used, simulations_run: current.simulations_used, cost_usd: current.cost_used_usd, tokens_used: current.tokens_used };
  const months = [now, ...history.filter((one) => one.api_calls > 0 || one.simulations_run > 0)];
  const most = Math.max(...months.map((one) => one.cost_usd), 1e-12);
  replace(
    element,
    h("h2", {}, "Cost by month"),
    h("div", { class: "stack" }, table("Cost by month", [
      { title: "Month", cell: (one) => (one === now ? `${one.period}, so far` : one.period) },
      { title: "Share of the most", quiet: true, cell: (one) => bar(one.cost_usd / most, `Cost of ${one.period}`) },
      { title: "Cost", numeric: true, cell: (one) => cost(one.cost_usd) },
      { title: "Jobs", numeric: true, cell: (one) => count(one.simulations_run) },
      { title: "Failed", numeric: true, cell: (one) => (one.simulations_failed === undefined ? "" : count(one.simulations_failed)) },
      { title: "Calls", numeric: true, cell: (one) => count(one.api_calls) },
    ], months)),
  );
}

function showKeys(element, keys, again) {
  const sure = (one, title, words, act) => () => {
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        await act(form);
        again();
      } catch (error) {
        toastError(error);
      }
    } }, h("p", {}, words), h("div", { class: "actions" }, h("button", { class: "danger" }, title), button("Keep it", () => dialog.close())));
    const dialog = openDialog(`${title}?`, form);
  };
  const path = (one) => `/api/admin/keys/${encodeURIComponent(one.id)}`;
  const revoke = (one) => sure(one, "Revoke the key", `Whoever uses the key ${one.id} of ${one.user_id} is refused from now on. This can’t be undone.`, async (form) => {
    await remove(path(one));
    toast(`The key of ${one.user_id} is revoked.`);
    form.closest("dialog").close();
  });
  const rotate = (one) => sure(one, "Rotate the key", `${one.user_id} gets a new key like ${one.id}, and this one is refused from now on. If you use it here yourself, enter the new one afterwards.`, async (form) => showSecret(form, await create(`${path(one)}/rotate`, {})));
  const isOver = (one) => one.revoked_at || (one.expires_at && new Date(one.expires_at) <= Date.now());
  const sorted = keys.toSorted((a, b) => Boolean(isOver(a)) - Boolean(isOver(b)) || b.created_at.localeCompare(a.created_at));
  replace(
    element,
    h("header", {}, h("h2", {}, "Keys"), button("New key…", () => createKey(again), { class: "primary" })),
    h("div", { class: "stack" }, table("Keys", [
      { title: "User", cell: (one) => one.user_id },
      { title: "Key", cell: (one) => h("code", {}, one.id) },
      { title: "Note", cell: (one) => one.note ?? "" },
      { title: "Tier", cell: (one) => one.tier },
      { title: "Role", cell: (one) => (one.role === "admin" ? h("span", { class: "badge live" }, "admin") : one.role) },
      { title: "Made", cell: (one) => h("span", { title: time(one.created_at) }, ago(one.created_at)) },
      { title: "Expires", cell: (one) => (one.expires_at ? h("span", { title: time(one.expires_at) }, one.expires_at.slice(0, 10)) : "never") },
      { title: "Action", quiet: true, cell: (one) => (isOver(one) ? h("span", { class: "badge warn", title: time(one.revoked_at ?? one.expires_at) }, one.revoked_at ? "revoked" : "expired") : [button("Rotate…", rotate(one), { class: "small" }), " ", button("Revoke…", revoke(one), { class: "small" })]) },
    ], sorted)),
  );
}

/** Shows the secret of a key that was just made, this once. */
function showSecret(form, made) {
  replace(
    form,
    h("p", {}, `The key of ${made.user_id}. It is shown this once: only its hash is kept.`),
    h("pre", { tabindex: 0 }, made.secret ?? "–"),
    h("div", { class: "actions" }, button("Copy", () => navigator.clipboard?.writeText(made.secret).then(() => toast("Copied.")), { class: "primary" })),
  );
}

/** Makes a key and shows its secret this once. */
function createKey(again) {
  const user = h("input", { id: "key-user", required: true, maxlength: 128, autocomplete: "off", pattern: "[A-Za-z0-9._@+\\-]{1,128}", title: "letters, digits or any of . _ - @ +" });
  const tier = h("select", { id: "key-tier" }, TIERS.map((one) => h("option", { value: one }, one)));
  const role = h("select", { id: "key-role" }, h("option", { value: "user" }, "user"), h("option", { value: "admin" }, "admin: everything, keys and nodes too"));
  const note = h("input", { id: "key-note", maxlength: 128, autocomplete: "off", placeholder: "what it is for" });
  const days = h("input", { id: "key-days", type: "number", min: 1, max: 3650, step: 1, placeholder: "never" });
  const refusal = h("div", {});
  const submit = async (event) => {
    event.preventDefault();
    try {
      const options = { note: note.value.trim() || undefined, expires_in_days: Number(days.value) || undefined };
      showSecret(form, await create("/api/admin/keys", { user_id: user.value.trim(), tier: tier.value, role: role.value, ...options }));
      again();
    } catch (error) {
      replace(refusal, notice(error));
    }
  };
  const form = h(
    "form",
    { onsubmit: submit },
    h("div", {}, h("label", { for: "key-user" }, "User"), user),
    h("div", { class: "pair" }, h("div", {}, h("label", { for: "key-tier" }, "Tier"), tier), h("div", {}, h("label", { for: "key-role" }, "Role"), role)),
    h("div", { class: "pair" }, h("div", {}, h("label", { for: "key-note" }, "Note"), note), h("div", {}, h("label", { for: "key-days" }, "Expires in days"), days)),
    refusal,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the key")),
  );
  openDialog("New key", form);
}

function showUsers(element, list, turn) {
  const pages = pager(turn, "user");
  pages.update(list);
  replace(
    element,
    h("h2", {}, "Usage by user"),
    h("div", { class: "stack" }, table("Usage by user, this month", [
      { title: "User", cell: (one) => h("a", { href: `/jobs?user=${encodeURIComponent(one.user_id)}` }, one.user_id) },
      { title: "Tier", cell: (one) => one.tier },
      { title: "Jobs", numeric: true, cell: (one) => count(one.simulations_used) },
      { title: "Tokens", numeric: true, cell: (one) => count(one.tokens_used) },
      { title: "Calls", numeric: true, cell: (one) => count(one.api_calls_used) },
      { title: "Cost", numeric: true, cell: (one) => cost(one.cost_used_usd) },
    ], list.users), pages.element),
  );
}

/** `jobCancelled` as words. */
const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function showAudit(element, list, turn) {
  const pages = pager(turn, "record");
  pages.update(list);
  const lines = () => download("/api/admin/audit", "carlo-audit.jsonl", { headers: { Accept: "application/jsonl" } }).catch(toastError);
  const object = ({ object: id }) => (id?.startsWith("job_") ? h("a", { href: `/jobs/${id}` }, shortId(id)) : h("span", { title: id }, id ? shortId(id) : ""));
  replace(
    element,
    h("header", {}, h("h2", {}, "Audit log"), button("All as JSON lines", lines)),
    h("div", { class: "stack" }, table("What administrators changed", [
      { title: "When", cell: (one) => h("span", { title: time(one.at) }, ago(one.at)) },
      { title: "Who", cell: (one) => h("span", { title: one.key_id }, one.user_id) },
      { title: "What", cell: (one) => words(one.action) },
      { title: "On", cell: object },
      { title: "Details", cell: (one) => one.detail ?? "" },
    ], list.records, { empty: "No administrator has changed anything." }), pages.element),
  );
}
