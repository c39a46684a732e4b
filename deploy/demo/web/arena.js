// SPDX-License-Identifier: MIT
//
// The arena's page. It shows what the field publishes and sends which keys are pressed; the rules
// of the game are in field.lua, the words of the connection in web.lua. When its node dies, it goes
// on through another one: it knows them all from the NODES messages.
"use strict";

const BEHIND = 100;    // ms: the field is shown as it was then, between two pictures that are known
const SILENCE = 3000;  // ms without an answer: the node is frozen or cut off
const HANDSHAKE = 2000;
const STABLE = 900;    // ms: when a connection that lasted so long ends, the next is tried at once
const PINGS = 5;       // the latency is the middle one of so many
const COLOURS = ["#4ea1ff", "#ff8a5c", "#5fd38d", "#d78bff", "#ffd24d", "#ff6f91"];
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
               KeyA: [-1, 0], KeyD: [1, 0], KeyW: [0, -1], KeyS: [0, 1] };

// What is known, to be looked at in the console of the browser too.
const arena = {
  status: "connecting",  // connecting, watching, playing, away (no field), resting (until a key)
  node: null, name: null, latency: null, inside: null,
  players: new Map(),    // name -> { name, node, x, y, points, samples }
  nodes: [],             // { name, address, up }
  star: null, events: [],
};
window.arena = arena;

const at = (id) => document.getElementById(id);

function note(text) {
  arena.events = [...arena.events, text].slice(-3);
  at("events").replaceChildren(...arena.events.map((e) => {
    const item = document.createElement("li");
    item.textContent = e;
    return item;
  }));
}

// ---- the connection ----

let socket = null, address = location.host, attempt = 0, heard = 0, opened = 0, timer = null;
let pings = [];

const send = (text) => {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(text);
};

// The other nodes first, those that are up before the others; at last the one that we had.
function addresses() {
  const known = [...arena.nodes].sort((a, b) => b.up - a.up).map((n) => n.address);
  const others = [...new Set([...known, location.host])].filter((a) => a !== address);
  return [...others, address];
}

function connect(where) {
  address = where;
  opened = heard = performance.now();
  const s = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${where}/play`);
  socket = s;
  s.onopen = () => {
    heard = performance.now();
    arena.status = "watching";
    join();
  };
  s.onmessage = (event) => s === socket && hear(event.data);
  s.onclose = (event) => s === socket && lose(event);
}

function lose(event) {
  const had = arena.node || address;
  if (heard - opened > STABLE) attempt = 0;
  socket = null;
  pings = [];
  arena.latency = arena.inside = null;
  if (event && event.code >= 4000) {  // we are told to go, so we do not come back by ourselves
    arena.status = "resting";
    note(event.reason);
  } else {
    if (arena.status !== "connecting") note(`${had} is lost`);
    arena.status = "connecting";
    again();
  }
  arena.node = null;
}

let order = [];

function again() {
  if (attempt === 0 || !order.length) order = addresses();
  const where = order.shift(), pause = attempt === 0 ? 0 : Math.min(2000, 100 * 2 ** attempt);
  attempt++;
  clearTimeout(timer);
  timer = setTimeout(() => connect(where), pause);
}

function give_up() {
  const s = socket;
  lose();
  s.close();
}

setInterval(() => {
  const now = performance.now();
  if (!socket) return;
  if (socket.readyState !== WebSocket.OPEN ? now - opened > HANDSHAKE : now - heard > SILENCE) {
    give_up();
  } else {
    send(`PING ${Math.floor(now)}`);
  }
}, 1000);

// ---- who we are ----

// The key is kept with this tab: with it we are the same player after a node died, or a reload.
function key() {
  let k = sessionStorage.getItem("key");
  if (!k) {
    k = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((b) => b.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("key", k);
  }
  return k;
}

function join() {
  if (arena.name) send(`JOIN ${arena.name} ${key()}`);
}

at("join").onsubmit = (event) => {
  event.preventDefault();
  arena.name = at("name").value;
  at("name").blur();
  join();
};

// ---- what the node says ----

const words = {
  WELCOME(node, name) {
    [arena.node, arena.name, arena.status] = [node, name, "playing"];
    sessionStorage.setItem("name", name);
    at("join").hidden = true;
    note(`${name} plays through ${node}`);
    go(true);
  },

  NO(...reason) {
    const text = reason.join(" ");
    if (text.endsWith("away")) {  // then it comes back
      setTimeout(join, 1000);
    } else {
      arena.name = null;
      at("join").hidden = false;
    }
    at("reason").textContent = text;
  },

  PONG(sent, inside) {
    const now = performance.now();
    heard = now;
    pings = [...pings, { out: now - Number(sent), inside: inside === "-" ? null : Number(inside) }]
      .slice(-PINGS);
    const middle = [...pings].sort((a, b) => a.out - b.out)[pings.length >> 1];
    [arena.latency, arena.inside] = [middle.out, middle.inside];
  },

  STATE(star, ...players) {
    const now = performance.now(), here = new Set();
    const [sx, sy] = star.split(",").map(Number);
    arena.star = { x: sx, y: sy };
    for (const text of players) {
      const [name, node, x, y, points] = text.split(",");
      here.add(name);
      see(name, node, Number(x), Number(y), Number(points), now);
    }
    for (const name of arena.players.keys()) if (!here.has(name)) arena.players.delete(name);
    back();
  },

  NODES(...nodes) {
    arena.nodes = nodes.map((text) => {
      const [name, where, state] = text.split(",");
      return { name, address: where.replace(/^0\.0\.0\.0/, location.hostname), up: state === "up" };
    });
    back();
  },

  AWAY() { arena.status = "away"; },
};

// The field is there again; a new one does not know which keys are held down.
function back() {
  if (arena.status === "away") {
    arena.status = arena.node ? "playing" : "watching";
    go(true);
  }
}

function hear(line) {
  const [word, ...rest] = line.split(" ");
  if (Object.hasOwn(words, word)) words[word](...rest);
}

// A player is shown between the two samples around a moment in the past, so he glides although
// there are but 20 pictures a second. Who stood still until now has no sample just before: he gets
// one, or his first step would seem to have taken all that time.
function see(name, node, x, y, points, now) {
  let p = arena.players.get(name);
  if (!p) {
    p = { name, samples: [] };
    arena.players.set(name, p);
  }
  const before = p.samples.at(-1);
  if (before && now - before.t > BEHIND) p.samples.push({ t: now - 50, x: before.x, y: before.y });
  p.samples = [...p.samples, { t: now, x, y }].slice(-20);
  Object.assign(p, { node, x, y, points });
}

function shown(p, t) {
  const i = p.samples.findIndex((s) => s.t > t);
  if (i < 1) return p.samples.at(i);
  const a = p.samples[i - 1], b = p.samples[i], part = (t - a.t) / (b.t - a.t);
  return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part };
}

// ---- keys and fingers ----

const pressed = new Set();
let finger = null, sent = "0 0";

function direction() {
  const me = arena.players.get(arena.name);
  if (finger && me) {
    const dx = finger.x - me.x, dy = finger.y - me.y, length = Math.hypot(dx, dy);
    return length < 12 ? [0, 0] : [dx / length, dy / length];
  }
  return [...pressed].map((k) => KEYS[k]).reduce(([x, y], [dx, dy]) => [x + dx, y + dy], [0, 0]);
}

// Tells the node when the direction has changed, at most 20 times a second.
function go(anew) {
  const text = direction().map((v) => Math.round(Math.max(-1, Math.min(1, v)) * 100)).join(" ");
  if (arena.status === "playing" && (anew || text !== sent)) {
    sent = text;
    send(`GO ${text}`);
  }
}
setInterval(() => finger && go(), 50);

function wake() {
  if (arena.status === "resting") {
    arena.status = "connecting";
    attempt = 0;
    connect(address);
  }
}

addEventListener("keydown", (event) => {
  if (event.target === at("name")) return;
  wake();
  if (KEYS[event.code]) {
    event.preventDefault();
    if (!pressed.has(event.code)) {
      pressed.add(event.code);
      go();
    }
  }
});
addEventListener("keyup", (event) => {
  if (pressed.delete(event.code)) go();
});
addEventListener("blur", () => {
  pressed.clear();
  finger = null;
  go();
});

const canvas = at("field");

function point(event) {
  const box = canvas.getBoundingClientRect();
  finger = { x: (event.clientX - box.left) * canvas.width / box.width,
             y: (event.clientY - box.top) * canvas.height / box.height };
}
canvas.onpointerdown = (event) => {
  wake();
  canvas.setPointerCapture(event.pointerId);
  point(event);
};
canvas.onpointermove = (event) => finger && point(event);
canvas.onpointerup = canvas.onpointercancel = () => {
  finger = null;
  go();
};

// ---- the picture ----

const pen = canvas.getContext("2d");

function colour(node) {
  const i = arena.nodes.findIndex((n) => n.name === node);
  return i < 0 ? "#5a6675" : COLOURS[i % COLOURS.length];
}

function draw_ground() {
  pen.fillStyle = "#161d27";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = "#1e2733";
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = 60; x < canvas.width; x += 60) pen.rect(x, -1, 0, canvas.height + 2);
  for (let y = 60; y < canvas.height; y += 60) pen.rect(-1, y, canvas.width + 2, 0);
  pen.stroke();
}

function draw_star({ x, y }) {
  pen.fillStyle = "#ffd24d";
  pen.beginPath();
  for (let i = 0; i < 10; i++) {
    const r = i % 2 ? 6 : 14, a = Math.PI * i / 5 - Math.PI / 2;
    pen.lineTo(x + r * Math.cos(a), y + r * Math.sin(a));
  }
  pen.fill();
}

function draw_player(p, t) {
  const { x, y } = shown(p, t);
  pen.fillStyle = colour(p.node);
  pen.beginPath();
  pen.arc(x, y, 14, 0, 2 * Math.PI);
  pen.fill();
  if (p.name === arena.name) {
    pen.strokeStyle = "#fff";
    pen.lineWidth = 3;
    pen.stroke();
  }
  pen.fillStyle = p.node === "-" ? "#8b98a8" : "#fff";
  pen.font = '16px system-ui, "DejaVu Sans", sans-serif';
  pen.textAlign = "center";
  pen.fillText(p.node === "-" ? `${p.name} (away)` : p.name, x, y < 40 ? y + 32 : y - 20);
}

function draw() {
  const t = performance.now() - BEHIND;
  draw_ground();
  if (arena.star) draw_star(arena.star);
  for (const p of arena.players.values()) draw_player(p, t);
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);

// ---- the tables ----

function row(table, kind, mark, ...cells) {
  const line = table.insertRow();
  line.className = kind;
  cells.forEach((text) => { line.insertCell().textContent = text; });
  const dot = document.createElement("span");
  dot.className = "colour";
  dot.style.background = mark;
  line.cells[0].prepend(dot);
}

function table(id, lines) {
  const t = at(id);
  while (t.rows.length > 1) t.deleteRow(1);
  lines.forEach((line) => row(t, ...line));
}

function status_text() {
  const ms = (v) => `${v.toFixed(v < 10 ? 1 : 0)} ms`;
  switch (arena.status) {
    case "connecting": return `trying ${address}`;
    case "resting": return "at rest; press a key or the field to come back";
    case "away": return "the field's node is down; it is waited for";
    default: return (arena.node ? `through ${arena.node}` : `watching at ${address}`)
      + (arena.latency === null ? "" : `, ${ms(arena.latency)} there and back`)
      + (arena.inside === null ? "" : `, of which ${ms(arena.inside)} in the cluster`);
  }
}

setInterval(() => {
  const players = [...arena.players.values()].sort((a, b) => b.points - a.points);
  at("status").textContent = status_text();
  at("status").className = arena.node && arena.status === "playing" ? "" : "away";
  table("nodes", arena.nodes.map((n) => {
    const own = players.filter((p) => p.node === n.name);
    return [n.name === arena.node ? "here" : n.up ? "" : "away", colour(n.name), n.name,
            n.up ? own.length : "down", own.reduce((sum, p) => sum + p.points, 0)];
  }));
  table("players", players.map((p) => [
    p.name === arena.name ? "here" : p.node === "-" ? "away" : "", colour(p.node),
    p.name, p.node === "-" ? "away" : p.node, p.points]));
}, 250);

// A reload plays on.
arena.name = sessionStorage.getItem("name");
at("join").hidden = arena.name !== null;
connect(location.host);
