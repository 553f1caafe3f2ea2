// `/cluster`: the leader, the nodes, the queue, and recent events.

import { Refusal, get, poll, post } from "../app/api.js";
import { button, facts, h, replace, table } from "../app/dom.js";
import { ago, count, duration, percent, shortCount, time } from "../app/format.js";
import { badge, bar, shortId } from "../app/jobs.js";
import { tile } from "../app/list.js";
import { notice, toast, toastError } from "../app/notices.js";
import { linesFigure } from "../charts/lines.js";
import { sparkline } from "../charts/spark.js";

export const title = "Cluster";

const INTERVAL = 2_000;
/** The number of rates in a sparkline. */
const SAMPLES = 60;

export async function show(view, { signal }) {
  const rates = new Map();
  const refusal = h("div", {});
  const quarantines = h("div", {});
  const tiles = h("div", { class: "tiles" });
  const leader = h("section", { class: "card" });
  const queue = h("section", { class: "card" });
  const nodes = h("div", { class: "stack" });
  const history = h("div", { class: "charts-place charts-gap" });
  const events = h("section", { class: "card charts-gap" });
  const failed = (error) => error.name !== "AbortError" && replace(refusal, notice(error));

  async function look() {
    const cluster = await get("/api/cluster/status", { signal });
    replace(refusal);
    showTiles(tiles, cluster);
    if (!quarantines.contains(document.activeElement)) showQuarantines(quarantines, cluster, look);
    showLeader(leader, cluster);
    showQueue(queue, cluster);
    for (const node of cluster.nodes) {
      const past = rates.get(node.id) ?? [];
      rates.set(node.id, [...past, node.simulationsPerSecond].slice(-SAMPLES));
    }
    if (!nodes.contains(document.activeElement)) replace(nodes, nodeTable(cluster.nodes, rates, look));
  }

  replace(
    view,
    h("div", { class: "page-head" }, h("h1", {}, "Cluster")),
    refusal,
    quarantines,
    tiles,
    h("section", { class: "card" }, h("h2", {}, "Nodes"), nodes),
    h("div", { class: "columns charts-gap" }, leader, queue),
    history,
    events,
  );
  poll(look, INTERVAL, signal, failed);
  showHistory(history, signal);
  showEvents(events, signal);
}

function showTiles(element, cluster) {
  replace(
    element,
    tile("simulations a second", shortCount(cluster.simulationsPerSecond)),
    tile(cluster.totalNodes === 1 ? "node" : "nodes", count(cluster.totalNodes)),
    tile("busy", count(cluster.busyNodes)),
    cluster.drainingNodes > 0 && tile("draining", count(cluster.drainingNodes)),
    cluster.quarantinedNodes > 0 && tile("quarantined", count(cluster.quarantinedNodes)),
    cluster.offlineNodes > 0 && tile("lost in the last minute", count(cluster.offlineNodes)),
    tile(cluster.runningJobs === 1 ? "job running" : "jobs running", count(cluster.runningJobs)),
    tile(cluster.queuedJobs === 1 ? "job queued" : "jobs queued", count(cluster.queuedJobs)),
    tile("mean wait", cluster.averageQueueTime > 0 ? duration(cluster.averageQueueTime) : "–"),
  );
}

/** Machines that compute wrongly. They get no work until an administrator lifts the quarantine. */
function showQuarantines(element, cluster, look) {
  const all = Array.isArray(cluster.quarantines) ? cluster.quarantines : [];
  const lift = (name) => async () => {
    try {
      await post(`/api/cluster/nodes/${encodeURIComponent(name)}/lift-quarantine`);
      toast(`${name} gets work again.`);
      document.activeElement?.blur();
      await look();
    } catch (error) {
      toastError(error);
    }
  };
  const line = ({ name, since, reason }) => h("li", {}, h("b", {}, name), `, ${ago(since)}: ${reason}. `, button("Lift the quarantine", lift(name), { class: "small", title: "Only once the machine is repaired" }));
  replace(element, all.length ? h("div", { class: "notice bad" }, h("strong", {}, "Quarantined, because they compute wrongly"), h("ul", {}, all.map(line))) : null);
}

/** The leader and the standbys. */
function showLeader(element, cluster) {
  const { ledger = {}, standbys } = cluster;
  replace(
    element,
    h("h2", {}, "Coordinators"),
    facts([
      ["Leader", h("code", {}, cluster.leader)],
      ["Began to lead", h("span", { title: time(cluster.leadingSince) }, ago(cluster.leadingSince))],
      ["Epoch", count(cluster.epoch)],
      ["Version", `${cluster.version}, model version ${cluster.modelVersion}`],
      ["Ledger", [ledger.kind ?? "–", ledger.bytes ? `, ${shortCount(ledger.bytes)}B` : ""]],
      ["A commit takes", ledger.commitSeconds ? duration(ledger.commitSeconds) : "–"],
      standbys.length === 0 && ["Standing by", "nobody"],
    ]),
    standbys.length > 0 && table("Coordinators that stand by", [
      { title: "Coordinator", cell: ({ url }) => h("code", {}, url) },
      { title: "State", cell: ({ status, detail }) => h("span", { class: `badge ${status === "ready" ? "good" : "bad"}`, title: detail }, status === "ready" ? "ready" : "not ready") },
      { title: "Version", cell: ({ version }) => version ?? "–" },
      { title: "Last seen", cell: ({ lastSeen }) => h("span", { title: time(lastSeen) }, ago(lastSeen)) },
    ], standbys),
  );
}

function showQueue(element, { queue }) {
  replace(
    element,
    h("h2", {}, "Queue by user"),
    table("Queue by user", [
      { title: "User", cell: ({ user }) => user },
      { title: "Queued", numeric: true, cell: ({ queuedJobs }) => count(queuedJobs) },
      { title: "Running", numeric: true, cell: ({ runningJobs }) => count(runningJobs) },
      { title: "Oldest submitted", numeric: true, cell: ({ oldestSubmittedAt: at }) => h("span", { title: time(at) }, ago(at)) },
    ], queue, { empty: "Nothing waits." }),
  );
}

function nodeTable(nodes, rates, look) {
  const act = (node, what) => async () => {
    try {
      await post(`/api/cluster/nodes/${encodeURIComponent(node.id)}/${what}`);
      toast(what === "drain" ? `${node.name} finishes its leases and gets no new ones.` : `${node.name} gets work again.`);
      document.activeElement?.blur();
      await look();
    } catch (error) {
      toastError(error);
    }
  };
  return table(
    "Nodes",
    [
      { title: "Node", cell: (node) => h("span", { title: `${node.id} on ${node.hostname}` }, node.name) },
      { title: "State", cell: (node) => badge(node.status) },
      { title: "Simulations a second", numeric: true, cell: (node) => h("span", { class: "spark" }, sparkline(rates.get(node.id) ?? []), shortCount(node.simulationsPerSecond)) },
      { title: "Leases", numeric: true, cell: ({ leases }) => count(leases) },
      { title: "Jobs", cell: ({ currentJobIds }) => (currentJobIds.length ? currentJobIds.map((id, index) => [index ? ", " : "", h("a", { href: `/jobs/${id}`, title: id }, shortId(id))]) : h("span", { class: "muted" }, "idle")) },
      { title: "Threads", numeric: true, cell: (node) => count(node.cores) },
      { title: "Kernel", cell: (node) => node.instructionSet },
      { title: "Processors", cell: (node) => h("div", { title: percent(node.cpuUtilization) }, bar(node.cpuUtilization, `Processors of ${node.name}`)) },
      { title: "Memory", cell: (node) => h("div", { title: percent(node.memoryUtilization) }, bar(node.memoryUtilization, `Memory of ${node.name}`, node.memoryUtilization > 0.9 ? "bad" : "")) },
      { title: "Done", numeric: true, cell: (node) => h("span", { title: count(node.simulationsProcessed) }, shortCount(node.simulationsProcessed)) },
      { title: "Version", cell: (node) => node.version },
      { title: "Last seen", cell: (node) => h("span", { title: time(node.lastSeen) }, ago(node.lastSeen)) },
      { title: "Action", quiet: true, cell: (node) => (["offline", "quarantined"].includes(node.status) ? null : node.status === "draining" ? button("Undrain", act(node, "undrain"), { class: "small" }) : button("Drain", act(node, "drain"), { class: "small", title: "It finishes its leases and gets no new ones" })) },
    ],
    nodes,
    { empty: ["No node has joined. Start one: ", h("code", {}, "carlo-worker --coordinator URL")] },
  );
}

/** The coordinator's history of the last hour or day. */
function showHistory(element, signal) {
  let span = "hour";
  const line = (name, of, look = {}) =>
    linesFigure(name, {
      describe: (samples) => (samples.length ? `now ${shortCount(of(samples.at(-1)))}` : "nothing yet"),
      series: (samples) => [{ name, x: samples.map(({ at }) => at), y: samples.map(of), ...look }],
      layout: (samples) => ({
        yaxis: { rangemode: "tozero", tickformat: "~s", ...(samples.every((sample) => of(sample) < 5) && { dtick: 1 }) },
        xaxis: { type: "date" },
      }),
      columns: () => [
        { title: "When", cell: ({ at }) => time(at) },
        { title: name, numeric: true, cell: (sample) => count(of(sample)) },
      ],
      rows: (samples) => samples,
    });
  const figures = [
    line("Simulations a second", (sample) => sample.simulationsPerSecond),
    line("Jobs in the queue", (sample) => sample.queuedJobs, { shape: "hv" }),
    line("Jobs that failed", (sample) => sample.failedJobs, { color: "bad", shape: "hv" }),
  ];
  const choose = ["hour", "day"].map((name) => button(`Last ${name}`, () => ((span = name), press(), look().catch(toastError)), { "aria-pressed": "false" }));
  const press = () => choose.forEach((one, index) => one.setAttribute("aria-pressed", String(["hour", "day"][index] === span)));
  press();
  replace(element, h("div", { class: "page-head" }, h("h2", {}, "Lately"), h("div", { class: "tabs" }, choose)), h("div", { class: "charts three" }, figures.map((one) => h("section", { class: "card" }, one))));
  async function look() {
    const history = await get("/api/cluster/history", { signal });
    figures.forEach((one) => one.update(history[span]));
  }
  poll(look, 10_000, signal);
}

const EVENTS = {
  joined: ["good", "joined"],
  left: ["", "left"],
  lost: ["bad", "lost"],
  refused: ["bad", "refused"],
  quarantined: ["bad", "quarantined"],
  quarantineLifted: ["good", "quarantine lifted"],
  contested: ["bad", "contested"],
  drained: ["warn", "drained"],
  undrained: ["good", "undrained"],
  leaderChanged: ["warn", "leader changed"],
  keyCreated: ["", "key created"],
  keyRevoked: ["warn", "key revoked"],
  tokenCreated: ["", "token created"],
  tokenRevoked: ["warn", "token revoked"],
  tiersChanged: ["warn", "tiers changed"],
};

function showEvents(element, signal) {
  const what = (kind) => {
    const [look, text] = EVENTS[kind] ?? ["", kind];
    return h("span", { class: `badge ${look}` }, text);
  };
  const list = h("div", { class: "scroll-y stack" });
  replace(element, h("h2", {}, "Events"), list);
  async function look() {
    const { events } = await get("/api/cluster/events", { signal });
    replace(
      list,
      table("Events of the cluster", [
        { title: "When", cell: ({ at }) => h("span", { title: time(at) }, ago(at)) },
        { title: "What", cell: ({ kind }) => what(kind) },
        { title: "Whom", cell: ({ subject }) => subject },
        { title: "Details", cell: ({ detail }) => detail ?? "" },
        { title: "By", cell: ({ by }) => by ?? "" },
      ], events, { empty: "Nothing has happened since this coordinator leads." }),
    );
  }
  poll(look, 5_000, signal, (error) => error instanceof Refusal && replace(list, h("p", { class: "empty" }, error.message)));
}
