// "Run large": the real job.

import { create } from "../../app/api.js";
import { h, openDialog, replace } from "../../app/dom.js";
import { count } from "../../app/format.js";
import { notice } from "../../app/notices.js";
import { go } from "../../app/router.js";
import { parseNumber } from "./inputs.js";

/** Asks for the size, submits the job and opens its page. */
export function runLarge(request) {
  const params = request.simulationParams ?? {};
  const number = h("input", { id: "run-count", value: count(params.nSimulations ?? 1_000_000), inputmode: "numeric", autocomplete: "off", "aria-describedby": "run-count-hint" });
  const target = h("input", { id: "run-error", value: params.targetStandardError ? String(100 * params.targetStandardError) : "", inputmode: "decimal", autocomplete: "off", placeholder: "none", "aria-describedby": "run-error-hint" });
  const name = h("input", { id: "run-name", maxlength: 128, autocomplete: "off", value: (request.goal?.goalText ?? "").slice(0, 128) });
  const priority = h("input", { id: "run-priority", type: "number", min: 0, max: 100, value: "50" });
  const refusal = h("div", {});
  const quick = [100_000, 1_000_000, 10_000_000, 100_000_000].map((size) =>
    h("button", { type: "button", class: "small", onclick: () => (number.value = count(size)) }, `${size >= 1e6 ? `${size / 1e6} million` : count(size)}`),
  );
  const submit = async (event) => {
    event.preventDefault();
    const job = structuredClone(request);
    job.simulationParams = { ...job.simulationParams, nSimulations: parseNumber(number.value) ?? 0 };
    if (target.value.trim()) job.simulationParams.targetStandardError = (parseNumber(target.value) ?? -1) / 100;
    else delete job.simulationParams.targetStandardError;
    if (name.value.trim()) job.name = name.value.trim();
    job.priority = Number(priority.value);
    try {
      const { jobId } = await create("/api/jobs", job);
      dialog.close();
      go(`/jobs/${jobId}`);
    } catch (error) {
      replace(refusal, notice(error));
    }
  };
  const dialog = openDialog(
    "Run this plan",
    h(
      "form",
      { onsubmit: submit },
      h("div", {}, h("label", { for: "run-count" }, "Simulations"), number, h("div", { class: "choice" }, quick), h("p", { class: "hint", id: "run-count-hint" }, "Up to 1 trillion. A hundred times as many make the error ten times smaller.")),
      h("div", {}, h("label", { for: "run-error" }, "Stop early at a standard error of (percentage points)"), target, h("p", { class: "hint", id: "run-error-hint" }, "Empty: all of them run. 0.05 is usually enough.")),
      h("div", {}, h("label", { for: "run-name" }, "Name"), name),
      h("div", {}, h("label", { for: "run-priority" }, "Priority, 0 to 100"), priority),
      refusal,
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Run")),
    ),
  );
  number.focus();
}
