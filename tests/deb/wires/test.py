"""The chapters of deploy/README.md about faults: each fault is made between three clean Debian
hosts, the chapter's commands are typed while it is there, and what the chapter promises is looked
for."""
import os, re, runpy, shutil, subprocess, time
from boxes import BOX, eventually, main
from harness import Failed
import packages as p

HERE = os.path.dirname(os.path.abspath(__file__))

RUNBOOK = runpy.run_path(p.ROOT + "/tests/deb/runbook/test.py", run_name="runbook")
PART = RUNBOOK["FAULTS"]
NODES = {"master": "a", "gate1": "a", "gate2": "b", "map1": "b", "map2": "c"}
WIRES = {"a": 1, "b": 2, "c": 3}
DEAD = 5.0 # dead_after of a node that says nothing of it
CUT = """table inet cut {{
	chain input {{
		type filter hook input priority -10; policy accept;
		ip saddr {{ {} }} drop
	}}
}}
"""


def scripts(chapter):
    """The commands of a chapter of the part about faults."""
    with open(p.ROOT + "/deploy/README.md", encoding="utf-8") as f:
        part = re.search(rf"^## {PART}$(.*?)^## ", f.read(), re.M | re.S)[1]
    text = re.search(rf"^### {chapter}$(.*?)(?:^### |\Z)", part, re.M | re.S)[1]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def chapters():
    with open(p.ROOT + "/deploy/README.md", encoding="utf-8") as f:
        part = re.search(rf"^## {PART}$(.*?)^## ", f.read(), re.M | re.S)[1]
    return re.findall(r"^### (.*)$", part, re.M)


class Relay:
    """Lines between two hosts that are slow and lose packets, both ways (tests/chaos/relay.c)."""

    def __init__(self, town):
        self.net = town.network
        words = [f"{i}={self.net.name(i)}" for i in WIRES.values()]
        self.process = subprocess.Popen([town.build + "/tests/chaos/relay", "1", *words], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"
        for i in WIRES.values():
            for card in ("all", "relay"):
                self.inside(i, "sysctl", "-qw", f"net.ipv4.conf.{card}.rp_filter=0")
            self.net.ip("-n", self.net.name(i), "link", "set", "relay", "up")

    def inside(self, i, *words):
        subprocess.run(["ip", "netns", "exec", self.net.name(i), *words], check=True,
                       capture_output=True)

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def line(self, i, k, delay_ms, lost):
        """lost: of a thousand packets."""
        for source, target in ((i, k), (k, i)):
            assert self.ask(f"path {source} {target} {delay_ms * 1000} 0 {lost} 0 0 0") == "ok"
            self.net.ip("-n", self.net.name(source), "route", "replace",
                        self.net.address(target) + "/32", "dev", "relay", "src",
                        self.net.address(source))

    def end(self):
        """Returns packets, and how many of them were lost."""
        counts = [int(word) for word in self.ask("counts").split()]
        self.process.stdin.close()
        self.process.wait(10) # its devices go with it, and so do the routes
        return counts[:2]


class Wires(RUNBOOK["Town"]):
    """The town of the runbook as a cluster whose nodes call each other all the time."""

    def boot(self, i, name):
        for file in ("main", "map"):
            shutil.copy(f"{HERE}/main.lua", f"{self.lua}/{file}.lua")
        shutil.copy(f"{HERE}/keeper.lua", self.lua)
        return super().boot(i, name)

    def begin(self):
        for words in (["key", "new", self.work + "/arena.key"],
                      ["fleet", "roll", self.work + "/fleet.yaml", "--deb",
                       self.work + "/harbord.deb"]):
            self.run(" ".join(words[:2]), "harborctl " + " ".join(words))
        self.whole()
        for node in NODES:
            self.open(node)
        for node in NODES:
            self.drive_from(node)

    def open(self, node):
        """The node's global name."""
        assert self.call(node, "open", "AT_" + node.upper())[0]

    def drive_from(self, node):
        """It calls all others."""
        for other in NODES:
            if other != node:
                self.call(node, "drive", "AT_" + other.upper())

    def call(self, node, *words, limit=20):
        return self.hosts[NODES[node]].ctl(node, "call", ".main", *words, limit=limit)["values"]

    def rows(self, node):
        """What a node says of the others."""
        return [r for r in self.hosts[NODES[node]].ctl(node, "nodes")["nodes"]
                if r["name"] != node]

    def states(self, node):
        return {r["name"]: r["state"] for r in self.rows(node)}

    def losses(self):
        return {n: sum(r["messages_lost"] + r["messages_dropped"] for r in self.rows(n))
                for n in NODES}

    def whole(self, seconds=30):
        for node in NODES:
            eventually(f"{node} has links to all", lambda n=node: set(
                self.states(n).values()) == {"up"} and len(self.states(n)) == 4, seconds)

    def count(self):
        """All begin to count anew."""
        self.before = self.losses()
        for node in NODES:
            for other in NODES:
                if other != node:
                    self.call(node, "count", "AT_" + other.upper())

    def counted(self, node, other):
        good, failed, longest, last = self.call(node, "counted", "AT_" + other.upper())
        return {"good": good, "failed": failed, "longest": longest / 100, "last": last}

    def go_on(self, pairs):
        """The calls of these pairs succeed."""
        for node, other in pairs:
            before = self.counted(node, other)["good"]
            eventually(f"{node} reaches {other}",
                       lambda: self.counted(node, other)["good"] > before + 5, 30)

    def type(self, chapter):
        """Types the chapter's commands. Returns what each block says."""
        return [self.run(chapter, s) for s in scripts(chapter)]

    def type_blocks(self, chapter, begin, end):
        return "".join(self.run(chapter, s) for s in scripts(chapter)[begin:end])

    def cut(self, host, *others):
        """Nothing that comes from the others arrives at the host."""
        text = CUT.format(", ".join(self.network.address(WIRES[o]) for o in others))
        subprocess.run(["ip", "netns", "exec", self.network.name(WIRES[host]), "nft", "-f", "-"],
                       input=text, text=True, check=True)

    def mend(self, host):
        subprocess.run(["ip", "netns", "exec", self.network.name(WIRES[host]), "nft", "delete",
                        "table", "inet", "cut"], check=True)

    def incarnations(self):
        return {r["name"]: r["incarnation"]
                for r in self.hosts["a"].ctl("master", "nodes")["nodes"]}


def pairs(of, to):
    """Nodes of some hosts, with nodes of others."""
    return [(n, o) for n, h in NODES.items() for o, g in NODES.items() if h in of and g in to
            and n != o]


def since(began):
    return time.monotonic() - began


def failed(t, which):
    return {(n, o): t.counted(n, o) for n, o in which if t.counted(n, o)["failed"]}


def healthy(t, node):
    return t.hosts[NODES[node]].run("harborctl", "--node", node, "status",
                                    ok=(0, 4)).returncode == 0


def a_dead_host(t):
    t.count()
    was, began = t.incarnations(), time.monotonic()
    t.hosts["c"].crash()
    eventually("map2 is down", lambda: t.states("gate1")["map2"] == "down", 30)
    print(f"# known after {since(began):.1f} s")
    eventually("its name is free", lambda: "no such name" in t.counted("gate2", "map2")["last"], 40)
    nodes, told = t.type("A host is dead")
    assert re.search(r"map2 .* down ", nodes), nodes
    assert "node_lost" in told and "map2" in told and re.search(r"healthy +yes", told), told
    assert not failed(t, pairs("ab", "ab")), failed(t, pairs("ab", "ab"))
    assert t.call("gate2", "keeper")[0], "what is unique is there"
    began = time.monotonic()
    t.hosts["c"].up()
    t.whole(60)
    print(f"# {since(began):.1f} s from its boot until its node is linked to all")
    now = t.incarnations()
    assert {n for n in was if was[n] != now[n]} == {"map2"}
    t.open("map2")
    t.drive_from("map2")


def a_cut_off_host(t):
    t.count()
    was = t.incarnations()
    t.network.cable(2, False)
    eventually("b is down for a", lambda: [t.states("gate1")[n] for n in ("gate2", "map1")]
               == ["down"] * 2, 30)
    eventually("a and c are out of b's reach", lambda: sorted(t.states("gate2").values())
               == ["unreachable"] * 3 + ["up"], 30)
    said = t.type_blocks("A host is cut off", 0, 1)
    assert re.search(r"healthy +no", said) and "master lost" in said, said
    assert said.count("unreachable") >= 3 and len(re.findall(r" down ", said)) >= 2, said
    assert t.counted("gate2", "master")["last"].endswith("link lost"), t.counted("gate2", "master")
    t.go_on(pairs("b", "b") + pairs("ac", "ac"))
    assert not failed(t, pairs("b", "b") + pairs("ac", "ac"))
    began = time.monotonic()
    t.network.cable(2, True)
    t.whole(60)
    print(f"# {since(began):.1f} s from the plug until all are linked")
    assert t.incarnations() == was
    t.go_on(pairs("abc", "abc"))
    t.network.cable(2, False)
    eventually("b is down for a", lambda: t.states("gate1")["gate2"] == "down", 30)
    t.type_blocks("A host is cut off", 1, 2)
    t.network.cable(2, True)
    t.whole(90)
    now = t.incarnations()
    assert {n for n in was if was[n] != now[n]} == {"gate2", "map1"}
    for node in ("gate2", "map1"):
        t.open(node)
        t.drive_from(node)


def one_direction(t):
    t.count()
    was = t.incarnations()
    t.cut("b", "a")
    eventually("a's nodes are out of b's reach", lambda: [
        t.states("gate2")[n] for n in ("master", "gate1")] == ["unreachable"] * 2, 60)
    eventually("and b's of a's", lambda: [
        t.states("gate1")[n] for n in ("gate2", "map1")] == ["unreachable"] * 2, 60)
    time.sleep(2 * DEAD) # that nobody dies has no end that could be waited for
    said = t.type("Bytes pass in one direction only")
    assert "SYN-SENT" in said[1].upper() or ":2526" in said[1] or ":2013" in said[1], said[1]
    assert "saddr 10.77.0.1 drop" in said[1], said[1]
    assert set(t.states("map2").values()) == {"up"}, t.states("map2")
    for node, other in pairs("a", "b") + pairs("b", "a"):
        assert t.counted(node, other)["last"].endswith("link lost"), t.counted(node, other)
    t.go_on(pairs("c", "ab") + pairs("ab", "c") + pairs("a", "a") + pairs("b", "b"))
    assert not failed(t, pairs("c", "ab") + pairs("ab", "c")), failed(t, pairs("abc", "abc"))
    t.mend("b")
    t.whole(60)
    assert t.incarnations() == was
    t.go_on(pairs("abc", "abc"))


def a_wire_that_flaps(t):
    t.count()
    was = t.incarnations()
    for _ in range(int(os.environ.get("FLAPS", "5"))):
        for plugged in (False, True):
            t.network.cable(2, plugged)
            time.sleep(2) # it is the fault
    nodes = t.type("A wire that comes and goes")[0]
    assert not re.search("down|unreachable", nodes), nodes
    t.whole(30)
    assert not failed(t, pairs("abc", "abc")), failed(t, pairs("abc", "abc"))
    print("# longest call:", max(t.counted(n, o)["longest"] for n, o in pairs("abc", "abc")))
    assert t.incarnations() == was
    assert t.losses() == t.before, (t.before, t.losses())


def a_slow_line(t):
    relay = Relay(t)
    try:
        relay.line(WIRES["b"], WIRES["a"], 50, 10)
        relay.line(WIRES["b"], WIRES["c"], 50, 10)
        t.count()
        for node, other in pairs("b", "ac") + pairs("ac", "b"):
            eventually("calls come and go", lambda n=node, o=other: t.counted(n, o)["good"] > 60,
                       60)
        eventually("it is seen which line it is", lambda: all(
            (r["rtt_seconds"] or 0) > 0.09 for r in t.rows("gate2")
            if NODES[r["name"]] != "b"), 30)
        t.type("A slow line")
        fast = [r for r in t.rows("map2") if NODES[r["name"]] == "a"]
        assert all((r["rtt_seconds"] or 0) < 0.05 for r in fast), fast
        assert not failed(t, pairs("abc", "abc")), failed(t, pairs("abc", "abc"))
        print("# longest call:", max(t.counted(n, o)["longest"] for n, o in pairs("b", "ac")))
        assert t.counted("gate2", "master")["longest"] >= 0.1
    finally:
        packets, lost = relay.end()
    print(f"# {packets} packets, {lost} lost")
    assert lost > packets // 300, (packets, lost)
    t.whole()
    assert t.losses() == t.before, (t.before, t.losses())


# Each leaves the town as it found it.
CHAPTERS = {
    "A host is dead": a_dead_host,
    "A host is cut off": a_cut_off_host,
    "Bytes pass in one direction only": one_direction,
    "A wire that comes and goes": a_wire_that_flaps,
    "A slow line": a_slow_line,
}
town = []


def test_of(chapter, f):
    def test(build):
        if not town:
            assert chapters() == list(CHAPTERS), "a chapter without a test, or one too many"
            town.append(Wires(build).__enter__())
            town[0].begin()
        f(town[0])
    test.__name__, test.__doc__ = f.__name__, f"runbook: {chapter}"
    return test


try:
    main([test_of(c, f) for c, f in CHAPTERS.items()])
finally:
    for t in town:
        t.__exit__(None)
