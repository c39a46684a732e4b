#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Chaos: real nodes in network namespaces, faults from a seed, traffic that records a history, and
a checker that reads it.

usage: chaos.py --build DIR [--out DIR] [--seed N] [--seeds N] [--seconds N] [--nodes N]
                [--kinds KIND,KIND...] [--tls]

Prints one line a seed and its violations; exit status 1 if there are any, 77 (and a line that says
why) if there can be no network of namespaces here. What a seed leaves in --out: schedule.json,
faults.tsv, the histories, logs and configurations of the nodes, memory.tsv, violations.txt. The
same seed, nodes and seconds have the same faults; how they meet the traffic is up to the machine.
"""
import argparse, json, os, random, re, shutil, signal, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check, faults, network, schedule  # noqa: E402

RECOVERY = 2.0    # the promise: this long after the last fault has healed, everything is as before
DRAIN = 25.0      # no call is open longer, see check.BOUND
SLEEPS = 8.0      # no task of the traffic sleeps longer
CALM = 12.0       # a node gives back its memory after ten seconds of calm
MESSAGE_MAX = "8MiB"
OWN_ERROR = re.compile(r"error : \S*tests/chaos/\w+\.lua:\d+: (?!call )")
STARVED = re.compile(r"Too many open files|No space left on device")
# KiB that a node may need at its worst: large messages for nodes that are cut off wait for
# dead_after
PEAK = 768 * 1024

# Defaults wherever a user would leave them: heartbeats, dead_after, threads, queues.
YAML = """# Node {i} of a cluster of {nodes}.
node:    {{ name: game-{i}, harbor: {i} }}
cluster: {{ listen: "{address}:{link}", master: [ "{master}:{port}" ], {secure},
	message_max: {max} }}
{own}lua:
  start: chaos
  service_path: [ "{here}/?.lua" ]
  path: [ "{here}/?.lua" ]
admin:   {{ listen: "unix:{dir}/n{i}.sock" }}
log:     {{ file: "{disk}/node.log" }}
env:     {{ chaos_dir: "{dir}", chaos_life: "${{CHAOS_LIFE}}", chaos_nodes: "{nodes}",
	chaos_seed: "{seed}" }}
"""

# The last two nodes come from games that were written for skynet.
SKYNET = """-- Node {i} of a cluster of {nodes}.
thread = 4
harbor = {i}
address = "{address}:{link}"
master = "{master}:{port}"
start = "chaos"
luaservice = "{here}/?.lua"
lua_path = "{here}/?.lua"
chaos_dir = "{dir}"
chaos_life = "$CHAOS_LIFE"
chaos_nodes = {nodes}
chaos_seed = {seed}
harbord_cluster_message_max = "{max}"
{key}
harbord_admin_listen = "unix:{dir}/n{i}.sock"
"""


def now_us():
    return time.monotonic_ns() // 1000


class Node:
    def __init__(self, run, i):
        self.run, self.i, self.life, self.process = run, i, 0, None
        self.frozen = 0
        self.disk = faults.Disk(f"{run.dir}/disk{i}")
        self.clock = faults.Clock(f"{run.dir}/clock{i}")
        own = f'master:  {{ listen: "{run.net.address(1)}:{network.MASTER_PORT}", ' \
              f'state_dir: "{self.disk.folder}/state" }}\n' if i == 1 else ""
        skynet = i > 1 and i > run.a.nodes - 2
        self.config = f"{run.dir}/n{i}.{'lua' if skynet else 'yaml'}"
        with open(self.config, "w") as f:
            f.write((SKYNET if skynet else YAML).format(
                i=i, nodes=run.a.nodes, address=run.net.address(i), link=network.LINK_PORT, own=own,
                master=run.net.address(1),
                port=network.MASTER_PORT, max=MESSAGE_MAX, seed=run.seed, here=HERE, dir=run.dir,
                disk=self.disk.folder, secure=f'key_file: "{run.key}"' if run.key
                else "insecure: true", key=f'harbord_cluster_key_file = "{run.key}"' if run.key
                else ""))

    def start(self):
        self.life += 1
        argv = self.run.net.inside(self.i, [self.run.a.build + "/harbord", self.config])
        with open(f"{self.run.dir}/n{self.i}.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=dict(os.environ, CHAOS_LIFE=str(self.life),
                                                     CHAOS_CLOCK=self.clock.path,
                                                     LD_PRELOAD=self.run.clock))
        self.run.note("start", self.i, self.life)

    def kill(self):
        self.run.note("kill", self.i, self.life)
        self.process.kill()
        self.process.wait()

    def signal(self, sig):
        if self.process.poll() is None:
            os.kill(self.process.pid, sig)

    def ctl(self, *words, limit=4):
        p = subprocess.run([self.run.a.build + "/harborctl", "--socket",
                            f"{self.run.dir}/n{self.i}.sock", "--json", *words],
                           capture_output=True, text=True, timeout=limit)
        if p.returncode:
            raise OSError(f"harborctl {' '.join(words)}: {p.returncode} {p.stderr.strip()} "
                          f"{p.stdout.strip()}")
        return json.loads(p.stdout)

    def call(self, *words, limit=15):
        return self.ctl("call", ".chaos", *words, limit=limit)["values"][0]

    def logs(self):
        """The files with its log: of both, if it has a file and writes to stderr before."""
        return [path for path in (f"{self.run.dir}/n{self.i}.log", f"{self.disk.folder}/node.log")
                if os.path.exists(path)]

    def descriptors(self):
        """What the node has open, and how often."""
        folder, kinds = f"/proc/{self.process.pid}/fd", {}
        for fd in os.listdir(folder):
            try:
                kind = os.readlink(f"{folder}/{fd}").split(":")[0].replace(self.run.dir, "")
            except FileNotFoundError:
                continue  # closed meanwhile
            kinds[kind] = kinds.get(kind, 0) + 1
        return dict(sorted(kinds.items()))

    def usage(self):
        """Resident KiB and open descriptors but for histories, or nothing."""
        try:
            with open(f"/proc/{self.process.pid}/statm") as f:
                rss = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
            return rss, sum(count for kind,
                            count in self.descriptors().items() if not kind.endswith(".tsv"))
        except (OSError, IndexError, AttributeError):
            return None


class Run:
    """One seed."""

    def __init__(self, a, seed):
        self.a, self.seed, self.dir = a, seed, os.path.abspath(f"{a.out}/seed-{seed}")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.lock, self.recoveries, self.violations = threading.Lock(), [], []
        self.faults, self.peak = 0, 0
        self.journal = open(f"{self.dir}/faults.tsv", "w", buffering=1)
        self.memory = open(f"{self.dir}/memory.tsv", "w", buffering=1)
        self.key, self.rotated = None, 0
        if a.tls:
            self.key = f"{self.dir}/cluster.key"
            self.write_keys(self.new_key())
        # A clock that is loaded before them confuses the sanitizers.
        self.clock = "" if "/san-" in a.build else f"{a.build}/tests/chaos/clock.so"
        self.net = network.Network(a.nodes, f"{a.build}/tests/chaos/relay", seed)
        self.nodes = {i: Node(self, i) for i in self.net.nodes}
        self.sampling = True

    # ---- the key of the cluster ----
    def new_key(self):
        p = subprocess.run([self.a.build + "/harborctl", "key", "new"], capture_output=True,
                           text=True)
        if p.returncode:
            raise OSError(f"harborctl key new: {p.stderr.strip()}")
        return p.stdout.strip()

    def write_keys(self, *keys):
        """The old file is there, or the new one, never a part of one."""
        self.keys = keys
        fd = os.open(self.key + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w") as f:
            f.write("\n".join(keys) + "\n")
        os.rename(self.key + ".new", self.key)

    def hup(self):
        for n in self.nodes.values():
            n.signal(signal.SIGHUP)

    def rotate(self):
        """The key is changed as an administrator does it: all nodes know both keys, then all use
        the new one, and at the end of the fault the old one is forgotten."""
        if not self.key or len(self.keys) > 1:
            return lambda: None
        old, new = self.keys[0], self.new_key()
        for keys in ((old, new), (new, old)):
            self.write_keys(*keys)
            self.hup()
            time.sleep(0.5)

        def forget():
            self.write_keys(new)
            self.hup()
        return forget

    def note(self, what, *words):
        with self.lock:
            print(now_us(), what, *words, sep="\t", file=self.journal)

    def violation(self, text):
        self.violations.append(text)
        self.note("violation", text.replace("\n", " | "))

    # ---- faults ----
    def inject(self, f):
        """Begins a fault; returns what ends it."""
        kind, node, other = f["kind"], self.nodes[f["node"]], f["other"]
        self.faults += 1
        self.note("fault", kind, node.i, other, f["length"], f.get("line", ""))
        if kind in ("kill", "master_kill", "master_wiped"):
            return self.kill(node, wipe=kind == "master_wiped")
        if kind in ("freeze", "master_freeze"):
            return self.freeze(node)
        if "line" in f:
            return self.line(f)
        if kind == "key":
            return self.rotate()
        if kind == "clock":
            return node.clock.jump(f["jump"])
        if kind == "disk_full":
            return node.disk.fill()
        if kind == "descriptors":
            return self.starve(node, f["spare"])
        pairs = {"one_way": [(other, node.i)], "isolate": [p for o in self.net.nodes if o != node.i
                                                           for p in ((o, node.i), (node.i, o))]}
        return self.cut({"reset": "refused", "master_cut": "masterless"}.get(kind, "dropped"),
                        pairs.get(kind, [(other, node.i), (node.i, other)]))

    def kill(self, node, wipe):
        if node.process.poll() is not None:
            return lambda: None
        node.kill()
        if wipe:
            shutil.rmtree(f"{node.disk.folder}/state", ignore_errors=True)
        return node.start

    def freeze(self, node):
        node.frozen += 1
        node.signal(signal.SIGSTOP)
        self.note("freeze", node.i, node.life)

        def thaw():
            node.frozen -= 1
            if not node.frozen:
                node.signal(signal.SIGCONT)
            self.note("thaw", node.i, node.life)
        return thaw

    def starve(self, node, spare):
        if node.process.poll() is not None:
            return lambda: None
        return faults.descriptors(node.process.pid, spare)

    def line(self, f):
        """The line may be bad by another fault as well: the last one that begins or ends
        decides."""
        others = [o for o in self.net.nodes if o != f["node"]] if f["kind"] == "bad_air" \
            else [f["other"]]
        pairs = [p for o in others for p in ((f["node"], o), (o, f["node"]))]

        def set_to(line):
            for p in pairs:
                self.net.line(*p, line)
        set_to(network.Line(*f["line"]))
        return lambda: set_to(None)

    def cut(self, kind, pairs):
        for p in pairs:
            self.net.rule("add", kind, *p)

        def heal():
            for p in pairs:
                try:
                    self.net.rule("delete", kind, *p)
                except OSError:
                    pass  # another fault cut the same pair, and has healed before
        return heal

    def play(self, faults):
        """Plays the faults of a round; returns when silence that none of them explains any more
        begins to count."""
        begin, counts_from, ends = time.monotonic(), 0.0, []
        todo = [(f["at"], 0, k, f) for k, f in enumerate(faults)]
        while todo:
            todo.sort(key=lambda e: e[:3])
            at, phase, k, f = todo.pop(0)
            time.sleep(max(0.0, begin + at - time.monotonic()))
            if phase == 0:
                end = self.inject(f)
                if f["kind"] in schedule.SILENT:
                    counts_from = max(counts_from, time.monotonic() + schedule.DEAD_AFTER)
                todo.append((at + f["length"], 1, k, end))
            else:
                f()
                self.note("healed", faults[k]["kind"], faults[k]["node"], faults[k]["other"])
        self.net.heal()
        return max(time.monotonic(), counts_from)

    # ---- looking ----
    def differs(self):
        """Returns what is not yet as it should be, or nothing."""
        names = {}
        for i, n in self.nodes.items():
            if n.process.poll() is not None:
                return f"node {i} ended with status {n.process.returncode}"
            peers = {p["id"]: p["state"] for p in n.ctl("nodes")["nodes"]
                     if p["state"] not in ("self", "dead", "gone")}
            if sorted(peers) != [o for o in self.nodes if o != i] or set(peers.values()) - {"up"}:
                return f"node {i} sees {peers}"
            names[i] = {e["name"]: e["handle"] for e in n.ctl("names")["names"]
                        if e["scope"] == "global" and not e["name"].startswith("RACE")}
            want = {f"SVC{o}" for o in self.nodes} | {"DATACENTER", "SERVICE"}
            if want - set(names[i]):
                return f"node {i} does not know {sorted(want - set(names[i]))}"
        for name in names[1]:
            if len({t.get(name) for t in names.values()}) > 1:
                return f"{name} is " + str({i: t.get(name) for i, t in names.items()})
        for i, n in self.nodes.items():
            failed = n.call("check")
            if failed:
                return f"node {i} cannot call {failed}"
        return None

    def converge(self, since, limit=40.0):
        """Waits until all is as before; returns how long that took after `since`, and what was last
        in the way."""
        last = "nothing"
        while time.monotonic() < since + limit:
            began = time.monotonic()
            try:
                now = self.differs()
            except (OSError, subprocess.TimeoutExpired, KeyError, ValueError) as e:
                now = str(e)
            if now is None:
                return max(0.0, began - since), last
            last = now
            time.sleep(0.05)
        return None, last

    def settle(self, since, what):
        took, last = self.converge(since)
        if took is None:
            self.violation(f"no convergence 40 s after {what}: {last}")
            return False
        self.recoveries.append(took)
        self.note("converged", f"{took:.2f}", last)
        if took > RECOVERY * self.a.slack * max(1.0, os.getloadavg()[0] / os.cpu_count()):
            self.violation(f"convergence took {took:.1f} s after {what}; last in the way: {last}")
        return True

    def sample(self):
        while self.sampling:
            for i, n in self.nodes.items():
                u = n.usage()
                if u:
                    self.peak = max(self.peak, u[0])
                    print(now_us(), i, n.life, *u, sep="\t", file=self.memory)
            self.note("load", f"{os.getloadavg()[0] / os.cpu_count():.2f}")
            time.sleep(1)

    def idle(self, what):
        """Ends the traffic, waits for its calls and for calm; returns allocated KiB, resident KiB
        and descriptors of each node."""
        for n in self.nodes.values():
            n.call("traffic", "off")
        end = time.monotonic() + DRAIN
        while time.monotonic() < end and any(n.call("open") for n in self.nodes.values()):
            time.sleep(0.2)
        time.sleep(SLEEPS)
        for n in self.nodes.values():
            n.call("collect")
        time.sleep(CALM)
        used = {i: (int(n.call("memory").split()[0]) // 1024, *n.usage()) for i,
                n in self.nodes.items()}
        self.note("idle", what, json.dumps(used),
                  json.dumps({i: n.descriptors() for i, n in self.nodes.items()}))
        return used

    def flat(self, before, after):
        for i in self.nodes:
            (kib0, _, fds0), (kib, _, fds) = before[i], after[i]
            if kib > max(kib0 * 1.5, kib0 + 4096):
                self.violation(f"memory of node {i}: {kib0} KiB allocated after warming up, {kib} "
                               f"KiB at the end")
            if fds > fds0 + 4:
                self.violation(f"descriptors of node {i}: {fds0} after warming up, "
                               f"{fds} at the end")
        if self.peak > PEAK:
            self.violation(f"memory: a node had {self.peak} KiB")

    def own_errors(self):
        """Errors of this tool's own services, which would otherwise only make less traffic."""
        for i, node in self.nodes.items():
            lines = []
            for path in node.logs():
                with open(path, errors="replace") as f:
                    lines += [line.strip() for line in f if OWN_ERROR.search(line)
                              and not STARVED.search(line)]
            if lines:
                self.violation(f"node {i}: {len(lines)} errors in the tool's services, the first: "
                               f"{lines[0]}")

    # ---- the whole ----
    def rounds(self, plan):
        for k, r in enumerate(plan):
            time.sleep(r["pause"])
            since = self.play(r["faults"])
            text = ", ".join(f"{f['kind']}({f['node']},{f['other']}) {f['length']} s"
                             for f in r["faults"])
            if not self.settle(since, f"round {k + 1} ({text})"):
                return
            print(f"  {k + 1}/{len(plan)} {text}: {self.recoveries[-1]:.1f} s",
                  flush=True) if self.a.verbose else None

    def go(self):
        plan = schedule.schedule(self.seed, self.a.nodes, self.a.seconds, self.a.kinds)
        with open(f"{self.dir}/schedule.json", "w") as f:
            json.dump(plan, f, indent=1)
        threading.Thread(target=self.sample, daemon=True).start()
        for n in self.nodes.values():
            n.start()
        started = time.monotonic() + 3
        if not self.settle(started, "start"):
            return
        time.sleep(8)
        before = self.idle("warm")
        for n in self.nodes.values():
            n.call("traffic", "on")
        self.rounds(plan)
        self.flat(before, self.idle("end"))

    def close(self):
        self.sampling = False
        for n in self.nodes.values():
            if n.process and n.process.poll() is None:
                n.signal(signal.SIGCONT)
                n.process.kill()
                n.process.wait()
            if os.path.exists(n.disk.folder + "/node.log"):
                shutil.copy(n.disk.folder + "/node.log", f"{self.dir}/n{n.i}.file.log")
        self.net.close()

    def unmount(self):
        for n in self.nodes.values():
            n.disk.close()


def one_seed(a, seed):
    began = time.monotonic()
    r = Run(a, seed)
    try:
        r.go()
    except (OSError, subprocess.TimeoutExpired, KeyError, ValueError, TypeError) as e:
        r.violation(f"the run broke off: {e!r}")
    finally:
        r.note("end")
        r.close()
        r.own_errors()
        r.unmount()
    found = check.check(r.dir)
    if found.idle_traffic():
        r.violation(f"there was none of this traffic: {', '.join(found.idle_traffic())}")
    bad = r.violations + found.violations
    worst = max(r.recoveries, default=0.0)
    print(f"seed {seed}: {time.monotonic() - began:.0f} s, {r.faults} faults, {found.summary()}, "
          f"worst recovery {worst:.1f} s, "
          f"peak {r.peak // 1024} MiB, "
          f"{len(bad)} violations", flush=True)
    with open(f"{r.dir}/violations.txt", "w") as f:
        f.write("\n\n".join(bad) + "\n")
    for text, count in sample(bad, a.show):
        print(f"  {count} x " + text.replace("\n", "\n    "), flush=True)
    return not bad


def sample(violations, most):
    """The first violation of each kind, and how many there are."""
    kinds = {}
    for v in violations:
        kinds.setdefault(check.reason(v.split("\n")[0]), []).append(v)
    return [(same[0], len(same)) for same in list(kinds.values())[:most]]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--out", default="build/chaos")
    ap.add_argument("--seed", type=int, default=0, help="0: by the clock")
    ap.add_argument("--seeds", type=int, default=1, help="this many, one after the other")
    ap.add_argument("--seconds", type=int, default=300)
    ap.add_argument("--nodes", type=int, default=5)
    ap.add_argument("--kinds", type=lambda text: text.split(","),
                    help="only these faults, KIND,KIND..., see schedule.py")
    ap.add_argument("--tls", action="store_true", help="the cluster has a key")
    ap.add_argument("--slack", type=float, default=1.5,
                    help="how much longer than promised a recovery may take; longer still when "
                         "others use the machine")
    ap.add_argument("--show", type=int, default=10, help="violations that are printed a seed")
    ap.add_argument("--verbose", action="store_true")
    a = ap.parse_args()
    a.build = os.path.abspath(a.build)
    why = network.why_not()
    if why:
        print(f"chaos: skipped: {why}")
        sys.exit(77)
    first = a.seed or random.SystemRandom().randint(1, 99999)
    good = [one_seed(a, s) for s in range(first, first + a.seeds)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
