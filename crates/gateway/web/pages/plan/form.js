// The form of a request: expandable groups of fields, made from the API's description and the table in fields.js.

import { append, button, h, replace } from "../../app/dom.js";
import { sentence } from "../../app/notices.js";
import { words } from "../../app/format.js";
import { Schema, valueAt } from "../../app/schema.js";
import { ELSEWHERE, GROUPS, INNER } from "./fields.js";
import { ChoiceField, JsonField, NumberField, SwitchField, TextField } from "./inputs.js";

/** The labels of units of the API's description. */
const UNITS = {
  dollars: "money",
  "dollars a month": "money",
  "fractions a year": "rate",
  "probability a month": "rate",
  "percent a year": "percent",
  months: "months",
  "months of spending": "months",
  "months from the start": "count",
  years: "years",
};

/** A list without one of its entries; undefined (the default) if none is left. */
function removed(list, index) {
  const left = list.filter((_, other) => other !== index);
  return left.length ? left : undefined;
}

/** A form. `onset(pointer, value)` gets every input; undefined resets to the default. */
export class Form {
  constructor(schema, onset) {
    this.schema = schema;
    this.onset = onset;
    this.fields = new Map();
    this.groups = [];
    this.element = h("form", { class: "plan-form", onsubmit: (event) => event.preventDefault(), autocomplete: "off" });
    this.request = {};
    const named = new Set([...GROUPS.flatMap(({ fields }) => fields.map(({ pointer }) => pointer)), ...ELSEWHERE]);
    for (const group of GROUPS) this.addGroup(group, named);
  }

  addGroup({ title, open, rest, fields }, named) {
    const shown = fields.filter(({ pointer }) => this.schema.at(pointer) !== null);
    if (rest) shown.push(...this.leaves().filter((pointer) => !named.has(pointer)).map((pointer) => ({ pointer })));
    if (shown.length === 0) return;
    const note = h("span", { class: "note" });
    const body = h("div", { class: "group-body" });
    const element = h("details", { class: "group", open: open ?? false }, h("summary", {}, title, note), body);
    const group = { element, note, pointers: [] };
    this.groups.push(group);
    for (const field of shown) append(body, this.make(field, group));
    append(this.element, element);
  }

  /** Pointers of all members of the request's sections. */
  leaves() {
    return this.schema.members().flatMap((section) => {
      const inner = this.schema.at(`/${section}`);
      return inner.type() === "object" && inner.members().length ? inner.members().map((name) => `/${section}/${name}`) : [`/${section}`];
    });
  }

  /** The element of a member of any type; `schema` if its pointer doesn't determine it. */
  make(field, group, schema = this.schema.at(field.pointer), required = this.isRequired(field.pointer)) {
    const node = schema.resolved();
    const name = field.pointer.split("/").pop();
    const unit = UNITS[node["x-unit"]];
    const full = { label: words(name), unit, hint: field.unit || field.choices || field.text ? undefined : node.description?.trim(), ...field, required };
    group.pointers.push(field.pointer);
    const type = schema.type();
    const items = type === "array" ? new Schema(schema.document, node.items) : null;
    if (items && items.type() === "object") return this.makeList(full, schema, group);
    if (type === "object" && (node.discriminator || schema.members().length)) return this.makeObject(full, schema, group);
    const Input = full.text ? TextField : items || type === "object" ? JsonField : full.choices || schema.choices() ? ChoiceField : type === "boolean" ? SwitchField : type === "number" ? NumberField : TextField;
    const input = new Input(full, node, (value) => this.onset(full.pointer, value));
    this.fields.set(full.pointer, input);
    input.show(valueAt(this.request, full.pointer));
    if (full.whole) input.element.classList.add("whole");
    return input.element;
  }

  isRequired(pointer) {
    const [parent, name] = [pointer.slice(0, pointer.lastIndexOf("/")), pointer.split("/").pop()];
    const owner = parent === "" ? this.schema : this.schema.at(parent);
    return (owner?.resolved().required ?? []).includes(name);
  }

  /** The fields of an object's members, without its tag. */
  makeMembers(schema, pointer, group, tag) {
    const required = schema.resolved().required ?? [];
    return schema
      .members()
      .filter((name) => name !== tag)
      .map((name) => this.make({ ...INNER[name], pointer: `${pointer}/${name}` }, group, schema.at(`/${name}`), required.includes(name)));
  }

  /** A list of objects, each with its fields. */
  makeList(field, schema, group) {
    const items = h("div", { class: "items" });
    const add = button(`Add a ${field.item ?? "row"}`, () => this.change(field.pointer, [...(valueAt(this.request, field.pointer) ?? []), field.fresh ? structuredClone(field.fresh) : new Schema(schema.document, schema.resolved().items).example()]), { class: "small" });
    const error = h("p", { class: "field-error" });
    const element = h("div", { class: "whole" }, h("div", { class: "top actions" }, h("strong", {}, field.label), add), error, items);
    const list = {
      show: (value) => {
        this.forget(field.pointer);
        replace(items, (value ?? []).map((_, index) => this.makeItem(field, index, group)));
      },
      fault: (message) => (error.textContent = message ?? ""),
      assume: () => {},
      isList: true,
    };
    this.fields.set(field.pointer, list);
    list.show(valueAt(this.request, field.pointer));
    return element;
  }

  makeItem(field, index, group) {
    const pointer = `${field.pointer}/${index}`;
    const remove = button("Remove", () => this.change(field.pointer, removed(valueAt(this.request, field.pointer), index)), { class: "small quiet", "aria-label": `Remove ${field.item ?? "row"} ${index + 1}` });
    return h(
      "div",
      { class: "item" },
      h("header", {}, h("strong", {}, `${words(field.item ?? "row")} ${index + 1}`), remove),
      h("div", { class: "group-body" }, this.makeMembers(this.schema.at(pointer), pointer, group)),
    );
  }

  /** An object: a switch if it is optional, a choice if it has several variants, and its fields. */
  makeObject(field, schema, group) {
    const { discriminator } = schema.resolved();
    const tag = discriminator?.propertyName;
    const body = h("div", { class: "group-body" });
    const toggle = new SwitchField({ label: field.label, hint: field.hint }, {}, (on) => this.change(field.pointer, on ? structuredClone(field.fresh ?? schema.example()) : undefined));
    const shapes = Object.keys(discriminator?.mapping ?? {});
    const shape = h("select", { "aria-label": `${field.label}: which`, onchange: () => this.change(field.pointer, { ...schema.variant(shape.value).example(), [tag]: shape.value }) }, shapes.map((word) => h("option", { value: word }, words(word))));
    const error = h("p", { class: "field-error" });
    const element = h("div", { class: "whole item" }, field.required ? h("strong", {}, field.label) : toggle.element, tag ? shape : null, error, body);
    const object = {
      isList: true,
      show: (value) => {
        this.forget(field.pointer);
        toggle.show(value !== undefined);
        shape.hidden = value === undefined;
        if (tag && value?.[tag]) shape.value = value[tag];
        const fields = tag ? schema.variant(value?.[tag] ?? shapes[0]) : schema;
        replace(body, value === undefined || fields === null ? [] : this.makeMembers(fields, field.pointer, group, tag));
      },
      fault: (message) => (error.textContent = message ?? ""),
      assume: () => {},
    };
    this.fields.set(field.pointer, object);
    object.show(valueAt(this.request, field.pointer));
    return element;
  }

  /** Removes the fields of a list or an object that is redrawn. */
  forget(pointer) {
    for (const inner of [...this.fields.keys()]) if (inner.startsWith(`${pointer}/`)) this.fields.delete(inner);
  }

  /** Changes a list or an object as a whole, and redraws it. */
  change(pointer, value) {
    this.onset(pointer, value);
    this.fields.get(pointer).show(value);
  }

  /** Shows a request. */
  show(request) {
    this.request = request;
    // A list or an object recreates its fields, including nested lists and objects.
    for (const pointer of [...this.fields.keys()]) {
      const field = this.fields.get(pointer);
      if (field?.isList) field.show(valueAt(request, pointer));
    }
    for (const [pointer, field] of this.fields) if (!field.isList) field.show(valueAt(request, pointer));
  }

  /** Takes the defaults from the complete request in results. */
  assume(assumptions) {
    for (const [pointer, field] of this.fields) field.assume(valueAt(assumptions, pointer));
  }

  /** Shows each fault at its field. Returns faults without a field. */
  showFaults(faults) {
    for (const field of this.fields.values()) field.fault(null);
    for (const group of this.groups) {
      group.note.textContent = "";
      group.element.classList.remove("at-fault");
    }
    const left = [];
    for (const { pointer, message } of faults) {
      const [at, field] = this.nearest(pointer);
      if (!field) {
        left.push({ pointer, message });
        continue;
      }
      field.fault(sentence(message));
      const group = this.groups.find(({ pointers }) => pointers.includes(at));
      if (group) {
        group.element.classList.add("at-fault");
        group.note.textContent = "something is wrong here";
      }
    }
    return left;
  }

  nearest(pointer) {
    for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const field = this.fields.get(at);
      if (field) return [at, field];
    }
    return ["", null];
  }
}
