// The page of a node: once a second it asks for what harborctl shows as well (/api/COMMAND), of the
// node that is chosen in the map. It changes nothing, and loads nothing from elsewhere.
"use strict";

const POINTS = 120; // of a chart: seconds
const $ = (id) => document.getElementById(id);

let chosen = 0;      // harbor id of the node that is shown, 0: the one that answers
let service = null;  // handle of the service that has its page open
let stacksOf = null; // whose stacks are shown
let last = null;     // what the last second brought, to make rates of counts
const charts = {};   // name -> its points

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
const text = (x) => x == null ? "" : x === true ? "yes" : x === false ? "no" : String(x);

function form(key, value) {
  if (typeof value !== "number") return text(value);
  if (key.endsWith("_per_second")) return rate(value);
  if (key === "cpu") return percent(value);
  if (key.endsWith("_bytes")) return bytes(value);
  if (key === "since") return new Date(value * 1000).toLocaleTimeString();
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
  const body = [...rows].sort(compare).slice(0, 500).map((row) => {
    const tr = element("tr", columns.map((key) => {
      const td = element("td", form(key, row[key]));
      if (typeof row[key] === "number") td.className = "number";
      return td;
    }));
    if (choose) {
      tr.className = "choice";
      tr.onclick = () => choose(row);
    }
    return tr;
  });
  $(id).replaceChildren(element("table", [element("thead", element("tr", head)),
    element("tbody", body)]));
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
}

function drawMap(nodes, own) {
  const at = (i) => {
    const turn = 2 * Math.PI * i / nodes.length - Math.PI / 2;
    return nodes.length < 2 ? [200, 120] : [200 + 140 * Math.cos(turn), 125 + 85 * Math.sin(turn)];
  };
  const self = nodes.findIndex((n) => n.state === "self");
  const parts = [];
  nodes.forEach((n, i) => {
    if (i === self || self < 0) return;
    const [x1, y1] = at(self), [x2, y2] = at(i);
    parts.push(element("line", element("title", `${n.name}: ${n.state} ${text(n.why)}`),
      { x1, y1, x2, y2, class: "link " + n.state }));
  });
  nodes.forEach((n, i) => {
    const [x, y] = at(i), shown = chosen ? n.harbor === chosen : n.state === "self";
    const c = element("circle", element("title", `${n.name} at ${text(n.address)}: ${n.state}`),
      { cx: x, cy: y, r: 16, class: n.state + (shown ? " chosen" : "") });
    c.dataset.node = n.name;
    c.onclick = () => choose(n.harbor);
    const more = (n.master ? " (leads)" : "") + (n.draining ? " (drains)" : "");
    parts.push(c, element("text", n.name + more, { x, y: y < 120 ? y - 22 : y + 30 }));
  });
  $("map").replaceChildren(...parts);
  $("cluster").textContent = own.cluster ? `cluster ${own.cluster}` : `node ${own.node}`;
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
    s.cpu = (s.cpu_seconds - b.cpu_seconds) / seconds;
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
const NODES = ["harbor", "name", "state", "address", "rtt_seconds", "messages_sent",
  "messages_received", "sent_bytes", "received_bytes", "queued_bytes", "unacknowledged_bytes",
  "frames_resent", "messages_dropped", "messages_lost", "why"];
const CALLS = ["caller", "callee", "calls", "errors", "mean_seconds", "p50_seconds", "p99_seconds",
  "max_seconds"];

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

async function look() {
  const of = chosen;
  const [own, status, nodes, services, calls, names] = await Promise.all([ask("status", "", 0),
    ask("status"), ask("nodes"), ask("services"), ask("calls"), ask("names")]);
  if (of !== chosen) return; // another one was chosen meanwhile
  const now = performance.now(), seconds = withRates(now, services.services);
  const known = nodes.nodes.length ? nodes.nodes
    : [{ harbor: 0, name: status.node, state: "self" }];
  drawMap(known, own);
  $("line").textContent = `${status.node}: ${status.line}`;
  drawCharts(seconds, services.services, calls.calls);
  const part = $("filter").value;
  table("services", services.services.filter((s) => (s.name + s.service + s.handle).includes(part)),
    SERVICES, { sort: "messages_per_second", choose: openService });
  table("nodes", known, NODES, {});
  table("calls", calls.calls, CALLS, { sort: "calls" });
  table("names", names.names, ["name", "handle", "scope", "since"], {});
  drawService(services.services, calls.calls);
  last = { at: now, services: services.services, calls: calls.calls };
}

async function run() {
  for (;;) {
    try {
      if (!document.hidden) await look();
      $("trouble").hidden = true;
    } catch (e) {
      $("trouble").textContent = `no answer: ${e.message}`;
      $("trouble").hidden = false;
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

$("close").onclick = closeService;
$("stacks-again").onclick = showStacks;
run();
