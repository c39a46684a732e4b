#!/usr/bin/python3
"""uniqueservice and queryservice over three real nodes."""
import os
from concurrent.futures import ThreadPoolExecutor
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def three(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    c.b = c.node("b", 3)
    for n in c.nodes:
        n.ready()
    return c


def one_in_the_cluster(build):
    """all nodes ask at once: one is launched, on the master's node, with the first arguments"""
    with three(build) as c:
        with ThreadPoolExecutor(3) as pool:
            got = list(pool.map(lambda n: n.call(".probe", "unique", "true", "single", n.name)[0],
                                c.nodes))
        assert len(set(got)) == 1, got
        handle = got[0]
        assert handle >> 24 == 1, handle
        who = c.a.call(".probe", "ask", str(handle), "hello")
        assert who[0] and who[1] in ("m", "a", "b"), who
        for n in c.nodes:
            assert n.call(".probe", "unique", "true", "single", "late")[0] == handle
            assert n.call(".probe", "query", "true", "single")[0] == handle
            assert n.call(".probe", "ask", str(handle), "x")[1] == who[1]


def one_on_each_node(build):
    """without `true` each node has its own"""
    with three(build) as c:
        got = {n.name: n.call(".probe", "unique", "single", n.name)[0] for n in c.nodes}
        assert [h >> 24 for h in got.values()] == [1, 2, 3], got
        for n in c.nodes:
            assert n.call(".probe", "query", "single")[0] == got[n.name]
            assert n.call(".probe", "ask", str(got[n.name]), "x")[1] == n.name


def a_query_waits(build):
    """queryservice(true) waits until some node launches it"""
    with three(build) as c:
        c.b.call(".probe", "query_later", "other")
        eventually("the master's manager knows of the query",
                   lambda: "Querying" in c.m.call(".probe", "listed", "@other")[0])
        assert c.b.call(".probe", "got", "other")[0] == 0
        handle = c.a.call(".probe", "unique", "true", "other", "x")[0]
        eventually("the query is answered", lambda: c.b.call(".probe", "got", "other")[0] == handle)


def a_failure_is_told_everywhere(build):
    """a launch that failed has one text for all nodes"""
    with three(build) as c:
        why = [n.call(".probe", "unique", "true", "broken")[0] for n in c.nodes]
        assert "broken on purpose" in why[0] and len(set(why)) == 1, why
        assert c.b.call(".probe", "query", "true", "broken")[0] == why[0]


def the_list_of_all(build):
    """LIST on the master's node shows the others' entries with @ and their harbor id"""
    with three(build) as c:
        glob = c.a.call(".probe", "unique", "true", "other", "x")[0]
        own = {n.name: n.call(".probe", "unique", "single", n.name)[0] for n in c.nodes}

        def line(node, key):
            return node.call(".probe", "listed", key)[0]
        assert line(c.m, "@other") == f":{glob:08x}"
        assert line(c.m, "single") == f":{own['m']:08x}"
        eventually("a reported", lambda: line(c.m, "single@2") == f":{own['a']:08x}")
        eventually("b reported", lambda: line(c.m, "single@3") == f":{own['b']:08x}")
        assert line(c.m, "@other@2") == f":{glob:08x}"
        assert line(c.a, "single") == f":{own['a']:08x}"
        assert line(c.a, "single@3") == ""
        c.b.kill()
        eventually("b is off the list", lambda: line(c.m, "single@3") == "")
        assert line(c.m, "single@2") == f":{own['a']:08x}"


def a_new_master_has_new_ones(build):
    """what the dead master's node ran is not given out any more; the others report to the new
    one"""
    with three(build) as c:
        old = c.a.call(".probe", "unique", "true", "other", "x")[0]
        own = c.a.call(".probe", "unique", "single", "a")[0]
        c.m.kill()
        c.m.start().ready()

        def anew():
            h = c.a.call(".probe", "unique", "true", "other", "y", limit=20)[0]
            return isinstance(h, int) and c.b.call(".probe", "ask", str(h), "z")[:2] == [True,
                    "y"] and h
        handle = eventually("a asks the new master", anew, 20)
        assert c.b.call(".probe", "unique", "true", "other")[0] == c.a.call(".probe", "query",
                "true", "other")[0]
        eventually("a reports again",
                   lambda: c.m.call(".probe", "listed", "single@2")[0] == f":{own:08x}", 20)


def a_trace_crosses_nodes(build):
    """a tag goes with a call to another node (3.14)"""
    with three(build) as c:
        handle = c.b.call(".probe", "unique", "other", "b")[0]
        tag = c.a.call(".probe", "traced", str(handle))[0]
        assert tag.startswith(":02"), tag

        def lines(node):
            with open(node.log, errors="replace") as f:
                return [line.split(f"<TRACE {tag}> ")[1].split()[1] for line in f
                        if f"<TRACE {tag}> " in line]
        eventually("b's lines", lambda: lines(c.b) == ["request", "response", "end"])
        eventually("a's lines", lambda: lines(c.a) == ["trace", "call", "resume", "response",
                                                       "end"])


main([one_in_the_cluster, one_on_each_node, a_query_waits, a_failure_is_told_everywhere,
      the_list_of_all,
      a_new_master_has_new_ones, a_trace_crosses_nodes])
