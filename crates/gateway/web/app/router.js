// Maps URLs to pages, and changes pages without reloading the frame.

import { h, replace } from "./dom.js";
import { showError } from "./notices.js";

const ROUTES = [
  { path: /^\/$/, nav: "/", load: () => import("../pages/plan.js") },
  { path: /^\/jobs$/, nav: "/jobs", load: () => import("../pages/jobs.js") },
  { path: /^\/jobs\/(?<id>[^/]+)$/, nav: "/jobs", load: () => import("../pages/job.js") },
  { path: /^\/batches$/, nav: "/batches", load: () => import("../pages/batches.js") },
  { path: /^\/batches\/(?<id>[^/]+)$/, nav: "/batches", load: () => import("../pages/batch.js") },
  { path: /^\/cluster$/, nav: "/cluster", load: () => import("../pages/cluster.js") },
  { path: /^\/usage$/, nav: "/usage", load: () => import("../pages/usage.js") },
  { path: /^\/docs$/, nav: "/docs", load: () => import("../pages/docs.js") },
];

let leave = new AbortController();

/** Goes to a page of this site. */
export function go(path) {
  history.pushState(null, "", path);
  return show({ focus: true });
}

/** Shows the page of the current URL. Aborts the signal of the previous page. */
export async function show({ focus = false } = {}) {
  leave.abort(new DOMException("the page was left", "AbortError"));
  leave = new AbortController();
  const { signal } = leave;
  const main = document.querySelector("main");
  const route = ROUTES.find(({ path }) => path.test(location.pathname));
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === route?.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const view = h("div", { class: "page" });
  replace(main, view);
  try {
    if (!route) throw new Error(`There is no page at ${location.pathname}.`);
    const page = await route.load();
    if (signal.aborted) return;
    document.title = `${page.title} · carlo`;
    const parameters = location.pathname.match(route.path).groups ?? {};
    await page.show(view, { ...parameters, query: new URLSearchParams(location.search), signal });
  } catch (error) {
    if (!signal.aborted) showError(view, error);
  }
  if (signal.aborted) return;
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  else if (focus) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

/** Handles clicks on links of this site, and the buttons "back" and "forward". */
export function start() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.download || link.origin !== location.origin) return;
    if (!ROUTES.some(({ path }) => path.test(link.pathname))) return;
    if (link.pathname === location.pathname && link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
  addEventListener("popstate", () => show());
  return show();
}
