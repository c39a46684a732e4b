#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How a cluster grows: starts N nodes at once on this machine, with the defaults of a
configuration, and measures them. Prints a table; with --save also puts it into SCALE.md.

usage: scale.py BUILD_FOLDER [-n RUNS] [--idle SECONDS] [--erlang] [--key] [--save] [N ...]

The nodes run in a network namespace of their own where that is possible (root): then the kernel
counts the connections. Processor time is the scheduler's own sum over all threads, so that other
processes of the machine spoil the wall times alone. --erlang: the same number of Erlang nodes as
well, with the defaults of its distribution (which has no master; it calls a node dead after 45 to
75 s of silence). --key: the links of ours are encrypted.
"""
import argparse, collections, ctypes, datetime, os, re, resource, signal, statistics, subprocess, \
    sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
POINTS = [8, 32, 64, 128, 255]
LINE = re.compile(rb"SCALE (\d+) (\w+) (\d+) ?(\S+)?\n")
CLONE_NEWNET = 0x40000000
BEGIN, END = "<!-- scale.py: begin -->\n", "<!-- scale.py: end -->\n"
# what is measured, as measure() calls it, and as the table does
ROWS = {
    "form_s": "all links are up, after", "form_cpu_s": "processor time until then",
    "connects": "connections a link", "rss_mib": "memory a node, resident",
    "own_mib": "of it its own", "descriptors": "descriptors a node",
    "idle_cores": "idle, all together", "naps": "idle, wake-ups a node",
    "name_s": "a name is known everywhere, after", "killed_s": "a killed node is, after",
    "frozen_s": "a frozen node that nobody calls is, after",
    "master_s": "the master's node was killed: new links to it are up everywhere, after",
    "name_after_s": "a name that it registers then is known everywhere, after",
}
UNITS = {"s": "s", "mib": "MiB", "cores": "cores", "naps": "/s"}


class Late(Exception):
    pass


def own_network():
    """This process and its children get a network of their own; False: not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return False
    return subprocess.run(["ip", "link", "set", "lo", "up"]).returncode == 0


def accepted():
    """Connections that were accepted in this network."""
    with open("/proc/net/snmp") as f:
        head, values = [line.split() for line in f if line.startswith("Tcp:")]
    return int(values[head.index("PassiveOpens")])


def tasks(pids, file):
    """The text of this file of each thread."""
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/{file}") as f:
                yield f.read()


def cpu(pids):
    """Processor seconds of all threads that live."""
    return sum(int(text.split()[0]) for text in tasks(pids, "schedstat")) / 1e9


def naps(pids):
    """How often a thread of theirs went to sleep of its own will."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
               for text in tasks(pids, "status"))


def memory(pid):
    """Resident MiB, and those that are its own."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        kib = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}
    return kib["Rss"] / 1024, (kib["Private_Dirty"] + kib["Private_Clean"]) / 1024


class Cluster:
    """Nodes of ours. They say what they see on one pipe, see curves/scale.lua."""
    has_master, detection, key = True, 60, False

    def __init__(self, build, nodes, tmp):
        self.build, self.nodes, self.tmp = build, nodes, tmp
        self.process, self.rest, self.said = {}, b"", []
        self.out, self.pipe = os.pipe()
        os.set_blocking(self.out, False)
        self.prepare()

    def prepare(self):
        if self.key:
            subprocess.run([f"{self.build}/harborctl", "key", "new", f"{self.tmp}/key"], check=True,
                           stdout=subprocess.DEVNULL)
        for i in range(1, self.nodes + 1):
            with open(f"{self.tmp}/n{i}.yaml", "w") as f:
                f.write(self.text(i))

    def text(self, i):
        lines = [f"node: {{ name: n{i}, harbor: {i} }}",
                 f'lua: {{ start: scale, args: "{i} {self.nodes}", '
                 f'service_path: ["{HERE}/curves/?.lua"] }}',
                 "cluster: { name: scale, listen: 127.0.0.1:0, master: [127.0.0.1:2013]" +
                 (f", key_file: {self.tmp}/key" if self.key else "") + " }",
                 f'admin: {{ listen: "unix:{self.tmp}/n{i}.sock" }}']
        if i == 1:
            lines.append(f"master: {{ listen: 127.0.0.1:2013, state_dir: {self.tmp}/state }}")
        return "\n".join(lines) + "\n"

    def command(self, i):
        return [f"{self.build}/harbord", f"{self.tmp}/n{i}.yaml"]

    def start(self, i):
        with open(f"{self.tmp}/n{i}.log", "ab") as log:
            self.process[i] = subprocess.Popen(self.command(i), stdin=subprocess.PIPE,
                                               stdout=self.pipe, stderr=log)

    def kill(self, i):
        self.process[i].kill()
        self.process.pop(i).wait()

    def pids(self):
        return [p.pid for p in self.process.values()]

    def end(self):
        for p in self.process.values():
            p.kill()
        for p in self.process.values():
            p.wait()
        os.close(self.out)
        os.close(self.pipe)

    def read(self):
        """Appends what the nodes have said since to said: (node, word, ns, argument)."""
        while True:
            try:
                data = os.read(self.out, 1 << 20)
            except BlockingIOError:
                return
            whole, _, self.rest = (self.rest + data).rpartition(b"\n")
            self.said += [(int(a), b.decode(), int(c) or time.monotonic_ns(), (d or b"").decode())
                          for a, b, c, d in LINE.findall(whole + b"\n")]

    def wait(self, word, argument, who, since, limit):
        """Returns the seconds from `since` (ns) until the last of these nodes has said this."""
        end, at, seen = time.monotonic() + limit, {}, 0
        while set(at) != who:
            if time.monotonic() > end:
                missing = sorted(who - set(at))
                raise Late(f"{word} {argument}: {len(missing)} of {len(who)} nodes have not said "
                           f"so within {limit:.0f} s ({missing[:8]} ...)")
            time.sleep(0.02)
            self.read()
            for node, w, ns, arg in self.said[seen:]:
                if w == word and arg == argument and ns >= since and node in who:
                    at.setdefault(node, ns)
            seen = len(self.said)
        return (max(at.values()) - since) / 1e9

    def register(self, i, name):
        subprocess.run([f"{self.build}/harborctl", "--socket", f"{self.tmp}/n{i}.sock", "call",
                        ".scale", name], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def name_everywhere(self, i, number):
        since = time.monotonic_ns()
        self.register(i, f"NAME{number}")
        return self.wait("name", str(number), set(self.process), since, 60)


class Erlang(Cluster):
    """Nodes of Erlang, see curves/scale_erl.erl."""
    has_master, detection = False, 120

    def prepare(self):
        subprocess.run(["erlc", "-o", self.tmp, f"{HERE}/curves/scale_erl.erl"], check=True)
        subprocess.run(["epmd", "-daemon"], check=True)

    def command(self, i):
        return ["erl", "-name", f"n{i}@127.0.0.1", "-setcookie", "scale", "-noshell", "-pa",
                self.tmp, "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-s", "scale_erl",
                "main", str(i), str(self.nodes)]

    def tell(self, i, text):
        self.process[i].stdin.write(text.encode() + b"\n")
        self.process[i].stdin.flush()

    def register(self, i, name):
        self.tell(i, f"register {name}")
        for k in self.process:
            self.tell(k, f"learn {name}")

    def end(self):
        super().end()
        subprocess.run(["epmd", "-kill"], stdout=subprocess.DEVNULL)


def look(c, row, idle):
    """What the cluster costs while nothing happens."""
    sizes = [memory(pid) for pid in c.pids()]
    row["rss_mib"] = statistics.median(s[0] for s in sizes)
    row["own_mib"] = statistics.median(s[1] for s in sizes)
    row["descriptors"] = statistics.median(len(os.listdir(f"/proc/{pid}/fd")) for pid in c.pids())
    cpu0, naps0, t0 = cpu(c.pids()), naps(c.pids()), time.monotonic()
    time.sleep(idle)
    cpu1, naps1, t1 = cpu(c.pids()), naps(c.pids()), time.monotonic()
    row["idle_cores"] = (cpu1 - cpu0) / (t1 - t0)
    row["naps"] = (naps1 - naps0) / (t1 - t0) / c.nodes


def lose_nodes(c, row):
    last, others = c.nodes, set(c.process) - {c.nodes}
    since = time.monotonic_ns()
    c.kill(last)
    row["killed_s"] = c.wait("lost", str(last), others, since, 60)
    since = time.monotonic_ns()
    os.kill(c.process[last - 1].pid, signal.SIGSTOP)
    row["frozen_s"] = c.wait("lost", str(last - 1), others - {last - 1}, since, c.detection)
    c.kill(last - 1)


def lose_master(c, row):
    c.kill(1)
    since = time.monotonic_ns()
    c.start(1)
    row["master_s"] = c.wait("found", "1", set(c.process) - {1}, since, 60)
    row["name_after_s"] = c.name_everywhere(1, 2)


def measure(kind, build, nodes, idle, limit, row):
    """Fills row with one run; what is missing at the end was not reached."""
    with tempfile.TemporaryDirectory() as tmp:
        c = kind(build, nodes, tmp)
        try:
            before, since = accepted(), time.monotonic_ns()
            for i in range(1, nodes + 1):
                c.start(i)
            row["form_s"] = c.wait("formed", "", set(c.process), since, limit)
            row["form_cpu_s"] = cpu(c.pids())
            if c.has_master: # Erlang's port mapper is asked for each connection
                row["connects"] = (accepted() - before - nodes) / (nodes * (nodes - 1) // 2)
            time.sleep(3)
            look(c, row, idle)
            row["name_s"] = c.name_everywhere(2, 1)
            lose_nodes(c, row)
            if c.has_master:
                lose_master(c, row)
        except (Late, subprocess.SubprocessError, OSError) as e:
            sys.stderr.write(f"{kind.__name__} {nodes}: {e}\n")
        finally:
            c.end()
            if os.environ.get("KEEP"):
                subprocess.run(["cp", "-r", tmp, os.environ["KEEP"]])


def cell(key, values):
    if not values:
        return "-"
    v = statistics.median(values)
    text = f"{v:.0f}" if v >= 100 else f"{v:.3g}"
    return f"{text} {UNITS.get(key.split('_')[-1], '')}".rstrip()


def table(seen, kinds, points):
    lines = ["| nodes | " + " | ".join(str(p) for p in points) + " |",
             "| --- |" + " ---: |" * len(points)]
    for kind in kinds:
        for key, label in ROWS.items():
            cells = [cell(key, seen[kind, p][key]) for p in points]
            if set(cells) != {"-"}:
                who = "" if kind == "Cluster" else "Erlang: "
                lines.append(f"| {who}{label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def save(text):
    with open(f"{HERE}/SCALE.md") as f:
        whole = f.read()
    head, rest = whole.split(BEGIN)
    with open(f"{HERE}/SCALE.md", "w") as f:
        f.write(head + BEGIN + text + END + rest.split(END)[1])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("points", nargs="*", type=int)
    ap.add_argument("-n", type=int, default=1)
    ap.add_argument("--idle", type=float, default=20)
    ap.add_argument("--limit", type=float, default=180)
    ap.add_argument("--erlang", action="store_true")
    ap.add_argument("--key", action="store_true")
    ap.add_argument("--save", action="store_true")
    a = ap.parse_intermixed_args()
    Cluster.key = a.key
    if not own_network():
        sys.stderr.write("no network of its own: connections are those of all of this host\n")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    points = a.points or POINTS
    kinds = [Cluster, Erlang] if a.erlang else [Cluster]
    seen = collections.defaultdict(lambda: collections.defaultdict(list))
    for _ in range(a.n):
        for nodes in points:
            for kind in kinds:
                row = {}
                measure(kind, os.path.abspath(a.build), nodes, a.idle, a.limit, row)
                for key, value in row.items():
                    seen[kind.__name__, nodes][key].append(value)
                sys.stderr.write(f"{kind.__name__} {nodes}: "
                                 f"{ {k: round(v, 3) for k, v in row.items()} }\n")
    load = os.getloadavg()[2]
    text = f"{datetime.date.today()}, {os.cpu_count()} cores, medians of {a.n}; load of the " \
           f"machine in the last quarter of an hour: {load:.1f}\n\n" + \
           table(seen, [k.__name__ for k in kinds], points)
    print(text, end="")
    if a.save:
        save(text)


if __name__ == "__main__":
    main()
