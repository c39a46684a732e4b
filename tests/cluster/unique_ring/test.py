#!/usr/bin/python3
"""Unique services that need each other while they start: the log names the ring, harborctl shows
who waits for whom."""
import os, re
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def rings(node):
    with open(node.log, errors="replace") as f:
        return [line for line in f if "wait for each other" in line]


def waiting(node):
    return {(r["service"].split()[1], r["waits_for"]): r
            for r in node.ctl("list", "--waiting")["waiting"]}


def a_ring_is_named(build):
    """three services wait in a ring: one warning names it, `list --waiting` shows all who wait"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        assert n.ctl("list", "--waiting") == {"waiting": []}
        n.call(".probe", "want", "hen", "hen")
        eventually("the ring", lambda: rings(n))
        n.call(".probe", "want", "again", "egg")
        rows = eventually("all who wait", lambda: len(waiting(n)) == 5 and waiting(n))
        assert set(rows) == {("main", "hen"), ("hen", "egg"), ("egg", "nest"), ("nest", "hen"),
                             ("main", "egg")}, rows
        assert rows["main", "hen"]["starts_as"] == rows["hen", "egg"]["handle"]
        # a second look at the same ring, which the new wait brings, says nothing
        eventually("that look", lambda: rows["main", "egg"]
                   and waiting(n)["main", "egg"]["waiting_seconds"] >= 2)
        assert len(rings(n)) == 1, rings(n)
        ring = re.search(r"for ever: (\w+) \(:\w+\) waits for (\w+) \(:\w+\) waits for (\w+) "
                         r"\(:\w+\) waits for (\w+)\n", rings(n)[0])
        assert set(ring.groups()) == {"hen", "egg",
                                      "nest"} and ring.group(1) == ring.group(4), rings(n)
        assert "warning" in rings(n)[0]


def no_ring_without_need(build):
    """a service whose start function does not wait for the others is no ring, and all come up"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        n.call(".probe", "want", "hen", "hen", "aside")
        eventually("it has come up", lambda: n.call(".probe", "got", "hen") == [True, True])
        eventually("all have", lambda: n.ctl("list", "--waiting") == {"waiting": []})
        assert not rings(n), rings(n)


def over_nodes(build):
    """waits for services of the whole cluster are shown on both nodes"""
    with Cluster(build, HERE) as c:
        m, a = c.node("m", 1, master=True).ready(), c.node("a", 2).ready()
        a.call(".probe", "want", "x", "global", "global_hen")
        eventually("a tells", lambda: ("main", "@global_hen") in waiting(a))
        eventually("the ring", lambda: rings(m))
        assert "@global_hen" in rings(m)[0]


main([a_ring_is_named, no_ring_without_need, over_nodes])
