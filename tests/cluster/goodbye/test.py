#!/usr/bin/python3
"""What others see of a node that ends in order, and of one that dies."""
import os
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def state(of, node):
    return next((n["state"] for n in of.ctl("nodes")["nodes"] if n["name"] == node), None)


def leave(build, end, seen, master_line, node_line, level):
    with Cluster(build, HERE) as c:
        m, a, b = c.node("m", 1, master=True), c.node("a", 2), c.node("b", 3, args="HELD")
        for n in (m, a, b):
            n.ready()
        for n in (m, a):
            eventually("all links are up", lambda: state(n, "b") == "up")
        with open(b.log, errors="replace") as f:
            lived = len(f.read())
        end(b)
        for n in (m, a):
            eventually(f"b is {seen}", lambda: state(n, "b") == seen)
            eventually("its name is free",
                       lambda: "HELD" not in [x["name"] for x in n.ctl("names")["names"]])
        eventually("the master says so", lambda: m.logged(master_line))
        eventually("the other node says so", lambda: a.logged(node_line))
        for n, line in ((m, master_line), (a, node_line)):
            with open(n.log, errors="replace") as f:
                assert level in next(x for x in f if line in x), n.name
        with open(b.log, errors="replace") as f:
            assert " warning " not in f.read()[lived:]
        b.start().ready()
        for n in (m, a):
            eventually("it is back", lambda: state(n, "b") == "up")


def in_order(build):
    """a node that stops has left: no warning, no name, and it may come back"""
    leave(build, lambda n: n.stop(), "left",
          "master: node b (harbor 3) has left", "harbor: node b (harbor 3) has left", " info ")


def by_death(build):
    """a node that is killed is down: a warning tells why"""
    leave(build, lambda n: n.kill(), "down",
          "node b (harbor 3) is dead: it did not come back", "link to node b (harbor 3) is lost:",
          " warning ")


main([in_order, by_death])
