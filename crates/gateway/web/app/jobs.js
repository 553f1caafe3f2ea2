// Names and states of jobs and nodes.

import { h } from "./dom.js";

const LOOKS = {
  queued: ["", "queued"],
  pending: ["", "pending"],
  running: ["live", "running"],
  complete: ["good", "complete"],
  completed: ["good", "complete"],
  partial: ["warn", "partly complete"],
  failed: ["bad", "failed"],
  cancelled: ["warn", "cancelled"],
  available: ["good", "available"],
  busy: ["live", "busy"],
  draining: ["warn", "draining"],
  offline: ["bad", "offline"],
  quarantined: ["bad", "quarantined"],
};

/** The state of a job, batch or node. */
export function badge(status) {
  const [look, text] = LOOKS[status.toLowerCase()] ?? ["", status];
  return h("span", { class: `badge ${look}` }, text);
}

/** Whether a job or batch has ended. */
export const hasEnded = (status) => !["queued", "running", "pending"].includes(status.toLowerCase());

/** A bar of a share from 0 to 1. */
export function bar(share, label, look = "") {
  const fill = h("span", {});
  fill.style.width = `${Math.min(100, Math.max(0, 100 * share))}%`;
  return h("div", { class: `bar ${look}`, role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * share) }, fill);
}

/** The end of an id, which distinguishes ids; without a place where the line may break. */
export const shortId = (id) => (id.length > 20 ? `${id.slice(0, id.indexOf("_") + 1)}…\u2060${id.slice(-8)}` : id);

/** The name of a job, or else its id. */
export const jobName = (job) => job.name || shortId(job.id);

/** A link to a job's page. */
export const jobLink = (job) => h("a", { href: `/jobs/${encodeURIComponent(job.id)}`, title: job.id }, jobName(job));
