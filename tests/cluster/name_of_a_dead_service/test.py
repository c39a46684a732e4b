#!/usr/bin/python3
"""A call by a global name whose owner has just died ends with an error: on a node alone, on its own
master, from another node."""
import os
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def none_hangs(node):
    answered, failed, why = node.call(".probe", "round", "20", limit=60)
    assert (answered, failed) == (0, 20), (answered, failed, why)


def a_single_node(build):
    """no call hangs on a node without a cluster"""
    with Cluster(build, HERE) as c:
        n = c.node("one", 0, start_now=False)
        with open(n.config, "w") as f:
            f.write("".join(line + "\n" for line in c.text("one", 0).splitlines()
                            if not line.startswith("cluster:")))
        none_hangs(n.start().ready())


def its_own_master(build):
    """no call hangs on a node that is its own master"""
    with Cluster(build, HERE) as c:
        none_hangs(c.node("one", 1, master=True).ready())


def from_another_node(build):
    """a call from another node fails at once, not after a timeout"""
    with Cluster(build, HERE) as c:
        m, n = c.node("m", 1, master=True), c.node("n", 2)
        m.ready(), n.ready()
        for _ in range(5):
            n.call(".probe", "own")
            eventually("m calls X", lambda: m.call(".probe", "call")[:2] == [True, "hello"])
            n.call(".probe", "kill")
            ok, why, cs = m.call(".probe", "call")
            assert not ok and "timeout" not in why and cs < 100, (ok, why, cs)


main([a_single_node, its_own_master, from_another_node])
