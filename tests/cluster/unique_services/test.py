#!/usr/bin/python3
"""uniqueservice and queryservice over three real nodes."""
import os, signal
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


def what_went_with_its_node_is_born_again(build):
    """what the dead master's node ran is born again, with its first arguments; the others report to
    the new manager"""
    with three(build) as c:
        old = c.a.call(".probe", "unique", "true", "other", "x")[0]
        own = c.a.call(".probe", "unique", "single", "a")[0]
        c.m.kill()
        c.m.start().ready()

        def anew():
            h = c.a.call(".probe", "unique", "true", "other", "y", limit=20)[0]
            return h != old and c.b.call(".probe", "ask", str(h), "z")[:2] == [True, "x"] and h
        handle = eventually("a has a new one", anew, 20)
        assert c.b.call(".probe", "unique", "true", "other")[0] == c.a.call(".probe", "query",
                "true", "other")[0] == handle
        eventually("a reports again",
                   lambda: c.m.call(".probe", "listed", "single@2")[0] == f":{own:08x}", 20)


def moved(c, n):
    """The manager of n decides from now on, by hand."""
    mine = n.call(".probe", "manager")[0]
    c.m.ctl("names", "--transfer", "SERVICE", f":{mine:08x}")
    for node in c.nodes:
        eventually("all know who decides", lambda: [r for r in node.ctl("names")["names"]
                   if r["name"] == "SERVICE" and r["handle"] == f":{mine:08x}"])


def deaths_of_nodes_are_survived(build):
    """the node of the manager and of its unique services is killed: another decides, they are born
    again there at once, exactly once, and old handles are errors"""
    with three(build) as c:
        moved(c, c.a)
        olds = {key: c.b.call(".probe", "unique", "true", name, key)[0]
                for key, name in (("x", "other"), ("y", "single"))}
        assert {h >> 24 for h in olds.values()} == {2}, olds
        c.a.kill()
        for key, name in ("x", "other"), ("y", "single"):
            new = eventually(f"{name} is there again",
                             lambda: [r for r in c.m.ctl("names")["names"]
                                      if r["name"] == "@" + name
                                      and r["handle"] != f":{olds[key]:08x}"], 20)
            handle = int(new[0]["handle"][1:], 16)
            for n in c.m, c.b:
                assert n.call(".probe", "query", "true", name)[0] == handle
                assert n.call(".probe", "unique", "true", name, "late")[0] == handle
                assert n.call(".probe", "ask", str(handle), "w")[:2] == [True, key]
                assert n.call(".probe", "ask", str(olds[key]), "w")[0] is False
        c.a.start().ready()
        assert c.a.call(".probe", "unique", "true", "single", "late")[0] == handle


def a_service_that_ended_is_born_again_for_who_asks(build):
    """a unique service of the cluster that ends is started again when somebody asks for it"""
    with three(build) as c:
        old = c.a.call(".probe", "unique", "true", "other", "x")[0]
        c.m.call(".probe", "kill", str(old))
        eventually("nobody has its name", lambda: not [r for r in c.b.ctl("names")["names"]
                                                       if r["name"] == "@other"])
        for n in c.nodes:
            eventually("it is forgotten",
                       lambda: n.call(".probe", "listed", "@other")[0] == "")
        new = c.b.call(".probe", "query", "true", "other")[0]
        assert new != old and new >> 24 == 1, new
        for n in c.nodes:
            assert n.call(".probe", "unique", "true", "other", "y")[0] == new
            assert n.call(".probe", "ask", str(new), "z")[:2] == [True, "x"]


def who_was_only_cut_off_ends_its_own(build):
    """a manager that was cut off hears that another decides, and ends its unique services that were
    born again meanwhile: one is left"""
    with three(build) as c:
        moved(c, c.a)
        old = c.b.call(".probe", "unique", "true", "other", "x")[0]
        assert old >> 24 == 2
        c.a.signal(signal.SIGSTOP)
        new = eventually("it is there again",
                         lambda: [r for r in c.m.ctl("names")["names"] if r["name"] == "@other"
                                  and r["handle"] != f":{old:08x}"], 20)
        c.a.signal(signal.SIGCONT)
        handle = int(new[0]["handle"][1:], 16)
        eventually("the old one has ended",
                   lambda: c.a.call(".probe", "ask", str(old), "z")[0] is False)
        assert c.a.logged("unique service @other") and c.a.logged("has its name now")
        for n in c.nodes:
            eventually("all have the new one",
                       lambda: n.call(".probe", "unique", "true", "other", "y")[0] == handle)
        assert c.a.call(".probe", "ask", str(handle), "z")[:2] == [True, "x"]


def what_cannot_be_born_again_is_told(build):
    """a unique service whose start fails on the next node is told in the log, and who asks hears
    why; arguments that are too long are not kept, and do no harm"""
    with three(build) as c:
        moved(c, c.a)
        old = c.b.call(".probe", "unique", "true", "fragile", "2")[0]
        long = c.b.call(".probe", "unique_long", "other", "70000")[0]
        assert old >> 24 == 2 and long >> 24 == 2, (old, long)
        c.a.kill()
        eventually("it is told", lambda: [n for n in (c.m, c.b) if n.logged(
            "unique service @fragile went with its node and does not start")], 20)
        for n in c.m, c.b:
            assert "only on node 2" in n.call(".probe", "unique", "true", "fragile", "3")[0]
            assert n.call(".probe", "ask", str(n.call(".probe", "unique", "true", "other",
                                                      "short")[0]), "z")[1] == "short"
            assert not n.logged("RECIPE") and not n.logged("attempt to")


def who_waits_is_served_by_the_next_manager(build):
    """a query that waits for nobody yet outlives the manager that it waits with"""
    with three(build) as c:
        moved(c, c.a)
        c.b.call(".probe", "query_later", "other")
        eventually("a knows of the query",
                   lambda: "Querying" in c.a.call(".probe", "listed", "@other")[0])
        moved(c, c.m)
        eventually("m knows of the query",
                   lambda: "Querying" in c.m.call(".probe", "listed", "@other")[0])
        moved(c, c.a)
        eventually("a knows of the query",
                   lambda: "Querying" in c.a.call(".probe", "listed", "@other")[0])
        c.a.kill()
        eventually("another decides", lambda: [r for r in c.m.ctl("names")["names"]
                   if r["name"] == "SERVICE" and not r["handle"].startswith(":02")], 20)
        handle = c.m.call(".probe", "unique", "true", "other", "x")[0]
        eventually("the query is answered",
                   lambda: c.b.call(".probe", "got", "other")[0] == handle, 20)


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
      what_went_with_its_node_is_born_again, deaths_of_nodes_are_survived,
      a_service_that_ended_is_born_again_for_who_asks, who_was_only_cut_off_ends_its_own,
      what_cannot_be_born_again_is_told,
      who_waits_is_served_by_the_next_manager, a_trace_crosses_nodes])
