#!/usr/bin/python3
"""Random programs on three nodes: callees answer, or fail to in every way there is, and a node is
killed; each call ends, and with its own answer."""
import os, random
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = ", message_max: 1MiB, queue_max: 4MiB"
CALLS = 150


def three(build):
    c = Cluster(build, HERE)
    for i, name in enumerate("mab", 1):
        c.node(name, i, master=i == 1, args=f"probe {i}", extra=LIMITS)
    for n in c.nodes:
        n.ready()
    for n in c.nodes:
        eventually(f"{n.name} knows all",
                   lambda: {"P1", "P2", "P3"} <= {x["name"] for x in n.ctl("names")["names"]})
        eventually(f"{n.name} has its links",
                   lambda: sum(x["state"] == "up" for x in n.ctl("nodes")["nodes"]) == 2)
    return c


def all_end(node, seed):
    state = eventually(f"all calls of {node.name} have ended (seed {seed})",
                       lambda: (lambda s: s if s[0] == s[1]
                                else None)(node.call(".probe", "state")), 30)
    if state[2]:
        raise Failed(f"seed {seed}: {state[2]}")


def undisturbed(build):
    """each call ends once: with its own answer if its callee gives one, else with an error"""
    with three(build) as c:
        for _ in range(2):
            seed = random.randrange(1 << 30)
            for n in c.nodes:
                n.call(".probe", "run", str(seed + n.process.pid), str(CALLS), "quiet", "1", "2",
                       "3")
            for n in c.nodes:
                all_end(n, seed + n.process.pid)


def with_a_killed_node(build):
    """the same when a node is killed meanwhile: an error or the right answer"""
    with three(build) as c:
        m, a, b = c.nodes
        seed = random.randrange(1 << 30)
        for n in (m, a):
            n.call(".probe", "run", str(seed + n.process.pid), str(CALLS), "killing", "1", "2", "3")
        eventually("some calls have ended", lambda: a.call(".probe", "state")[0] > CALLS // 10)
        b.kill()
        for n in (m, a):
            all_end(n, seed + n.process.pid)


main([undisturbed, with_a_killed_node])
