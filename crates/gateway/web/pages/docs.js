// `/docs`: all calls of the API with examples, from its description. Common rules are at the top.

import { openapi } from "../app/api.js";
import { append, h, replace } from "../app/dom.js";
import { Schema } from "../app/schema.js";
import { EXAMPLES } from "./plan/examples.js";

export const title = "Docs";

export async function show(view) {
  const document_ = await openapi();
  const groups = document_.tags.map((tag) => ({ ...tag, calls: callsOf(document_, tag.name) })).filter(({ calls }) => calls.length);
  const sections = [
    ["start", "Getting started", start()],
    ["keys", "Keys", keys()],
    ["errors", "Errors", errors(document_)],
    ["limits", "Limits and waiting", limits()],
    ...groups.map(({ name, description, calls }) => [`calls-${name}`, heading(name), [h("p", { class: "muted" }, description), calls.map((call) => callView(document_, call))]]),
    ["shapes", "Shapes", Object.keys(document_.components.schemas).map((name) => shapeView(document_, name))],
  ];
  replace(
    view,
    h("div", { class: "page-head" }, h("h1", {}, "The API"), h("span", { class: "badge" }, `version ${document_.info.version}`), h("div", { class: "actions" }, h("a", { class: "button", href: "/openapi.json", target: "_blank", rel: "noopener" }, "openapi.json"))),
    h(
      "div",
      { class: "docs" },
      h("nav", { "aria-label": "On this page" }, h("ul", {}, sections.map(([id, name]) => h("li", {}, h("a", { href: `#${id}` }, name))))),
      h("div", {}, sections.map(([id, name, content]) => h("section", { id }, h("h2", {}, name), content))),
    ),
  );
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
    target?.scrollIntoView();
  };
  addEventListener("hashchange", open);
  view.addEventListener("click", (event) => {
    // A second click on a link reopens a closed section.
    if (event.target.closest?.("a[href^='#']")) setTimeout(open);
  });
  open();
}

const heading = (name) => name.charAt(0).toUpperCase() + name.slice(1);
const code = (text) => h("pre", { tabindex: 0 }, h("code", {}, text));
const origin = () => location.origin;

function start() {
  const request = EXAMPLES[0].request;
  return [
    h("p", {}, "A request says what a household has, earns and spends, and what it wants to reach. The answer says how probable that is, with its error."),
    code(`cat > plan.json <<'EOF'\n${JSON.stringify(request, null, 2)}\nEOF`),
    h("p", {}, "At once, for up to 10 million simulations:"),
    code(`curl -s ${origin()}/api/simulate -H 'content-type: application/json' -d @plan.json`),
    h("p", {}, "As a job, for up to a trillion; its page and its event stream follow it:"),
    code(`curl -s ${origin()}/api/jobs -H 'content-type: application/json' -d @plan.json\ncurl -s ${origin()}/api/jobs/$ID\ncurl -sN ${origin()}/api/jobs/$ID/events`),
    h("p", {}, "Every member that is left out has a default, which ", h("code", {}, "results.assumptions"), " repeats. The same request and seed give the same bits on any cluster."),
  ];
}

function keys() {
  return [
    h("p", {}, "Where a cluster asks for keys, every call carries one. A cluster that was started with ", h("code", {}, "carlo up"), " asks for none: everybody is the user ", h("code", {}, "local"), "."),
    code(`curl -s ${origin()}/api/jobs -H "X-API-Key: $CARLO_API_KEY"\ncurl -s ${origin()}/api/jobs -H "Authorization: Bearer $CARLO_API_KEY"`),
    h("p", {}, "The coordinator’s first start writes a key with the role admin to ", h("code", {}, "DIR/admin-key"), ". With it, ", h("a", { href: "/usage" }, "Usage and keys"), " or ", h("code", {}, "carlo keys create"), " makes further ones."),
  ];
}

function errors(document_) {
  const problem = document_.components.schemas.Problem;
  return [
    h("p", {}, "A refusal is ", h("code", {}, "application/problem+json"), " (RFC 9457). It names every fault of a body at once, by JSON pointer; ", h("a", { href: "/problems", target: "_blank", rel: "noopener" }, "the kinds of problems"), " say what to do."),
    code('{\n  "type": "about:blank",\n  "title": "Bad Request",\n  "status": 400,\n  "detail": "the request has 2 faults",\n  "instance": "/api/jobs",\n  "errors": [\n    {"pointer": "/goal/targetAmount", "message": "must be above 0"},\n    {"pointer": "/goal/timelineMonth", "message": "is not a field of a goal"}\n  ]\n}'),
    problem ? h("p", {}, "All members: ", h("a", { href: "#Problem" }, "Problem"), ".") : null,
    h("div", { class: "table-scroll" }, h("table", {}, h("tbody", {}, [
      ["400, 413, 415", "The body or a parameter is wrong, too large, or no JSON."],
      ["401, 403", "No good key; or it may not do this, or the job is somebody else’s."],
      ["404, 405", "There is no such thing; or not with this method."],
      ["402, 429", "A budget, a rate or a monthly quota doesn’t reach. Retry-After says when to come back."],
      ["409, 422", "It has ended already; or the idempotency key came with another body."],
      ["500, 502, 503, 504", "The server’s fault. 503 passes by itself; every answer has an X-Request-Id that the log knows, too."],
    ].map(([status, text]) => h("tr", {}, h("td", { class: "mono" }, status), h("td", {}, text)))))),
  ];
}

function limits() {
  return [
    h("ul", {}, [
      [h("code", {}, "RateLimit"), " and ", h("code", {}, "RateLimit-Policy"), ", on every answer, say how many calls are left."],
      [h("code", {}, "Idempotency-Key"), " on a call that creates: repeated with the same body, it gets the first answer for 24 hours."],
      [h("code", {}, "Prefer: wait=N"), " holds a GET until the state changes, for at most 30 seconds."],
      [h("code", {}, "ETag"), " and ", h("code", {}, "If-None-Match"), ": 304 where nothing has changed."],
      ["Lists take ", h("code", {}, "page"), " from 1 and ", h("code", {}, "page_size"), " up to 100, newest first."],
      ["Event streams go on after ", h("code", {}, "Last-Event-ID"), " and miss nothing of the last 1,000 events."],
    ].map((item) => h("li", {}, item))),
  ];
}

function callsOf(document_, tag) {
  const calls = [];
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(item)) if (operation.tags?.includes(tag)) calls.push({ path, method, operation });
  }
  return calls;
}

/** A call. Its content is made when it is opened. */
function callView(document_, { path, method, operation }) {
  const entry = h("details", { id: operation.operationId }, h("summary", {}, h("span", { class: "method" }, method), h("code", {}, path), h("span", { class: "muted" }, operation.summary ?? "")));
  entry.addEventListener("toggle", () => entry.open && entry.childElementCount === 1 && append(entry, callBody(document_, path, method, operation)));
  return entry;
}

function callBody(document_, path, method, operation) {
  const body = operation.requestBody?.content ?? {};
  const own = Object.entries(operation.responses).filter(([, response]) => !response.$ref);
  return [
    operation.description ? h("p", {}, operation.description) : null,
    code(curl(path, method, operation)),
    operation.parameters?.length ? [h("h3", {}, "Parameters"), members(document_, operation.parameters.map((one) => [`${one.name}`, one.schema, `${one.in}${one.required ? ", required" : ""}. ${one.description ?? ""}`]))] : null,
    Object.keys(body).length ? [h("h3", {}, "Body"), Object.entries(body).map(([type, { schema }]) => h("p", {}, h("code", {}, type), " ", typed(schema)))] : null,
    h("h3", {}, "Answers"),
    members(document_, own.map(([status, response]) => [status, Object.values(response.content ?? {})[0]?.schema ?? null, response.description])),
    h("p", { class: "hint" }, "Refusals are ", h("a", { href: "#errors" }, "problems"), ", like everywhere."),
  ];
}

/** The call as a command. */
function curl(path, method, operation) {
  const url = origin() + path.replace(/\{([^}]+)\}/g, (_, name) => `$${name.toUpperCase()}`);
  const parts = [`curl -s '${url}'`.replace(/'([^']*\$[^']*)'/, '"$1"')];
  if (method !== "get" && !(method === "post" && operation.requestBody)) parts.push(`-X ${method.toUpperCase()}`);
  const content = Object.keys(operation.requestBody?.content ?? {})[0];
  if (content) parts.push(`-H 'content-type: ${content}'`, "-d @body.json");
  if (Object.values(operation.responses).some((response) => response.content?.["text/event-stream"])) parts[0] = parts[0].replace("curl -s", "curl -sN");
  parts.push('-H "X-API-Key: $CARLO_API_KEY"');
  return parts.join(" \\\n  ");
}

let tables = 0;

function members(document_, rows) {
  tables += 1;
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": `Members, table ${tables}` }, h("table", {}, h("tbody", {}, rows.map(([name, schema, text]) => h("tr", {}, h("td", {}, h("code", {}, name)), h("td", {}, typed(schema)), h("td", { class: "muted" }, text ?? ""))))));
}

/** A schema. Its content is made when it is opened. */
function shapeView(document_, name) {
  const entry = h("details", { id: name }, h("summary", {}, h("code", {}, name)));
  entry.addEventListener("toggle", () => {
    if (!entry.open || entry.childElementCount > 1) return;
    const node = new Schema(document_, { $ref: `#/components/schemas/${name}` }).resolved();
    const required = new Set(node.required ?? []);
    const fields = Object.entries(node.properties ?? {});
    append(entry, node.description ? h("p", {}, node.description) : null, fields.length ? members(document_, fields.map(([field, schema]) => [field + (required.has(field) ? " *" : ""), schema, schema.description])) : h("p", {}, typed(node)));
  });
  return entry;
}

/** A type in words, with its bounds and default. */
function typed(schema) {
  if (!schema) return h("span", {});
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return h("a", { href: `#${name}` }, name);
  }
  const some = (schema.oneOf ?? schema.anyOf ?? schema.allOf)?.filter((one) => one.type !== "null");
  if (some) return h("span", {}, some.map((one, index) => [index ? " or " : "", typed(one)]));
  const types = [schema.type ?? "anything"].flat().filter((type) => type !== "null");
  if (types.includes("array")) return h("span", {}, "list of ", typed(schema.items));
  if (schema.enum) return h("code", {}, schema.enum.filter((value) => value !== null).join(" | "));
  const parts = [types.join(" or ")];
  if (schema.minimum !== undefined) parts.push(`≥ ${schema.minimum}`);
  if (schema.maximum !== undefined) parts.push(`≤ ${schema.maximum}`);
  if (schema.default !== undefined && schema.default !== null) parts.push(`default ${JSON.stringify(schema.default)}`);
  return h("span", {}, parts.join(", "));
}
