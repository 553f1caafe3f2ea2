// What lists and overviews have in common: tiles with a number, and the way between pages.

import { button, h, replace } from "./dom.js";
import { count, plural } from "./format.js";

/** A number that is worth a look, with what it counts. */
export const tile = (label, value) => h("div", { class: "tile" }, h("div", { class: "value" }, value), h("div", { class: "label" }, label));

/**
 * How long a list is, which of its pages is shown, and the way to the others: `turn` is called with a page. The element stays the same, so that
 * a list that is looked at again and again doesn't take the focus away.
 */
export function pager(turn, one, many) {
  let page = 1;
  const text = h("span", {});
  const back = button("Back", () => turn(page - 1));
  const next = button("Next", () => turn(page + 1));
  const element = h("nav", { class: "pager", "aria-label": "Pages of the list" }, text, back, next);
  const update = (list) => {
    const pages = Math.ceil(list.total / list.page_size);
    page = list.page;
    element.hidden = list.total === 0;
    replace(text, plural(list.total, one, many), pages > 1 ? `, page ${count(page)} of ${count(pages)}` : "");
    back.hidden = next.hidden = pages <= 1 && page === 1;
    back.disabled = page <= 1;
    next.disabled = page >= pages;
  };
  return { element, update };
}
