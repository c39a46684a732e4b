#!/usr/bin/python3
"""harborctl trace --next and --last: a request as one tree over all nodes that it came to, with
what each hop took."""
import os, re, subprocess, threading, time
from harness import Cluster, eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))


def two(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, start_now=False, master=True, args="M")
    c.b = c.node("b", 2, start_now=False, args="B")
    for n in c.nodes:
        n.start()
    for n in c.nodes:
        n.ready()
    eventually("the link is up", lambda: c.m.call("BSHOP", "echo", "x") == ["x"])
    c.shop = {n: n.ctl("why", ".shop")["handle"] for n in c.nodes}
    return c


def begin(node, *args):
    threading.Thread(target=lambda: subprocess.run(
        [node.cluster.build + "/harborctl", "--socket", node.socket, "call", *args],
        capture_output=True), daemon=True).start()


def traced(node, who, call, n=1, entry=None):
    """The trees of the next n calls; they are made until the answer is there."""
    result = []
    t = threading.Thread(target=lambda: result.append(
        (entry or node).ctl("trace", who, "--next", str(n), limit=20)["traces"]))
    t.start()
    while t.is_alive():
        call()
    return result[0]


def last(node, who, n, entry=None):
    return (entry or node).ctl("trace", who, "--last", str(n))["traces"]


def over_nodes(build):
    """a request that goes to another node and back, in order, with the time of each; the sums are
    those of the parts; nothing is logged; asked anywhere"""
    with two(build) as c:
        kid = c.b.call(".shop", "child")[0]
        t, = traced(c.m, ".shop", lambda: c.m.call(".shop", "twice", c.shop[c.b], kid))
        assert t["done"] and t["spans"] == 5, t
        parts = t["own_seconds"] + t["called_seconds"] + t["slept_seconds"]
        assert abs(parts - t["duration_seconds"]) < 0.002, t
        assert t["duration_seconds"] > 0.125 and t["slept_seconds"] > 0.025, t
        assert t["called_seconds"] > 0.095, t
        lines = t["tree"].splitlines()
        assert lines[0].startswith(c.shop[c.m] + " main M twice served: "), t["tree"]
        assert t["command"] == "twice", t
        calls = [re.match(r"( *)call (\w+) to (:\w+)", x) for x in lines]
        assert [(len(m[1]), m[2]) for m in calls if m] == \
            [(2, "work"), (2, "nap"), (2, "ask"), (6, "work")], t["tree"]
        works = re.findall(r"work served: ([\d.]+)ms, own ([\d.]+)ms", t["tree"])
        assert len(works) == 2 and float(works[0][1]) >= 20 and float(works[1][1]) >= 30, t["tree"]
        assert "of that on the way" in t["tree"], t["tree"]
        assert not c.m.logged("<TRACE") and not c.b.logged("<TRACE")
        assert last(c.m, "MSHOP", 1, entry=c.b) == [t]
        assert c.b.ctl("--node", "m", "trace", ".shop", "--last", "1")["traces"] == [t]
        far = traced(c.b, "BSHOP", lambda: c.b.call(".shop", "ask", c.shop[c.m], "echo", "x"),
                     entry=c.m)
        assert far[0]["spans"] == 2 and far[0]["done"], far


def several_failing_and_unfinished(build):
    """the next three are three trees; an error is a failed span; a request that waits is shown as
    it stands; who waits in vain is told what to do"""
    with two(build) as c:
        three = traced(c.m, ".shop", lambda: c.m.call(".shop", "echo", "x"), n=3)
        assert len(three) == 3 and all(t["done"] and t["spans"] == 1 for t in three), three
        assert len({t["trace"] for t in three}) == 3
        t, = traced(c.m, ".shop", lambda: c.m.call(".shop", "try", c.shop[c.b], "fails"))
        assert "fails failed: " in t["tree"], t["tree"]
        def hang():
            begin(c.m, ".shop", "ask", c.shop[c.b], "hang")
            time.sleep(0.3)
        t, = traced(c.m, ".shop", hang)
        assert not t["done"] and "is still at it" in t["tree"] and "hang" in t["tree"], t
        try:
            c.b.ctl("trace", ".shop", "--next")
            raise AssertionError("nobody came")
        except Failed as e:
            assert "no request has come yet" in str(e), e
        for words in (("--next", "0"), ("--next", "21"), ("--last", "x")):
            try:
                c.b.ctl("trace", ".shop", *words)
                raise AssertionError(words)
            except Failed as e:
                assert "1 to 20 requests" in str(e), e


def logged_traces_too(build):
    """requests of a protocol that is traced into the log are trees as well, and their lines are
    those that they were"""
    with two(build) as c:
        c.m.ctl("trace", ".shop", "on")
        c.m.call(".shop", "ask", c.shop[c.b], "echo", "x")
        t = last(c.m, ".shop", 1)[0]
        assert t["spans"] == 2 and not t["trace"].startswith("~"), t
        eventually("logged", lambda: c.m.logged(f"<TRACE {t['trace']}> "))
        with open(c.m.log) as f:
            events = re.findall(rf"<TRACE {t['trace']}> \d+ (\w+)", f.read())
        assert events == ["request", "call", "resume", "response", "end"], events


main([over_nodes, several_failing_and_unfinished, logged_traces_too])
