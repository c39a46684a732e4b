// The page of a node: once a second it asks for what harborctl shows as well (/api/COMMAND), of the
// node that is chosen in the map. It changes nothing, and loads nothing from elsewhere.
"use strict";

const POINTS = 120; // of a chart: seconds
const ROWS = 500;   // of a table that are shown
const LOOKS = 3;    // nodes that are asked at once how busy they are
const BUSY = { share: 0.9, messages: 1000 }; // of the workers; that wait in mailboxes
const $ = (id) => document.getElementById(id);

let chosen = 0;      // harbor id of the node that is shown, 0: the one that answers
let service = null;  // handle of the service that has its page open
let stacksOf = null; // whose stacks are shown
let last = null;     // what the last second brought, to make rates of counts
const charts = {};   // name -> its points
const loads = {};    // harbor id -> how busy the node was lately

// ---- numbers for people ----

function scaled(n, units, step) {
  let i = 0;
  while (Math.abs(n) >= step && i + 1 < units.length) {
    n /= step;
    i++;
  }
  return (i && n < 100 ? n.toFixed(1) : Math.round(n).toString()) + units[i];
}
const count = (n) => scaled(n, ["", "k", "M", "G"], 1000);
const bytes = (n) => scaled(n, [" B", " KiB", " MiB", " GiB"], 1024);
const rate = (n) => count(n) + "/s";
const percent = (n) => (n * 100).toFixed(1) + " %";
function time(s) {
  if (s == null) return "-";
  if (s >= 1) return s.toFixed(2) + " s";
  return s >= 1e-3 ? (s * 1e3).toFixed(2) + " ms" : (s * 1e6).toFixed(1) + " us";
}
function clock(seconds) {
  const then = new Date(seconds * 1000), day = then.toDateString() !== new Date().toDateString();
  return (day ? then.toLocaleDateString() + " " : "") + then.toLocaleTimeString();
}
const text = (x) => x == null ? "" : x === true ? "yes" : x === false ? "no" : String(x);

function form(key, value) {
  if (key === "time") return clock(Date.parse(value) / 1000);
  if (typeof value !== "number") return text(value);
  if (key.endsWith("_per_second")) return rate(value);
  if (key === "cpu") return percent(value);
  if (key.endsWith("_bytes")) return bytes(value);
  if (key === "since") return clock(value);
  if (key.endsWith("_seconds")) return time(value);
  return key === "harbor" ? String(value) : count(value);
}

// ---- elements ----

function element(name, content, attributes) {
  const svg = ["svg", "polyline", "line", "circle", "text", "title"].includes(name);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  for (const part of [].concat(content ?? [])) e.append(part);
  return e;
}

// A table of rows (objects); a click on a head sorts by it, a second one the other way round.
const orders = {};
function table(id, rows, columns, { sort, choose } = {}) {
  const order = orders[id] ??= { key: sort ?? columns[0], rising: !sort };
  const sign = order.rising ? 1 : -1;
  const compare = (a, b) => {
    const x = a[order.key] ?? "", y = b[order.key] ?? "";
    return sign * (x < y ? -1 : x > y ? 1 : 0);
  };
  const isNumber = (key) => rows.some((r) => typeof r[key] === "number");
  const head = columns.map((key) => {
    const th = element("th", key.replaceAll("_", " "));
    th.className = [isNumber(key) ? "number" : "", key === order.key ? "sorted" : "",
      key === order.key && order.rising ? "rising" : ""].join(" ");
    th.onclick = () => {
      const again = order.key === key;
      order.rising = again ? !order.rising : !isNumber(key);
      order.key = key;
      table(id, rows, columns, { sort, choose });
    };
    return th;
  });
  const body = [...rows].sort(compare).slice(0, ROWS).map((row) => {
    const tr = element("tr", columns.map((key) => {
      const shown = form(key, row[key]), td = element("td", shown);
      if (typeof row[key] === "number") {
        td.className = "number";
        td.title = row[key]; // the number itself, to be pointed at
      } else if (key === "state") {
        td.className = "state-" + shown;
      } else if (shown.length > 60) {
        td.className = "long";
      }
      return td;
    }));
    if (choose) {
      tr.className = "choice";
      tr.onclick = () => choose(row);
    }
    return tr;
  });
  const more = rows.length > ROWS ? [element("p", `The first ${ROWS} of ${rows.length}: another `
    + "order, or a part of a name, shows the others.", { class: "more" })] : [];
  $(id).replaceChildren(element("table", [element("thead", element("tr", head)),
    element("tbody", body)]), ...more);
}

function chart(parent, name, value, show) {
  const key = parent + name, points = charts[key] ??= [];
  points.push(value);
  if (points.length > POINTS) points.shift();
  let box = document.getElementById(key);
  if (!box) {
    box = element("div", [], { class: "chart", id: key });
    $(parent).append(box);
  }
  const top = Math.max(...points, 1e-9);
  const line = points.map((v, i) =>
    `${(POINTS - points.length + i) * 100 / (POINTS - 1)},${58 - v / top * 54}`).join(" ");
  box.replaceChildren(element("span", name), element("b", show(value)),
    element("svg", element("polyline", [], { points: line }),
      { viewBox: "0 0 100 60", preserveAspectRatio: "none" }));
}

function forget(parent) {
  for (const key in charts) if (key.startsWith(parent)) delete charts[key];
  $(parent).replaceChildren();
}

// ---- the parts of the page ----

function choose(node) {
  chosen = node;
  last = null;
  closeService();
  forget("charts");
  for (const id of ["services", "nodes", "calls", "names", "events"]) $(id).replaceChildren();
}

// How busy a node is, as far as is known: a line for people, and whether that is too much.
function loadOf(n) {
  const l = n.state === "up" || n.state === "self" ? loads[n.harbor] : null;
  if (!l) return null;
  if (l.error) return { line: l.error, busy: true };
  const share = l.cpu_percent / 100 / l.workers;
  return { busy: share >= BUSY.share || l.mailbox_messages >= BUSY.messages,
    line: `cpu ${percent(share)}, ${count(l.mailbox_messages)} wait` };
}

// Every name stands outside of the circle of nodes; of many nodes only the names that matter do.
function drawMap(nodes) {
  const few = nodes.length <= 32, r = Math.max(4, Math.min(15, 240 / nodes.length));
  const self = nodes.findIndex((n) => n.state === "self"), parts = [];
  const at = (i, out = 0) => {
    const turn = 2 * Math.PI * i / nodes.length - Math.PI / 2;
    return nodes.length < 2 ? [320, 150 + out]
      : [320 + (170 + out) * Math.cos(turn), 165 + (112 + out) * Math.sin(turn)];
  };
  nodes.forEach((n, i) => {
    if (i === self || self < 0) return;
    const [x1, y1] = at(self), [x2, y2] = at(i);
    parts.push(element("line", element("title", `${n.name}: ${n.state} ${text(n.why)}`),
      { x1, y1, x2, y2, class: "link " + n.state }));
  });
  nodes.forEach((n, i) => {
    const [x, y] = at(i), [out, ty] = at(i, r + 8), load = loadOf(n);
    const shown = chosen ? n.harbor === chosen : n.state === "self";
    const said = `${n.name} at ${text(n.address)}: ${n.state}${load ? ", " + load.line : ""}`;
    const c = element("circle", element("title", said), { cx: x, cy: y, r,
      class: n.state + (load?.busy ? " busy" : "") + (shown ? " chosen" : "") });
    c.dataset.node = n.name;
    c.onclick = () => choose(n.harbor);
    parts.push(c);
    if (!few && !shown && !n.master && !load?.busy && (n.state === "up" || n.state === "self"))
      return;
    const more = (n.master ? " (leads)" : "") + (n.draining ? " (drains)" : "");
    const side = nodes.length < 2 || Math.abs(out - 320) < 20 ? "middle"
      : out > 320 ? "start" : "end";
    const tx = x + { start: r + 6, middle: 0, end: -r - 6 }[side];
    const above = side === "middle" && ty < 165, beside = side !== "middle";
    const line = load ? load.line : n.state === "up" || n.state === "self" ? "" : n.state;
    parts.push(element("text", n.name + more, { x: tx, y: ty + (above ? -10 : beside ? 0 : 10),
      "text-anchor": side }), element("text", line, { x: tx, class: "load", "text-anchor": side,
      y: ty + (above ? 3 : beside ? 13 : 23) }));
  });
  $("map").replaceChildren(...parts);
}

// What one would look at first, the worst first; a click shows the node.
function drawWrong(own, nodes) {
  const found = [];
  const add = (n, kind, word, line) => found.push({ n, kind, word, line });
  for (const n of nodes) {
    const load = loadOf(n), l = loads[n.harbor], busiest = l?.services?.[0];
    if (n.state === "down" || n.state === "unreachable")
      add(n, "bad", n.state, `since ${clock(n.since)}${n.why ? ": " + n.why : ""}`);
    else if (load?.busy)
      add(n, "busy", l.error ? "silent" : "overloaded", load.line + (busiest
        ? `; busiest: ${busiest.handle} ${busiest.service}, ${percent(busiest.cpu_percent / 100)}`
        : ""));
    if (n.queued_bytes > 1 << 20)
      add(n, "busy", "slow link", `${bytes(n.queued_bytes)} wait to be sent`);
  }
  if (!own.healthy)
    add({ name: own.node, harbor: own.harbor }, "bad", "unhealthy", own.unhealthy);
  found.sort((a, b) => (a.kind === "busy") - (b.kind === "busy"));
  $("wrong-section").hidden = !found.length;
  $("wrong").replaceChildren(...found.slice(0, 12).map((f) => {
    const li = element("li", [element("b", f.word), ` ${f.n.name}: ${f.line}`],
      { class: f.kind });
    li.onclick = () => choose(f.n.harbor);
    return li;
  }), ...(found.length > 12 ? [element("li", `and ${found.length - 12} more`)] : []));
}

function titleOf(line) {
  const words = line.split(/\s+/);
  while (words.length > 1 && ["snlua", "snaxd", "service_cell"].includes(words[0])) words.shift();
  return words[0];
}

// Adds what a service did in the last second to its row.
function withRates(now, services) {
  const before = last && new Map(last.services.map((s) => [s.handle, s]));
  const seconds = last ? Math.max(0.1, (now - last.at) / 1000) : 1;
  for (const s of services) {
    const b = before?.get(s.handle) ?? s;
    s.messages_per_second = (s.messages - b.messages) / seconds;
    // a service is on one worker at a time; what is above is the clock of the browser
    s.cpu = Math.min(1, (s.cpu_seconds - b.cpu_seconds) / seconds);
  }
  return seconds;
}

const sum = (rows, key) => rows.reduce((n, r) => n + (r[key] ?? 0), 0);

function drawCharts(seconds, services, calls) {
  const made = last ? Math.max(0, sum(calls, "calls") - sum(last.calls, "calls")) / seconds : 0;
  chart("charts", "messages", sum(services, "messages_per_second"), rate);
  chart("charts", "processor", sum(services, "cpu"), percent);
  chart("charts", "memory of services", sum(services, "memory_bytes"), bytes);
  chart("charts", "waiting messages", sum(services, "mailbox_messages"), count);
  chart("charts", "calls", made, rate);
  chart("charts", "services", services.length, count);
}

function openService(row) {
  closeService();
  service = row.handle;
  $("service").hidden = false;
  $("service").scrollIntoView({ block: "nearest" });
}

function closeService() {
  service = stacksOf = null;
  $("service").hidden = true;
  $("stacks").textContent = "";
  forget("service-charts");
}

function lines(value, indent = "") {
  if (value === null || typeof value !== "object") return indent + text(value);
  if (Array.isArray(value)) return value.map((v) => lines(v, indent)).join("\n\n");
  return Object.entries(value).map(([key, v]) => {
    const deep = v !== null && typeof v === "object";
    const long = typeof v === "string" && v.includes("\n");
    if (deep) return `${indent}${key}:\n${lines(v, indent + "  ")}`;
    if (long) return `${indent}${key}:\n${v.split("\n").map((l) => `${indent}  ${l}`).join("\n")}`;
    return `${indent}${key}: ${form(key, v)}`;
  }).join("\n");
}

async function showStacks() {
  const of = stacksOf = service;
  const shown = await ask("why", of).then((why) => lines(why), (e) => e.message);
  if (stacksOf === of) $("stacks").textContent = shown;
}

function drawService(services, calls) {
  const s = services.find((row) => row.handle === service);
  if (!service) return;
  if (!s) return closeService();
  const title = titleOf(s.service);
  $("service-name").textContent = `${s.handle} ${s.name} ${s.service}`;
  chart("service-charts", "messages", s.messages_per_second, rate);
  chart("service-charts", "processor", s.cpu, percent);
  chart("service-charts", "mailbox", s.mailbox_messages, count);
  chart("service-charts", "memory", s.memory_bytes, bytes);
  table("service-calls", calls.filter((c) => c.caller === title || c.callee === title), CALLS,
    { sort: "calls" });
  if (stacksOf !== service) showStacks();
}

const SERVICES = ["handle", "name", "service", "cpu", "messages_per_second", "mailbox_messages",
  "memory_bytes", "messages", "cpu_seconds", "messages_refused", "endless"];
const NODES = ["harbor", "name", "state", "since", "rtt_seconds", "messages_sent",
  "messages_received", "sent_bytes", "received_bytes", "queued_bytes", "unacknowledged_bytes",
  "frames_resent", "messages_dropped", "messages_lost", "why", "address"];
const CALLS = ["caller", "callee", "calls", "errors", "mean_seconds", "p50_seconds", "p99_seconds",
  "max_seconds"];
const NAMES = ["name", "handle", "scope", "since"];
const EVENTS = ["time", "event", "peer", "message"];

// ---- asking ----

async function ask(command, argument, node = chosen) {
  const words = new URLSearchParams();
  if (argument) words.set("argument", argument);
  if (node) words.set("node", node);
  const answer = await fetch(`api/${command}?${words}`, { cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

// What the node that answers sees: the cluster, and what is wrong in it.
async function lookAround() {
  const [own, seen] = await Promise.all([ask("status", "", 0), ask("nodes", "", 0)]);
  const known = seen.nodes.length ? seen.nodes
    : [{ harbor: 0, name: own.node, state: "self" }];
  $("cluster").textContent = own.cluster ? `cluster ${own.cluster}` : `node ${own.node}`;
  drawWrong(own, known);
  return { own, known };
}

// The node that is chosen.
async function lookAt(around) {
  const of = chosen;
  const [status, nodes, services, calls, names, events] = await Promise.all(["status", "nodes",
    "services", "calls", "names", "events"].map((command) => ask(command)));
  if (of !== chosen) return; // another one was chosen meanwhile
  const now = performance.now(), seconds = withRates(now, services.services);
  const known = nodes.nodes.length ? nodes.nodes : around.known;
  drawMap(known);
  $("line").textContent = `${status.node}: ${status.line}`;
  $("shown").textContent = status.node;
  drawCharts(seconds, services.services, calls.calls);
  const part = $("filter").value;
  table("services", services.services.filter((s) => (s.name + s.service + s.handle).includes(part)),
    SERVICES, { sort: "messages_per_second", choose: openService });
  table("nodes", known, NODES, {});
  table("calls", calls.calls, CALLS, { sort: "calls" });
  table("names", names.names, NAMES, {});
  table("events", events.events, EVENTS, { sort: "time" });
  drawService(services.services, calls.calls);
  last = { at: now, services: services.services, calls: calls.calls };
}

async function look() {
  const around = await lookAround(), of = chosen;
  const shown = around.known.find((n) => n.harbor === of) ?? { name: around.own.node };
  try {
    await lookAt(around);
    return "";
  } catch (e) {
    if (of !== chosen) return "";
    drawMap(around.known);
    $("line").textContent = $("shown").textContent = shown.name;
    return `${shown.name}: ${e.message}`;
  }
}

// Asks a few nodes at a time how busy they are, so that a large cluster costs no more than a small
// one.
async function lookForLoad() {
  for (;;) {
    try {
      const { nodes } = document.hidden ? { nodes: [] } : await ask("nodes", "", 0);
      const alive = nodes.filter((n) => n.state === "up" || n.state === "self");
      for (const n of nodes) if (!alive.includes(n)) delete loads[n.harbor];
      for (let i = 0; i < alive.length; i += LOOKS) {
        await Promise.all(alive.slice(i, i + LOOKS).map(async ({ harbor }) => {
          loads[harbor] = await ask("top", "", harbor).then(
            (top) => ({ ...top.nodes[0], services: top.services }), (e) => ({ error: e.message }));
        }));
        await new Promise((done) => setTimeout(done, 300));
      }
    } catch {
      // run() says that nobody answers
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

function say(trouble) {
  $("trouble").textContent = trouble;
  $("trouble").hidden = !trouble;
  document.querySelector("main").classList.toggle("stale", trouble !== "");
}

async function run() {
  for (;;) {
    try {
      if (!document.hidden) say(await look());
    } catch (e) {
      say(`no answer: ${e.message}`);
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

$("close").onclick = closeService;
$("stacks-again").onclick = showStacks;
run();
lookForLoad();
