// `/usage`: usage of this and past months; for administrators also keys, the usage of all users and the audit log.

import { Refusal, create, get, openapi, remove } from "../app/api.js";
import { button, facts, h, openDialog, replace, table } from "../app/dom.js";
import { ago, cost, count, time } from "../app/format.js";
import { bar } from "../app/jobs.js";
import { notice, toast, toastError } from "../app/notices.js";
import { key } from "../app/session.js";

export const title = "Usage";

const TIERS = ["free", "basic", "pro", "enterprise"];

export async function show(view, { signal }) {
  const document_ = await openapi();
  const has = (path) => document_.paths[path] !== undefined;
  const month = h("section", { class: "card" });
  const past = h("section", { class: "card" });
  const keys = h("section", { class: "card", hidden: true });
  const users = h("section", { class: "card", hidden: true });
  const audit = h("section", { class: "card", hidden: true });
  replace(view, h("div", { class: "page-head" }, h("h1", {}, "Usage and keys")), h("div", { class: "columns" }, month, past), keys, users, audit);

  const { current, history } = await get("/simulations/batch/usage/history?periods=12", { signal });
  showMonth(month, current);
  showPast(past, current, history);

  // Callers who are not administrators get a refusal, and this part is hidden.
  const forAdministrators = async (path, element, draw) => {
    if (!has(path)) return;
    try {
      draw(element, await get(path, { signal }));
      element.hidden = false;
    } catch (error) {
      if (error instanceof Refusal && (error.status === 403 || error.status === 409 || error.status === 400)) return;
      if (signal.aborted) return;
      element.hidden = false;
      replace(element, notice(error));
    }
  };
  // Without authentication all callers are the user `local`, and there are no keys.
  const showAllKeys = () => key() && forAdministrators("/api/admin/keys", keys, (element, list) => showKeys(element, list.keys, showAllKeys));
  await Promise.all([showAllKeys(), forAdministrators("/api/admin/usage", users, showUsers), forAdministrators("/api/admin/audit", audit, showAudit)]);
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
  const revoke = (one) => async () => {
    const sure = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        await remove(`/api/admin/keys/${encodeURIComponent(one.id)}`);
        toast(`The key of ${one.user_id} is revoked.`);
        dialog.close();
        again();
      } catch (error) {
        toastError(error);
      }
    } }, h("p", {}, `Whoever uses the key ${one.id} of ${one.user_id} is refused from now on. This can’t be undone.`), h("div", { class: "actions" }, h("button", { class: "danger" }, "Revoke the key")));
    const dialog = openDialog("Revoke a key", sure);
  };
  const sorted = [...keys].sort((a, b) => Boolean(a.revoked_at) - Boolean(b.revoked_at) || b.created_at.localeCompare(a.created_at));
  replace(
    element,
    h("header", {}, h("h2", {}, "Keys"), button("New key…", () => createKey(again), { class: "primary" })),
    h("div", { class: "stack" }, table("Keys", [
      { title: "User", cell: (one) => one.user_id },
      { title: "Key", cell: (one) => h("code", {}, one.id) },
      { title: "Tier", cell: (one) => one.tier },
      { title: "Role", cell: (one) => (one.role === "admin" ? h("span", { class: "badge live" }, "admin") : one.role) },
      { title: "Made", cell: (one) => h("span", { title: time(one.created_at) }, ago(one.created_at)) },
      { title: "Action", quiet: true, cell: (one) => (one.revoked_at ? h("span", { class: "badge warn", title: time(one.revoked_at) }, "revoked") : button("Revoke…", revoke(one), { class: "small" })) },
    ], sorted)),
  );
}

/** Creates a key and shows its secret once. */
function createKey(again) {
  const user = h("input", { id: "key-user", required: true, maxlength: 128, autocomplete: "off", pattern: "[A-Za-z0-9._@+\\-]{1,128}", title: "letters, digits or any of . _ - @ +" });
  const tier = h("select", { id: "key-tier" }, TIERS.map((one) => h("option", { value: one }, one)));
  const role = h("select", { id: "key-role" }, h("option", { value: "user" }, "user"), h("option", { value: "admin" }, "admin: everything, keys and nodes too"));
  const refusal = h("div", {});
  const submit = async (event) => {
    event.preventDefault();
    try {
      const made = await create("/api/admin/keys", { user_id: user.value.trim(), tier: tier.value, role: role.value });
      replace(
        form,
        h("p", {}, `The key of ${made.user_id}. It is shown this once: only its hash is kept.`),
        h("pre", { tabindex: 0 }, made.secret ?? "–"),
        h("div", { class: "actions" }, button("Copy", () => navigator.clipboard?.writeText(made.secret).then(() => toast("Copied.")), { class: "primary" })),
      );
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
    refusal,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the key")),
  );
  openDialog("New key", form);
}

function showUsers(element, answer) {
  const users = answer.users ?? answer.usage ?? [];
  replace(
    element,
    h("h2", {}, "Usage by user"),
    h("div", { class: "stack" }, table("Usage by user, this month", [
      { title: "User", cell: (one) => one.user_id },
      { title: "Tier", cell: (one) => one.tier },
      { title: "Jobs", numeric: true, cell: (one) => count(one.simulations_used) },
      { title: "Tokens", numeric: true, cell: (one) => count(one.tokens_used) },
      { title: "Calls", numeric: true, cell: (one) => count(one.api_calls_used) },
      { title: "Cost", numeric: true, cell: (one) => cost(one.cost_used_usd) },
    ], users)),
  );
}

function showAudit(element, answer) {
  const records = answer.records ?? answer.entries ?? answer.audit ?? [];
  replace(
    element,
    h("h2", {}, "Audit log"),
    h("div", { class: "scroll-y" }, table("What administrators changed", [
      { title: "When", cell: (one) => h("span", { title: time(one.at) }, ago(one.at)) },
      { title: "Who", cell: (one) => one.actor ?? one.user_id ?? one.by ?? "" },
      { title: "What", cell: (one) => one.action ?? one.kind ?? "" },
      { title: "On", cell: (one) => one.subject ?? one.target ?? "" },
      { title: "Details", cell: (one) => one.detail ?? "" },
    ], records, { empty: "No administrator has changed anything." })),
  );
}
