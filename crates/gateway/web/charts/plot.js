// Draws with plotly.js, which is loaded for the first chart. Every chart is a figure with a title, a sentence that describes it,
// and the same numbers as a table.

import { h, replace, uniqueId } from "../app/dom.js";

let loading = null;

/** plotly.js, loaded once. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/web/plotly.min.js";
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("The charts can't be loaded."));
    };
    document.head.append(script);
  });
  return loading;
}

/** The colors of the current theme. */
export function colors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: color("text"),
    muted: color("muted"),
    line: color("line"),
    surface: color("surface"),
    accent: color("accent"),
    good: color("good"),
    bad: color("bad"),
    goal: color("chart-goal"),
    below: color("chart-below"),
    above: color("chart-above"),
    wide: color("chart-wide"),
    narrow: color("chart-narrow"),
    pinned: color("chart-pinned"),
  };
}

const figures = new Set();
addEventListener("themechange", () => figures.forEach((figure) => figure.redraw()));

/**
 * A figure with a chart. `draw(data, colors)` returns `{traces, layout}`, `tabulate(data)` the table, and `describe(data)`
 * the sentence for screen readers. `figure.update(data)` shows other data.
 */
export function figure(title, { draw, tabulate, describe, short = false }) {
  const id = uniqueId("chart");
  const heading = h("h2", { id }, title);
  const sentence = h("span", { class: "hint" });
  const chart = h("div", { class: short ? "chart short" : "chart", "aria-hidden": "true" });
  const numbers = h("details", {}, h("summary", {}, "Show as a table"));
  const element = h("figure", { "aria-labelledby": id }, h("figcaption", {}, heading, sentence), chart, numbers);
  let data = null;
  let tableIsFor = null;

  const fillTable = () => {
    if (!numbers.open || tableIsFor === data || data === null) return;
    tableIsFor = data;
    replace(numbers, h("summary", {}, "Show as a table"), tabulate(data));
  };
  numbers.addEventListener("toggle", fillTable);

  const redraw = async () => {
    if (data === null) return;
    let Plotly;
    try {
      Plotly = await plotly();
    } catch (error) {
      replace(chart, h("p", { class: "empty" }, error.message));
      return;
    }
    if (!element.isConnected) return;
    const palette = colors();
    const { traces, layout } = draw(data, palette);
    await Plotly.react(chart, traces, merge(frame(palette), layout), { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false });
  };

  element.update = (next) => {
    data = next;
    sentence.textContent = describe(next);
    fillTable();
    figures.add(element);
    for (const other of figures) if (!other.isConnected && other !== element) figures.delete(other);
    return redraw();
  };
  element.redraw = redraw;
  return element;
}

/** The common layout of all charts. */
function frame(palette) {
  const axis = {
    gridcolor: palette.line,
    linecolor: palette.line,
    zerolinecolor: palette.line,
    tickfont: { color: palette.muted, size: 12 },
    title: { font: { color: palette.muted, size: 12 }, standoff: 6 },
    automargin: true,
    fixedrange: true,
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", color: palette.text, size: 12 },
    margin: { l: 8, r: 12, t: 24, b: 8 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: palette.surface, bordercolor: palette.line, font: { color: palette.text } },
    dragmode: false,
    xaxis: axis,
    yaxis: structuredClone(axis),
  };
}

function merge(base, more) {
  const result = { ...base };
  for (const [name, value] of Object.entries(more ?? {})) {
    const isObject = (one) => one !== null && typeof one === "object" && !Array.isArray(one);
    result[name] = isObject(value) && isObject(base[name]) ? merge(base[name], value) : value;
  }
  return result;
}

/** A vertical line with a label at its top. */
export function marker(x, text, color, { dash = "dot", xanchor = "left" } = {}) {
  return {
    shape: { type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color, width: 2, dash } },
    annotation: { x, yref: "paper", y: 1, yanchor: "bottom", xanchor, text, showarrow: false, font: { color, size: 12 } },
  };
}
