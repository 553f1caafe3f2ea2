// The inputs of a form: numbers with a slider, choices, texts, switches.

import { button, h, uniqueId } from "../../app/dom.js";
import { months as monthsInWords } from "../../app/format.js";

const UNITS = {
  money: { before: "$", step: 1 },
  rate: { after: "%", scale: 100, step: 0.001 },
  percent: { after: "%", step: 0.1 },
  months: { after: "months", step: 1, words: monthsInWords },
  years: { after: "years", step: 1 },
  count: { step: 1 },
  factor: { step: 0.01 },
};

const SUFFIXES = { k: 1e3, m: 1e6, b: 1e9 };

/** Parses a number like 1,250 or 12.5k; null if it is invalid. */
export function parseNumber(text) {
  const match = text.replace(/[,_\s$%]/g, "").replace("−", "-").match(/^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([kmb])?$/i);
  return match ? Number(match[1]) * (SUFFIXES[match[2]?.toLowerCase()] ?? 1) : null;
}

/** A number without rounding errors of binary fractions, grouped by thousands. */
function printNumber(value) {
  const rounded = Number(value.toPrecision(12));
  return Math.abs(rounded) >= 1e15 ? String(rounded) : new Intl.NumberFormat("en-US", { maximumFractionDigits: 10 }).format(rounded);
}

/** A small round step for a slider of this range. */
function roundStep(width, smallest) {
  const rough = width / 400;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  return Math.max(smallest, step);
}

/** The base of all fields: label, reset button, hint, error. `onchange` gets the value, or undefined for the default. */
class Field {
  constructor({ label, hint, required }, onchange) {
    this.id = uniqueId("field");
    this.onchange = onchange;
    this.error = h("p", { class: "field-error", id: `${this.id}-error` });
    this.hint = h("p", { class: "hint", id: `${this.id}-hint`, hidden: !hint }, hint);
    this.reset = button("↺", () => (this.enter(undefined), this.show(undefined)), { class: "quiet reset", hidden: true, title: "Back to the default", "aria-label": `Reset ${label} to its default` });
    this.required = required;
    this.label = label;
    this.value = undefined;
  }

  /** Handles an input. */
  enter(value) {
    this.value = value;
    this.reset.hidden = value === undefined || this.required;
    this.onchange(value);
  }

  described(more = {}) {
    return { "aria-describedby": `${this.id}-hint ${this.id}-error`, ...more };
  }

  /** Shows the fault of the value, or that there is none. */
  fault(message) {
    this.error.textContent = message ?? "";
    for (const input of this.inputs()) input.setAttribute("aria-invalid", message ? "true" : "false");
  }
}

/** A number with its unit and a slider. */
export class NumberField extends Field {
  constructor(field, schema, onchange) {
    super(field, onchange);
    this.unit = UNITS[field.unit] ?? UNITS.factor;
    this.scale = this.unit.scale ?? 1;
    this.bounds = [schema.minimum ?? -Infinity, schema.maximum ?? Infinity];
    this.range = field.range ?? [Math.max(this.bounds[0], 0), Math.min(this.bounds[1], 100)];
    this.fallback = schema.default ?? undefined;
    this.inputMode = "decimal";
    this.text = h("input", this.described({ id: this.id, type: "text", inputmode: "decimal", autocomplete: "off", oninput: () => this.typed(), onblur: () => this.text.value.trim() && this.show(this.value), onkeydown: (event) => this.stepped(event) }));
    this.slider = h("input", { type: "range", "aria-label": `${field.label}, slider`, tabindex: "0", oninput: () => this.slid() });
    this.words = h("span", { class: "hint" });
    const { before, after } = this.unit;
    this.element = h(
      "div",
      { class: "field" },
      h("div", { class: "top" }, h("label", { for: this.id }, field.label), this.words, this.reset),
      h("div", { class: "with-unit" }, before && h("span", { class: "unit before", "aria-hidden": "true" }, before), this.text, after && h("span", { class: "unit" }, after)),
      this.slider,
      this.hint,
      this.error,
    );
    this.show(undefined);
  }

  inputs() {
    return [this.text];
  }

  typed() {
    const text = this.text.value.trim();
    const number = parseNumber(text);
    if (text === "") this.enter(undefined);
    else if (number === null) {
      this.fault("is not a number");
      return;
    } else this.enter(this.unscaled(number));
    this.moveSlider();
  }

  /** Arrow keys change the number by a step, as in a number field. */
  stepped(event) {
    const direction = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!direction) return;
    event.preventDefault();
    const now = this.value ?? this.fallback ?? this.range[0];
    const next = Math.min(Math.max(now + direction * this.step * (this.unit.before ? 4 : 1), this.bounds[0]), this.bounds[1]);
    this.enter(Number(next.toPrecision(12)));
    this.show(this.value);
  }

  slid() {
    this.enter(Number(Number(this.slider.value).toPrecision(12)));
    this.print();
  }

  unscaled(number) {
    return Number((number / this.scale).toPrecision(15));
  }

  print() {
    const shown = this.value ?? this.fallback;
    this.text.value = this.value === undefined ? "" : printNumber(this.value * this.scale);
    this.text.placeholder = this.fallback === undefined || this.fallback === null ? "" : printNumber(this.fallback * this.scale);
    this.words.textContent = this.unit.words && typeof shown === "number" && shown >= 12 ? this.unit.words(shown) : "";
  }

  moveSlider() {
    const shown = this.value ?? this.fallback ?? this.range[0];
    let [low, high] = this.range;
    if (shown > high) high = Math.min(this.bounds[1], roundUp(1.5 * shown));
    if (shown < low) low = Math.max(this.bounds[0], Math.min(shown, -roundUp(-1.5 * shown)));
    this.step = roundStep(high - low, this.unit.step);
    Object.assign(this.slider, { min: low, max: high, step: "any" });
    this.slider.step = this.step;
    this.slider.value = shown;
    this.slider.setAttribute("aria-valuetext", `${this.unit.before ?? ""}${printNumber(shown * this.scale)} ${this.unit.after ?? ""}`.trim());
  }

  /** Shows a value, or the default for undefined. */
  show(value) {
    this.value = typeof value === "number" ? value : undefined;
    this.reset.hidden = this.value === undefined || this.required;
    this.print();
    this.moveSlider();
  }

  /** Sets the default. */
  assume(value) {
    if (typeof value !== "number" || this.value !== undefined) return;
    this.fallback = value;
    if (document.activeElement !== this.slider) this.show(undefined);
  }
}

function roundUp(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= value);
}

/** One of a few values. */
export class ChoiceField extends Field {
  constructor(field, schema, onchange) {
    super(field, onchange);
    const values = schema.enum?.filter((value) => value !== null) ?? Object.keys(field.choices);
    this.fallback = schema.default ?? undefined;
    this.radios = values.map((value) => h("input", { type: "radio", name: this.id, value, onchange: () => this.enter(value) }));
    this.element = h(
      "fieldset",
      this.described({ class: "field" }),
      h("div", { class: "top" }, h("legend", {}, field.label), this.reset),
      h("div", { class: "choice" }, this.radios.map((radio) => h("label", {}, radio, field.choices?.[radio.value] ?? radio.value))),
      this.hint,
      this.error,
    );
    this.show(undefined);
  }

  inputs() {
    return [];
  }

  show(value) {
    this.value = value ?? undefined;
    this.reset.hidden = this.value === undefined || this.required;
    for (const radio of this.radios) radio.checked = radio.value === (this.value ?? this.fallback);
  }

  assume(value) {
    if (value === undefined || this.value !== undefined) return;
    this.fallback = value;
    this.show(undefined);
  }
}

/** On or off. */
export class SwitchField extends Field {
  constructor(field, schema, onchange) {
    super(field, onchange);
    this.input = h("input", this.described({ id: this.id, type: "checkbox", onchange: () => this.enter(this.input.checked || undefined) }));
    this.element = h("div", { class: "field" }, h("div", { class: "check" }, this.input, h("div", {}, h("label", { for: this.id }, field.label), this.hint)), this.error);
  }

  inputs() {
    return [this.input];
  }

  enter(value) {
    super.enter(value);
    this.reset.hidden = true;
  }

  show(value) {
    this.value = value ?? undefined;
    this.input.checked = value === true;
  }

  assume() {}
}

/** A text. */
export class TextField extends Field {
  constructor(field, schema, onchange) {
    super(field, onchange);
    this.input = h("input", this.described({ id: this.id, type: "text", maxlength: schema.maxLength, autocomplete: "off", oninput: () => this.enter(this.input.value === "" ? undefined : this.input.value) }));
    this.element = h("div", { class: "field" }, h("div", { class: "top" }, h("label", { for: this.id }, field.label)), this.input, this.hint, this.error);
  }

  inputs() {
    return [this.input];
  }

  show(value) {
    this.value = value ?? undefined;
    this.input.value = value ?? "";
  }

  assume() {}
}

/** A member without an input of its own, as JSON. */
export class JsonField extends Field {
  constructor(field, schema, onchange) {
    super(field, onchange);
    this.input = h("textarea", this.described({ id: this.id, rows: 4, spellcheck: "false", class: "mono", oninput: () => this.typed() }));
    this.element = h("div", { class: "field whole" }, h("div", { class: "top" }, h("label", { for: this.id }, field.label)), this.input, this.hint, this.error);
  }

  inputs() {
    return [this.input];
  }

  typed() {
    const text = this.input.value.trim();
    try {
      this.enter(text === "" ? undefined : JSON.parse(text));
      this.fault(null);
    } catch {
      this.fault("is not JSON");
    }
  }

  show(value) {
    this.value = value ?? undefined;
    this.input.value = value === undefined ? "" : JSON.stringify(value, null, 1);
  }

  assume() {}
}
