#!/usr/bin/python3
"""harborctl events and logs: what the nodes of a cluster remember, of one or of all by time, once
or for ever; and any command for all nodes at once."""
import json, os, re, signal, subprocess, threading, time
from harness import Cluster, eventually, main, up

HERE = os.path.dirname(os.path.abspath(__file__))


def three(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    c.b = c.node("b", 3)
    return c


def raw(entry, *args):
    """(status, stdout, stderr)"""
    p = subprocess.run([entry.cluster.build + "/harborctl", "--socket", entry.socket, *args],
                       capture_output=True, text=True, timeout=30)
    return p.returncode, p.stdout, p.stderr


def rows(entry, *args):
    status, out, err = raw(entry, "--json", *args)
    assert status == 0 and not err, (status, err)
    return [json.loads(line) for line in out.splitlines()]


class Follower:
    """harborctl ... -f; its rows as they come."""
    def __init__(self, entry, *args):
        self.rows = []
        self.p = subprocess.Popen([entry.cluster.build + "/harborctl", "--socket", entry.socket,
                                   "--json", *args, "-f"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.p.stdout:
            self.rows.append(json.loads(line))

    def has(self, **wanted):
        return [r for r in self.rows if all(r.get(k) == v for k, v in wanted.items())]

    def end(self):
        self.p.kill()
        self.reader.join()
        return self.p.communicate()[1]


def every_command_for_all_nodes(build):
    """--node '*': each node's answer under its name; a node that refuses, or is not there, leaves
    the others' answers alone"""
    with three(build) as c:
        up(c)
        status, out, err = raw(c.a, "--node", "*", "--json", "status")
        assert status == 0 and not err, (status, err)
        nodes = json.loads(out)["nodes"]
        assert {n["node"]: (n["harbor"], n["ok"], n["answer"]["node"]) for n in nodes} == {
            "m": (1, True, "m"), "a": (2, True, "a"), "b": (3, True, "b")}, nodes
        status, out, err = raw(c.b, "--node", "*", "log-level", "loud")
        assert status == 1 and not out and err.count("the levels are") == 3, (status, out, err)
        status, out, err = raw(c.b, "--node", "*", "status")
        assert status == 0 and re.search(r"^m:\n(.*\n)+\nb:\n", out, re.M), out
        c.a.kill()
        eventually("m knows that a is gone", lambda: [
            n for n in c.m.ctl("nodes")["nodes"] if n["name"] == "a" and n["state"] == "down"])
        status, out, err = raw(c.m, "--node", "*", "--json", "status")
        assert status == 3, (status, err)
        gone = [n for n in json.loads(out)["nodes"] if not n["ok"]]
        assert [n["node"] for n in gone] == ["a"] and "reached" in gone[0]["answer"]["error"], gone


def events_of_all_nodes(build):
    """events: joins, names, a death and a drain, of all nodes by time or of one, and as they
    come"""
    with three(build) as c:
        up(c)
        all_of_them = rows(c.b, "events")
        times = [e["time"] for e in all_of_them]
        assert times == sorted(times)
        kinds = {(e["node"], e["event"], e["peer"]) for e in all_of_them}
        assert {("m", "node_joined", "a"), ("m", "node_joined", "b"), ("a", "cluster_joined", ""),
                ("m", "node_ready", ""), ("b", "node_ready", "")} <= kinds, kinds
        assert {("a", "link_up", "b"), ("b", "link_up", "a")} <= kinds, kinds
        assert {e["node"] for e in rows(c.b, "--node", "a", "events")} == {"a"}
        assert len(rows(c.b, "--node", "a", "events", "--last", "2")) == 2
        f = Follower(c.m, "events")
        try:
            c.a.call(".probe", "name", "SHOP")
            eventually("the name at b", lambda: f.has(node="b", event="name_changed", peer="SHOP"))
            c.m.ctl("drain", "b")
            eventually("the drain", lambda: f.has(node="b", event="drain_begun"))
            eventually("its end", lambda: f.has(node="b", event="drain_ended"))
            c.m.ctl("drain", "b", "--undo")
            eventually("the undo", lambda: f.has(node="b", event="drain_undone"))
            c.a.kill()
            eventually("the death", lambda: f.has(node="m", event="node_lost", peer="a"))
            c.a.start().ready()
            eventually("its next life", lambda: f.has(node="a", event="node_ready"))
        finally:
            complaints = f.end()
        assert not complaints or re.fullmatch(r"(harborctl: node a \(harbor 2\): .*\n)+",
                                              complaints), complaints
        seen = [json.dumps(r) for r in f.rows]
        assert len(seen) == len(set(seen)), "an event came twice"
        status, out, err = raw(c.m, "events", "--last", "1")
        assert re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [mab] \w+: .+\n){3}", out), out


def logs_of_all_nodes(build):
    """logs: lines of all nodes with all that is known of them, in pages, and as they come"""
    with three(build) as c:
        up(c)
        for n in c.nodes:
            n.call(".probe", "say", "warning", "here is " + n.name)
        lines = eventually("all three", lambda: (lambda got: len(got) == 3 and got)(
            [r for r in rows(c.a, "logs") if r["message"].startswith("here is ")]))
        assert {(r["node"], r["message"][-1]) for r in lines} == {(x, x) for x in "mab"}
        r = lines[0]
        with open(HERE + "/main.lua") as f:
            place = 1 + f.read().split("skynet.log(level, text)")[0].count("\n")
        assert r["level"] == "warning" and r["service_name"] == "main" and r["line"] == place, r
        assert r["file"].endswith("history/main.lua") and r["function"] == "say" and r["session"], r
        times = [x["time"] for x in rows(c.a, "logs")]
        assert times == sorted(times)
        # more than one answer may hold
        c.b.call(".probe", "many", "1500", "200")
        got = eventually("the flood", lambda: (lambda got: len(got) == 1500 and got)(
            [x for x in rows(c.a, "--node", "b", "logs") if x["message"].startswith("flood ")]))
        assert [int(x["message"].split()[1]) for x in got] == list(range(1, 1501))
        f = Follower(c.m, "logs")
        try:
            for i in range(20):
                c.a.call(".probe", "say", "info", f"step {i}")
                c.b.call(".probe", "say", "error", f"step {i}")
            eventually("all of them", lambda: len(
                [r for r in f.rows if r["message"].startswith("step ")]) == 40)
        finally:
            complaints = f.end()
        assert not complaints, complaints
        assert len([r for r in f.rows if r["message"].startswith("step ")]) == 40
        status, out, err = raw(c.a, "--node", "b", "logs", "--last", "1")
        assert re.fullmatch(r"\S+ [\d:.]+ b error   \[:03[0-9a-f]{6} main\] step 19\n", out), out


def questions_that_are_wrong(build):
    """words that nobody understands are refused where they are read, by harborctl and by a node"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        status, out, err = raw(n, "events", "--since", "soon")
        assert status == 2 and "--since takes a time, 90s, 10m" in err and ": soon" in err, err
        for words in (["--since"], ["--last"], ["--last", "-1"], ["now"]):
            status, out, err = raw(n, "events", *words)
            assert status == 2 and "not understood" in err and not out, (words, status, err)
        assert [r for r in rows(n, "events") if r["event"] == "node_ready"]
        assert rows(n, "events", "--since", "1h") == rows(n, "events")
        assert rows(n, "events", "--since", "0s") == []


main([every_command_for_all_nodes, events_of_all_nodes, logs_of_all_nodes,
      questions_that_are_wrong])
