#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Chaos: real nodes in network namespaces, faults from a seed, traffic that records a history, and
a checker that reads it.

usage: chaos.py --build DIR [--out DIR] [--seed N] [--seeds N] [--seconds N] [--nodes N]
                [--kinds KIND,KIND...] [--tls] [--etcd] [--mixed]

Prints one line a seed and its violations; exit status 1 if there are any, 77 (and a line that says
why) if there can be no network of namespaces here. What a seed leaves in --out: schedule.json,
faults.tsv, the histories, logs and configurations of the nodes, memory.tsv, violations.txt. The
same seed, nodes and seconds have the same faults; how they meet the traffic is up to the machine.
"""
import argparse, collections, json, os, random, re, shutil, signal, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check, etcd, faults, network, schedule  # noqa: E402
from node import Node  # noqa: E402

RECOVERY = 2.0    # the promise: this long after the last fault has healed, everything is as before
PATIENCE = 40.0   # for what does not come back at all
ELECTION = 5.0    # the same where a leader has to be found first
CANDIDATES = 3    # for the lead, with etcd
DRAIN = 25.0      # no call is open longer, see check.BOUND
SLEEPS = 8.0      # no task of the traffic sleeps longer
CALM = 12.0       # a node gives back its memory after ten seconds of calm
OWN_ERROR = re.compile(r"error : \S*tests/chaos/\w+\.lua:\d+: (?!call |killed)")
STARVED = re.compile(r"Too many open files|No space left on device")
# KiB that a node may need at its worst: large messages for nodes that are cut off wait for
# dead_after
PEAK = 768 * 1024

def load():
    """Tasks a processor, of everybody on this machine."""
    return os.getloadavg()[0] / os.cpu_count()


def now_us():
    return time.monotonic_ns() // 1000


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
        self.net = network.Network(a.nodes + a.etcd, f"{a.build}/tests/chaos/relay", seed)
        self.etcd = etcd.Etcd(self.net, a.nodes + 1, self.dir) if a.etcd else None
        self.masters = range(1, CANDIDATES + 1) if a.etcd else [1]
        self.nodes = {i: Node(self, i) for i in range(1, a.nodes + 1)}
        self.note("masters", *self.masters)
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
        if kind.startswith("lead_"):
            node = self.nodes[self.leader()]
        self.faults += 1
        self.note("fault", kind, node.i, other, f["length"], f.get("line", ""))
        if kind in ("etcd_kill", "etcd_freeze"):
            return self.etcd.kill() if kind == "etcd_kill" else self.etcd.freeze()
        if kind == "drain":
            return self.drain(node)
        if kind == "move":
            return self.move_pilgrim(node, other)
        if kind == "lead_move":
            return self.move(node)
        if kind in ("kill", "lead_kill", "master_kill", "master_wiped"):
            return self.kill(node, wipe=kind == "master_wiped")
        if kind in ("freeze", "lead_freeze", "master_freeze"):
            return self.freeze(node)
        if "line" in f:
            return self.line(f)
        if kind == "key":
            return self.rotate()
        if kind == "etcd_cut":
            pair = [(self.etcd.i, node.i), (node.i, self.etcd.i)]
            return self.cut("dropped", pair)
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

    def leader(self):
        """The node that leads, as most who can be asked know it; the first, if none does."""
        said = []
        for i in self.masters:
            try:
                said.append(self.nodes[i].ctl("master", limit=1).get("leader"))
            except (OSError, subprocess.TimeoutExpired, ValueError):
                pass  # it is dead or frozen
        best = max(said, key=said.count, default=None)
        return int(best.rpartition("-")[2]) if best else 1

    def move(self, node):
        """The lead goes to anybody else, as an administrator wants it."""
        try:
            node.ctl("master", "move")
        except (OSError, subprocess.TimeoutExpired) as e:
            self.note("move", str(e))  # another fault may be in the way
        return lambda: None

    def move_pilgrim(self, node, to):
        try:
            node.ctl("move", f"PILGRIM{node.i}", str(to), limit=10)
        except (OSError, subprocess.TimeoutExpired) as e:
            self.note("move", str(e))  # it lives on `to`, or another fault is in the way
        return lambda: None

    def drain(self, node):
        """As an administrator restarts a node: it gives away what can move, stops, and begins
        anew. Who is frozen cannot be asked."""
        if node.process.poll() is not None or node.frozen:
            return lambda: None
        try:
            node.ctl("drain", str(node.i), "--wait", "10", limit=15)
        except (OSError, subprocess.TimeoutExpired) as e:
            self.note("drain", str(e))
        self.note("kill", node.i, node.life)  # for those who cannot move it is one
        node.signal(signal.SIGTERM)
        try:
            status = node.process.wait(20)
            if status:
                self.violation(f"node {node.i} was stopped and ended with status {status}")
        except subprocess.TimeoutExpired:
            self.violation(f"node {node.i} does not stop within 20 s")
            node.kill()
        return node.start

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
            peers = {p["harbor"]: p["state"] for p in n.ctl("nodes")["nodes"]
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

    def converge(self, since):
        """Waits until all is as before; returns how long that took after `since`, and what was last
        in the way."""
        last = "nothing"
        while time.monotonic() < since + PATIENCE * max(1.0, load() / 2):
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
            self.violation(f"no convergence {time.monotonic() - since:.0f} s after {what}: {last}")
            return False
        self.recoveries.append(took)
        self.note("converged", f"{took:.2f}", last)
        promised = ELECTION if self.etcd else RECOVERY
        if took > promised * self.a.slack * max(1.0, load()):
            self.violation(f"convergence took {took:.1f} s after {what}; last in the way: {last}")
        return True

    def sample(self):
        while self.sampling:
            for i, n in self.nodes.items():
                u = n.usage()
                if u:
                    self.peak = max(self.peak, u[0])
                    print(now_us(), i, n.life, *u, sep="\t", file=self.memory)
            self.note("load", f"{load():.2f}")
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
            if fds > fds0 + 4 + (self.a.nodes if self.etcd else 0):  # for who leads by now
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
        plan = schedule.schedule(self.seed, self.a.nodes, self.a.seconds,
                                 self.a.kinds or schedule.kinds(self.a.etcd))
        with open(f"{self.dir}/schedule.json", "w") as f:
            json.dump(plan, f, indent=1)
        threading.Thread(target=self.sample, daemon=True).start()
        if self.etcd:
            self.etcd.start()
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
        if self.etcd:
            self.etcd.close()
        self.net.close()

    def unmount(self):
        for n in self.nodes.values():
            n.disk.close()


class Total:
    """What all seeds together had."""

    def __init__(self):
        self.counts, self.worst, self.began = collections.Counter(), 0.0, time.monotonic()

    def add(self, run, found, bad):
        self.counts.update(faults=run.faults, calls=len(found.calls), answered=found.answered,
                           failed=found.failed, sends=found.sent,
                           lost=found.sent - found.received, violations=len(bad))
        self.worst = max([self.worst, *run.recoveries])

    def text(self):
        return f"all: {time.monotonic() - self.began:.0f} s, " + ", ".join(
            f"{n} {what}" for what, n in self.counts.items()) \
            + f", worst recovery {self.worst:.1f} s"


def one_seed(a, seed, total):
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
    total.add(r, found, bad)
    how = ("a key" if a.tls else "no key") + (", etcd" if a.etcd else "")
    print(f"seed {seed}, {how}: {time.monotonic() - began:.0f} s, {r.faults} faults, "
          f"{found.summary()}, worst recovery {worst:.1f} s, peak {r.peak // 1024} MiB, "
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
    ap.add_argument("--etcd", action="store_true",
                    help=f"{CANDIDATES} candidates for the lead, and a registry in etcd")
    ap.add_argument("--mixed", action="store_true",
                    help="the seeds in turn with a key and etcd, with etcd, with a key, and plain")
    ap.add_argument("--slack", type=float, default=1.5,
                    help="how much longer than promised a recovery may take; longer still when "
                         "others use the machine")
    ap.add_argument("--show", type=int, default=10, help="violations that are printed a seed")
    ap.add_argument("--verbose", action="store_true")
    a = ap.parse_args()
    a.build = os.path.abspath(a.build)
    why = network.why_not() or (a.etcd or a.mixed) and etcd.why_not()
    if why:
        print(f"chaos: skipped: {why}")
        sys.exit(77)
    first = a.seed or random.SystemRandom().randint(1, 99999)
    total, good = Total(), True
    for k in range(a.seeds):
        if a.mixed:
            a.tls, a.etcd = k % 2 == 0, k % 4 < 2
        good = one_seed(a, first + k, total) and good
    print(total.text())
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
