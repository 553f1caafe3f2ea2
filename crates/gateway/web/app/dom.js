// Builds elements. Text is always set as text and never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with properties and children.
 *
 * `class`, `dataset` and attributes are set as such; a property that begins with `on` listens to an event; `null`, `undefined` and `false`
 * leave a property or child out.
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Adds children: elements, texts, numbers, and lists of them. */
export function append(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces all children. */
export function replace(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

let ids = 0;

/** An id that is unique in the page. */
export function uniqueId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

/**
 * A table with a caption for screen readers; `columns` are `{title, numeric, quiet, cell(row)}`,
 * and the title of a quiet one is hidden.
 */
export function table(caption, columns, rows, { captionHidden = true, empty = "Nothing here yet." } = {}) {
  const head = columns.map(({ title, numeric, quiet }) => h("th", { scope: "col", class: numeric ? "numeric" : null }, quiet ? h("span", { class: "visually-hidden" }, title) : title));
  const body = rows.map((row) =>
    h("tr", {}, columns.map((column) => h("td", { class: column.numeric ? "numeric" : null, dataset: { label: column.quiet ? "" : column.title } }, column.cell(row)))),
  );
  if (rows.length === 0) body.push(h("tr", {}, h("td", { colspan: columns.length, class: "empty" }, empty)));
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: captionHidden ? "visually-hidden" : null }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

/** A list of facts: pairs of a term and its value. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

/** A button. */
export function button(label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, label);
}

/** A dialog that is shown at once and removed when it is closed. */
export function openDialog(title, content, { onclose } = {}) {
  const id = uniqueId("dialog");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, onclose: () => (dialog.remove(), onclose?.()) },
    h("header", {}, h("h2", { id }, title), button("Close", () => dialog.close(), { class: "quiet" })),
    content,
  );
  document.body.append(dialog);
  dialog.showModal();
  // Not the button that closes the dialog.
  content.querySelector("input, select, textarea, button")?.focus();
  return dialog;
}
