// `/`: a plan, and its results during editing.

import { openapi, save } from "../app/api.js";
import { button, h, openDialog, replace } from "../app/dom.js";
import { percent } from "../app/format.js";
import { explain, notice, toast } from "../app/notices.js";
import { Schema, setAt } from "../app/schema.js";
import { keepPlan, plan as keptPlan } from "../app/session.js";
import { charts, difference, headline } from "./answer.js";
import { runLarge } from "./plan/run.js";
import { solve } from "./plan/solve.js";
import { sweep } from "./plan/sweep.js";
import { EMPTY, EXAMPLES } from "./plan/examples.js";
import { Form } from "./plan/form.js";
import { Live } from "./plan/live.js";

export const title = "Plan";

export async function show(view, { signal }) {
  const document_ = await openapi();
  const schema = Schema.named(document_, "SimulationRequest");
  let request = keptPlan() ?? structuredClone(EXAMPLES[0].request);
  let pin = null;
  let latest = null;

  // Faults that no field shows, and the server's state.
  const faults = h("div", { role: "alert" });
  const state = h("span", { class: "live-state" });
  const dot = (kind, text) => replace(state, h("span", { class: `dot ${kind}`, "aria-hidden": "true" }), text);
  const head = headline();
  const against = h("p", {});
  const pictures = charts();
  const pinButton = button("Pin to compare", () => (pin ? unpin() : setPin()), { "aria-pressed": "false", disabled: true });
  const answer = h("div", { class: "plan-headline" }, h("section", { class: "card" }, h("header", {}, h("h2", {}, "Answer"), h("div", { class: "actions" }, state, pinButton)), head, against));
  const answerCharts = h("div", { class: "plan-charts" }, pictures);

  const live = new Live(
    {
      busy: () => {
        dot("busy", "simulating…");
        head.classList.add("stale");
      },
      answer: (results) => {
        latest = results;
        head.classList.remove("stale");
        dot("", "up to date");
        head.update(results);
        pictures.update(results, pin?.results);
        pinButton.disabled = false;
        form.assume(results.assumptions);
        showFaults([]);
        if (!pin) replace(against);
      },
      sensitivity: (results) => pictures.sensitivity(results),
      comparison: ([, now]) => pin && replace(against, difference(now)),
      refused: (error) => {
        head.classList.add("stale");
        dot("bad", explain(error)[0]);
        showFaults(error.errors ?? [], error);
      },
    },
    signal,
  );

  function showFaults(all, error) {
    const left = form.showFaults(all);
    // A field that is still empty is not shown as an error.
    if (error && all.length === 0) replace(faults, notice(error));
    else replace(faults, left.length ? h("div", { class: "notice bad" }, h("strong", {}, "This needs a change"), h("ul", {}, left.map(({ pointer, message }) => h("li", {}, h("code", {}, pointer || "/"), " ", message)))) : null);
    json.faults(all);
  }

  function setPin() {
    pin = { request: structuredClone(request), results: latest };
    live.pinned = pin.request;
    pinButton.textContent = `Unpin ${percent(latest.successProbability, latest.standardError)}`;
    pinButton.setAttribute("aria-pressed", "true");
    replace(against, h("span", { class: "hint" }, "Pinned. Change something: the difference will be here, and the pinned plan dashed in the charts."));
    pictures.update(latest, pin.results);
  }

  function unpin() {
    pin = live.pinned = null;
    pinButton.textContent = "Pin to compare";
    pinButton.setAttribute("aria-pressed", "false");
    replace(against);
    if (latest) pictures.update(latest);
  }

  function changed(from) {
    keepPlan(request);
    if (from !== json) json.show(request);
    if (from !== form) form.show(request);
    live.ask(request);
  }

  const form = new Form(schema, (pointer, value) => {
    setAt(request, pointer, value);
    changed(form);
  });
  const json = jsonTab((next) => {
    request = next;
    changed(json);
  });
  const use = (next) => {
    request = structuredClone(next);
    changed(null);
  };

  const examples = h("select", { "aria-label": "Start from an example", onchange: () => {
    const chosen = examples.value === "empty" ? EMPTY : EXAMPLES[Number(examples.value)]?.request;
    if (chosen) use(chosen);
    examples.value = "";
  } }, h("option", { value: "" }, "Examples…"), EXAMPLES.map(({ title: name }, index) => h("option", { value: index }, name)), h("option", { value: "empty" }, "Empty plan"));

  const tabs = tabList([
    ["Form", form.element],
    ["JSON", json.element],
  ]);
  const context = () => ({ document: document_, schema, request, use, latest, signal });
  replace(
    view,
    h(
      "div",
      { class: "page-head" },
      h("h1", {}, "Plan"),
      h(
        "div",
        { class: "actions" },
        h("div", {}, examples),
        button("Import", () => importPlan(use)),
        button("Export", () => save(new Blob([JSON.stringify(request, null, 2)], { type: "application/json" }), "plan.json")),
        button("Solve…", () => solve(context())),
        button("Sweep…", () => sweep(context())),
        button("Run large…", () => runLarge(request), { class: "primary" }),
      ),
    ),
    h("div", { class: "plan" }, h("div", { class: "plan-edit" }, tabs, faults), h("div", { class: "plan-answer" }, answer, answerCharts)),
  );
  changed(null);
}

/** Two tabs. */
function tabList(tabs) {
  const buttons = tabs.map(([name], index) => button(name, () => select(index), { role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` }));
  const panels = tabs.map(([name, content]) => h("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` }, content));
  const select = (chosen) => {
    for (const [index, one] of buttons.entries()) {
      one.setAttribute("aria-selected", String(index === chosen));
      one.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
    }
  };
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "How the plan is edited", onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    select(next);
    buttons[next].focus();
  } }, buttons);
  select(0);
  return h("div", {}, list, panels);
}

/** The plan as JSON, in sync with the form. */
function jsonTab(onchange) {
  const error = h("p", { class: "field-error", role: "alert", id: "json-error" });
  const text = h("textarea", { "aria-label": "The plan as JSON", "aria-describedby": "json-error", spellcheck: "false", oninput: () => {
    let value;
    try {
      value = JSON.parse(text.value);
    } catch (failure) {
      error.textContent = failure.message;
      text.setAttribute("aria-invalid", "true");
      return;
    }
    text.setAttribute("aria-invalid", "false");
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      error.textContent = "A plan is an object.";
      return;
    }
    error.textContent = "";
    onchange(value);
  } });
  const tab = { element: h("div", { class: "plan-json" }, text, error) };
  tab.show = (request) => {
    text.value = JSON.stringify(request, null, 2);
    error.textContent = "";
  };
  tab.faults = (faults) => {
    if (text.getAttribute("aria-invalid") !== "true") error.textContent = faults.map(({ pointer, message }) => `${pointer || "/"} ${message}`).join("\n");
  };
  return tab;
}

/** Reads a plan from a file or from pasted text. */
function importPlan(use) {
  const error = h("p", { class: "field-error", role: "alert" });
  const text = h("textarea", { rows: 10, "aria-label": "A request as JSON", spellcheck: "false", class: "mono" });
  const take = (content) => {
    try {
      const value = JSON.parse(content);
      // The results of a job contain its request.
      const request = value?.results?.assumptions ?? value?.assumptions ?? value?.request ?? value;
      if (!request?.goal && !request?.financialProfile) throw new Error("This is JSON, but no request: it has no goal and no financialProfile.");
      use(request);
      dialog.close();
      toast("The plan was imported.");
    } catch (failure) {
      error.textContent = failure.message;
    }
  };
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "A file", onchange: async () => file.files[0] && take(await file.files[0].text()) });
  const dialog = openDialog("Import a plan", h("form", { onsubmit: (event) => (event.preventDefault(), take(text.value)) }, h("p", { class: "hint" }, "A request, or a job’s answer, as JSON: from a file or pasted."), file, text, error, h("div", { class: "actions" }, h("button", { class: "primary" }, "Use it"))));
}
