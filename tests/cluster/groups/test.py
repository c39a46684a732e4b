#!/usr/bin/python3
"""Groups over real nodes: members that come, die, are cut off, and a master that restarts."""
import os, signal
from harness import Cluster, Defaults, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
GROUP = "world-of-many-nodes-" + "x" * 33


def three(build, kind=Cluster):
    c = kind(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    c.b = c.node("b", 3)
    for n in c.nodes:
        n.ready()
    for n in c.nodes:
        eventually(f"{n.name} sees three nodes up",
                   lambda: sum(x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]) == 3)
    return c


def members(node):
    return list(node.call(".probe", "group", "members", GROUP)[0] or [])


def all_know(nodes, handles, seconds=20):
    for n in nodes:
        eventually(f"{n.name} knows {len(handles)} members",
                   lambda: members(n) == sorted(handles), seconds)


def members_of_all_nodes_are_known_on_all(build):
    """the members of a group are the same on all nodes; one, the nearest, the one for a key, all"""
    with three(build, Defaults) as c:
        mine = {n: n.call(".probe", "join", GROUP, "40")[0] for n in c.nodes}
        every = sum(mine.values(), [])
        all_know(c.nodes, every)
        for key in "alice", "bob", "carol", "7":
            picks = {n.call(".probe", "group", "pick", GROUP, key)[0] for n in c.nodes}
            assert len(picks) == 1 and picks.pop() in every, key
        for n in c.nodes:
            assert n.call(".probe", "group", "nearest", GROUP)[0] in mine[n], n.name
            assert n.call(".probe", "group", "random", GROUP)[0] in every
        assert len({c.a.call(".probe", "group", "random", GROUP)[0] for _ in range(30)}) > 5
        assert c.a.call(".probe", "group", "send", GROUP, "all")[0] == 120
        eventually("all have heard it",
                   lambda: sum(n.call(".probe", "heard")[0] for n in c.nodes) == 120)
        rows = [r for r in c.b.ctl("groups")["members"] if r["group"] == GROUP]
        assert sorted(int(r["handle"][1:], 16) for r in rows) == sorted(every)
        assert not [r for r in c.b.ctl("names")["names"] if ":" in r["name"]]


def members_go_with_their_service_and_their_node(build):
    """members that end, are killed with their node, or are cut off are no members; each is told"""
    with three(build) as c:
        c.a.call(".probe", "watch", GROUP)
        mine = {n: n.call(".probe", "join", GROUP, "2")[0] for n in c.nodes}
        every = sum(mine.values(), [])
        all_know(c.nodes, every)
        c.b.call(".probe", "kill", str(mine[c.b][0]))
        c.m.call(".probe", "leave", GROUP, str(mine[c.m][0]))
        every = [h for h in every if h not in (mine[c.b][0], mine[c.m][0])]
        all_know(c.nodes, every)
        c.b.kill()
        all_know((c.m, c.a), [h for h in every if h >> 24 != 3])
        # the nearest is somewhere else now
        c.a.call(".probe", "kill", str(mine[c.a][0]))
        c.a.call(".probe", "kill", str(mine[c.a][1]))
        all_know((c.m, c.a), [mine[c.m][1]])
        assert c.a.call(".probe", "group", "nearest", GROUP)[0] == mine[c.m][1]
        told = lambda: sorted(c.a.call(".probe", "events")[0])
        gone = [h for n in c.nodes for h in mine[n] if h != mine[c.m][1]]
        expected = sorted([f"join {h}" for n in c.nodes for h in mine[n]]
                          + [f"leave {h}" for h in gone])
        eventually("each change was told", lambda: told() == expected)
        c.b.start().ready()
        again = c.b.call(".probe", "join", GROUP, "1")[0]
        assert again[0] not in every
        all_know(c.nodes, [mine[c.m][1], again[0]])


def members_come_back_with_who_was_only_cut_off(build):
    """members of a node that was cut off are members again; they outlive the master's restart"""
    with three(build) as c:
        mine = {n: n.call(".probe", "join", GROUP, "3")[0] for n in c.nodes}
        every = sum(mine.values(), [])
        all_know(c.nodes, every)
        c.a.signal(signal.SIGSTOP)
        all_know((c.m, c.b), mine[c.m] + mine[c.b])
        c.a.signal(signal.SIGCONT)
        all_know(c.nodes, every)
        c.m.kill()
        assert members(c.a) == sorted(every)   # known as before while nobody can say otherwise
        c.m.start().ready()
        all_know(c.nodes, mine[c.a] + mine[c.b])
        c.m.kill()
        c.a.call(".probe", "kill", str(mine[c.a][0]))   # the master hears of it later
        c.m.start().ready()
        all_know(c.nodes, mine[c.a][1:] + mine[c.b])


main([members_of_all_nodes_are_known_on_all,
      members_go_with_their_service_and_their_node,
      members_come_back_with_who_was_only_cut_off])
