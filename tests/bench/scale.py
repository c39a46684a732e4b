#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How a cluster grows: starts N nodes at once on this machine, with the defaults of a
configuration, and measures them. Prints a table (or with --save puts it into SCALE.md).

usage: scale.py BUILD_FOLDER [-n RUNS] [--idle SECONDS] [--only N,...] [--erlang] [N ...]

The nodes run in a network namespace of their own where that is possible (root): then the kernel
counts the connections. Processor time is the scheduler's own sum over all threads, so that other
processes of the machine spoil the wall times alone.
"""
import argparse, ctypes, os, re, resource, signal, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
POINTS = [8, 32, 64, 128, 255]
LINE = re.compile(rb"SCALE (\d+) (\w+) (\d+)(?: (\S+))?\n")
CLONE_NEWNET = 0x40000000


class Late(Exception):
    pass


def own_network():
    """This process and its children get a network of their own; False: not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return False
    return subprocess.run(["ip", "link", "set", "lo", "up"]).returncode == 0


def accepted():
    """Connections that were accepted in this network."""
    head, values = [line.split() for line in open("/proc/net/snmp") if line.startswith("Tcp:")]
    return int(values[head.index("PassiveOpens")])


def cpu(pids):
    """Processor seconds of all threads that live."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    return total / 1e9


def wakeups(pids):
    """How often a thread of theirs went to sleep of its own will."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status") as f:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
    return total


def memory(pid):
    """Resident MiB, and those that are its own."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        text = f.read()
    kib = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
    return kib["Rss"] / 1024, (kib["Private_Dirty"] + kib["Private_Clean"]) / 1024


class Cluster:
    def __init__(self, build, nodes, tmp):
        self.build, self.nodes, self.tmp = build, nodes, tmp
        self.process, self.pipe, self.rest, self.said = {}, None, b"", []
        self.out, self.pipe = os.pipe()
        os.set_blocking(self.out, False)
        for i in range(1, nodes + 1):
            with open(f"{tmp}/n{i}.yaml", "w") as f:
                f.write(self.text(i))

    def text(self, i):
        lines = [f"node: {{ name: n{i}, harbor: {i} }}",
                 f'lua: {{ start: scale, args: "{i} {self.nodes}", '
                 f'service_path: ["{HERE}/curves/?.lua"] }}',
                 "cluster: { name: scale, listen: 127.0.0.1:0, master: [127.0.0.1:2013] }",
                 f'admin: {{ listen: "unix:{self.tmp}/n{i}.sock" }}']
        if i == 1:
            lines.append(f"master: {{ listen: 127.0.0.1:2013, state_dir: {self.tmp}/state }}")
        return "\n".join(lines) + "\n"

    def start(self, i):
        with open(f"{self.tmp}/n{i}.log", "ab") as log:
            self.process[i] = subprocess.Popen([f"{self.build}/harbord", f"{self.tmp}/n{i}.yaml"],
                                               stdout=self.pipe, stderr=log,
                                               stdin=subprocess.DEVNULL)

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
            self.said += [(int(a), b.decode(), int(c), (d or b"").decode())
                          for a, b, c, d in LINE.findall(whole + b"\n")]

    def wait(self, word, argument, who, since, limit):
        """Seconds from `since` (ns) until the last of these nodes has said this."""
        end, at = time.monotonic() + limit, {}
        seen = 0
        while set(at) != who:
            if time.monotonic() > end:
                missing = sorted(who - set(at))
                raise Late(f"{word} {argument}: {len(missing)} of {len(who)} nodes have not said "
                           f"so within {limit} s ({missing[:8]} ...)")
            time.sleep(0.05)
            self.read()
            for node, w, ns, arg in self.said[seen:]:
                if w == word and arg == argument and ns >= since and node in who:
                    at.setdefault(node, ns)
            seen = len(self.said)
        return (max(at.values()) - since) / 1e9

    def register(self, i, name):
        subprocess.run([f"{self.build}/harborctl", "--socket", f"{self.tmp}/n{i}.sock", "call",
                        ".scale", name], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def name_everywhere(self, i, name, number, limit):
        since = time.monotonic_ns()
        self.register(i, name)
        return self.wait("name", str(number), set(self.process), since, limit)


def measure(build, nodes, idle, limit, row):
    """Fills row with one run; what is missing at the end was not reached."""
    with tempfile.TemporaryDirectory() as tmp:
        c = Cluster(build, nodes, tmp)
        try:
            before, since = accepted(), time.monotonic_ns()
            for i in range(1, nodes + 1):
                c.start(i)
            everybody = set(c.process)
            row["started_s"] = c.wait("begun", "", everybody, since, limit)
            try:
                row["form_s"] = c.wait("formed", "", everybody, since, limit)
            finally:
                row["form_cpu_s"] = cpu(c.pids())
            links = nodes * (nodes - 1) / 2
            row["connects_per_link"] = (accepted() - before - nodes) / links
            time.sleep(3)
            sizes = [memory(pid) for pid in c.pids()]
            row["rss_mib"] = statistics.median(s[0] for s in sizes)
            row["own_mib"] = statistics.median(s[1] for s in sizes)
            row["descriptors"] = statistics.median(len(os.listdir(f"/proc/{pid}/fd"))
                                                   for pid in c.pids())
            cpu0, wake0, t0 = cpu(c.pids()), wakeups(c.pids()), time.monotonic()
            time.sleep(idle)
            cpu1, wake1, t1 = cpu(c.pids()), wakeups(c.pids()), time.monotonic()
            row["idle_cores"] = (cpu1 - cpu0) / (t1 - t0)
            row["wakeups_per_node_s"] = (wake1 - wake0) / (t1 - t0) / nodes
            row["name_s"] = c.name_everywhere(2, "NAME1", 1, 60)
            others = everybody - {nodes}
            since = time.monotonic_ns()
            c.process[nodes].kill()
            c.process.pop(nodes).wait()
            row["killed_known_s"] = c.wait("lost", str(nodes), others, since, 60)
            frozen = nodes - 1
            since = time.monotonic_ns()
            os.kill(c.process[frozen].pid, signal.SIGSTOP)
            row["frozen_known_s"] = c.wait("lost", str(frozen), others - {frozen}, since, 60)
            c.process[frozen].kill()
            c.process.pop(frozen).wait()
            c.process[1].kill()
            c.process[1].wait()
            c.start(1)
            since = time.monotonic_ns()
            c.wait("begun", "", {1}, since, 60)
            row["master_back_s"] = c.wait("found", "1", set(c.process) - {1}, since, 60)
            row["name_after_s"] = c.name_everywhere(1, "NAME2", 2, 60)
        except (Late, subprocess.SubprocessError) as e:
            sys.stderr.write(f"{nodes} nodes: {e}\n")
        finally:
            c.end()
            if os.environ.get("KEEP"):
                subprocess.run(["cp", "-r", tmp, os.environ["KEEP"]])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("points", nargs="*", type=int)
    ap.add_argument("-n", type=int, default=1)
    ap.add_argument("--idle", type=float, default=10)
    ap.add_argument("--limit", type=float, default=120)
    a = ap.parse_intermixed_args()
    if not own_network():
        sys.stderr.write("no network of its own: connections are those of all of this host\n")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for nodes in a.points or POINTS:
        for _ in range(a.n):
            row = {}
            measure(os.path.abspath(a.build), nodes, a.idle, a.limit, row)
            print(nodes, {k: round(v, 3) for k, v in row.items()}, flush=True)


if __name__ == "__main__":
    main()
