// The form of a request: groups of fields that unfold, made from the API's description and the table in fields.js.

import { append, button, h, replace } from "../../app/dom.js";
import { sentence } from "../../app/notices.js";
import { words } from "../../app/format.js";
import { Schema, valueAt } from "../../app/schema.js";
import { ELSEWHERE, GROUPS, INNER } from "./fields.js";
import { ChoiceField, JsonField, NumberField, SwitchField, TextField } from "./inputs.js";

/** A form; `onset(pointer, value)` is told what the person enters, undefined for "the default again". */
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

  /** The element of one member, whatever it is. */
  make(field, group) {
    const schema = this.schema.at(field.pointer);
    const node = schema.resolved();
    const name = field.pointer.split("/").pop();
    const full = { label: words(name), hint: field.unit || field.choices || field.text ? undefined : node.description, ...field };
    full.required = this.isRequired(field.pointer);
    group.pointers.push(field.pointer);
    const type = schema.type();
    const items = type === "array" ? new Schema(schema.document, node.items) : null;
    if (items && items.type() === "object" && items.members().length) return this.makeList(full, schema, group);
    if (type === "object" && (node.oneOf ?? node.anyOf)?.some((one) => one.properties || one.$ref)) return this.makeVariants(full, schema, group);
    if (type === "object" && schema.members().length) return this.makeObject(full, schema, group);
    const Input = items || type === "object" ? JsonField : full.choices || schema.choices() ? ChoiceField : type === "boolean" ? SwitchField : type === "number" ? NumberField : TextField;
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

  /** A list of objects, each with its fields. */
  makeList(field, schema, group) {
    const items = h("div", { class: "items" });
    const add = button(`Add a ${field.item ?? "row"}`, () => this.change(field.pointer, [...(valueAt(this.request, field.pointer) ?? []), { ...field.fresh }]), { class: "small" });
    const error = h("p", { class: "field-error" });
    const element = h("div", { class: "whole" }, h("div", { class: "top actions" }, h("strong", {}, field.label), add), error, items);
    const list = {
      show: (value) => {
        for (const pointer of [...this.fields.keys()]) if (pointer.startsWith(`${field.pointer}/`)) this.fields.delete(pointer);
        replace(items, (value ?? []).map((_, index) => this.makeItem(field, index, group)));
      },
      fault: (message) => (error.textContent = message ?? ""),
      assume: () => {},
      isList: true,
      count: -1,
    };
    this.fields.set(field.pointer, list);
    list.show(valueAt(this.request, field.pointer));
    return element;
  }

  makeItem(field, index, group) {
    const pointer = `${field.pointer}/${index}`;
    const remove = button("Remove", () => this.change(field.pointer, valueAt(this.request, field.pointer).filter((_, other) => other !== index)), { class: "small quiet", "aria-label": `Remove ${field.item ?? "row"} ${index + 1}` });
    const members = this.schema.at(pointer).members();
    return h(
      "div",
      { class: "item" },
      h("header", {}, h("strong", {}, `${words(field.item ?? "row")} ${index + 1}`), remove),
      h("div", { class: "group-body" }, members.map((name) => this.make({ ...INNER[name], pointer: `${pointer}/${name}` }, group))),
    );
  }

  /** An object that may be absent: a switch, and its fields while it is on. */
  makeObject(field, schema, group, members = schema.members()) {
    const body = h("div", { class: "group-body" });
    const toggle = new SwitchField({ label: field.label, hint: field.hint }, (on) => this.change(field.pointer, on ? { ...(field.fresh ?? {}) } : undefined));
    const element = h("div", { class: "whole item" }, toggle.element, body);
    const object = {
      isList: true,
      show: (value) => {
        for (const pointer of [...this.fields.keys()]) if (pointer.startsWith(`${field.pointer}/`)) this.fields.delete(pointer);
        toggle.show(value !== undefined);
        replace(body, value === undefined ? [] : members.map((name) => this.make({ ...INNER[name], pointer: `${field.pointer}/${name}` }, group)));
      },
      fault: (message) => toggle.fault(message),
      assume: () => {},
    };
    this.fields.set(field.pointer, object);
    object.show(valueAt(this.request, field.pointer));
    return element;
  }

  /** An object of one of several shapes. */
  makeVariants(field, schema, group) {
    return this.makeObject(field, schema, group, []);
  }

  /** Changes a list or an object as a whole, and shows it anew. */
  change(pointer, value) {
    this.onset(pointer, value);
    this.fields.get(pointer).show(value);
  }

  /** Shows a request. */
  show(request) {
    this.request = request;
    for (const [pointer, field] of [...this.fields]) if (field.isList) field.show(valueAt(request, pointer));
    for (const [pointer, field] of [...this.fields]) if (!field.isList) field.show(valueAt(request, pointer));
  }

  /** Learns the defaults from the request as an answer repeats it, with nothing left out. */
  assume(assumptions) {
    for (const [pointer, field] of this.fields) field.assume(valueAt(assumptions, pointer));
  }

  /** Shows each fault at its field. Gives those that have none. */
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
