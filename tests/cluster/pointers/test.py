#!/usr/bin/python3
"""Pointers mean something in their own process only: what comes from another node over a link or
skynet.cluster and holds one is refused with an error that says so, on either side; within a node
they pass as ever."""
from harness import Cluster, eventually, main, Failed
import os

HERE = os.path.dirname(os.path.abspath(__file__))
WHY = "a pointer (light userdata) in what another node sent"


def refused(what, outcome):
    if outcome[0] is not False or WHY not in str(outcome[1]):
        raise Failed(f"{what}: {outcome!r}")


def passes(what, outcome, wanted):
    if outcome != [True, wanted]:
        raise Failed(f"{what}: {outcome!r}, not {wanted!r}")


def pair(build):
    c = Cluster(build, HERE)
    a = c.node("a", 1, master=True, args="a")
    b = c.node("b", 2, args="b")
    return c, a, b


def links(build):
    """a link: requests and answers with pointers fail, others pass, the services live"""
    c, a, b = pair(build)
    with c:
        eventually("a knows b's names",
                   lambda: a.call(".main", "harbor", "FORWARD_b", "text") == [True, "string"])
        for typename in ("lua", "own"):
            refused(typename, a.call(".main", "harbor", "PLAIN_b", "pointer", typename))
            passes(typename, a.call(".main", "harbor", "PLAIN_b", "text", typename), "string")
            refused(f"answer to {typename}",
                    a.call(".main", "harbor", "PLAIN_b", "give me yours", typename))
        refused("a buffer that is given on", a.call(".main", "harbor", "FORWARD_b", "pointer"))
        for n in (a, b):
            passes("within the node", n.call(".main", "local_call", "pointer"), "userdata")
            passes("within the node", n.call(".main", "local_call", "give me yours"), "a pointer")


def clusters(build):
    """skynet.cluster: the same, in one frame, in parts, and for pushes"""
    c, a, b = pair(build)
    with c:
        a.ready(), b.ready()
        port, = eventually("b listens", lambda: b.call(".main", "open"))
        a.call(".main", "join", str(int(port)))
        passes("a text", a.call(".main", "cluster", "text"), "string")
        refused("a request", a.call(".main", "cluster", "pointer"))
        refused("a request in parts", a.call(".main", "long", "pointer"))
        passes("a request in parts", a.call(".main", "long", "text"), "string")
        refused("an answer", a.call(".main", "cluster", "give me yours"))
        a.call(".main", "push", "pointer")
        eventually("b's log names the push", lambda: b.logged("a push is refused: " + WHY))
        passes("a text", a.call(".main", "cluster", "text"), "string")


if __name__ == "__main__":
    main([links, clusters])
