#!/usr/bin/python3
"""What only the master can answer fails in time and says which master did not: registrations,
names, unique services."""
import os, re, signal, time
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def two(build):
    c = Cluster(build, HERE)
    c.m, c.b = c.node("m", 1, master=True), c.node("b", 2)
    c.m.ready(), c.b.ready()
    eventually("b registers", lambda: c.b.call(".probe", "register", "HELD")[0])
    return c


def fails(answer, text, most_cs):
    ok, why, cs = answer
    assert not ok and text in why and cs < most_cs, answer


def a_dead_master(build):
    """a dead master: each request fails within name_wait and names the master's address"""
    with two(build) as c:
        address = f"master 127.0.0.1:{c.master_port}"
        c.m.kill()
        fails(c.b.call(".probe", "register", "NEW"), address, 200)
        fails(c.b.call(".probe", "release", "HELD"), address, 200)
        fails(c.b.call(".probe", "query", "NOBODY", "30"), address, 200)
        fails(c.b.call(".probe", "send", "NOBODY"), address, 200)
        fails(c.b.call(".probe", "unique", "pingserver"), "SERVICE", 300)
        fails(c.b.call(".probe", "datacenter"), "call failed", 300)
        # a registration that failed does not happen behind the program's back
        c.m.start().ready()
        eventually("b registers", lambda: c.b.call(".probe", "register", "LATER")[0])
        names = [n["name"] for n in c.b.ctl("names")["names"]]
        assert "NEW" not in names and "LATER" in names, names


def a_frozen_master(build):
    """a frozen master: the same; who waits for a name can be told to end"""
    with two(build) as c:
        c.m.signal(signal.SIGSTOP)
        try:
            fails(c.b.call(".probe", "register", "NEW"), f"master 127.0.0.1:{c.master_port}", 200)
            ok, why, cs = c.b.call(".probe", "ended", "NOBODY")
            assert not ok and why == "call failed: terminated" and cs >= 6, (ok, why, cs)
        finally:
            c.m.signal(signal.SIGCONT)
        eventually("b registers", lambda: c.b.call(".probe", "register", "LATER")[0])
        eventually("NEW is not kept",
                   lambda: "NEW" not in [n["name"] for n in c.m.ctl("names")["names"]])


def a_master_that_was_starved(build):
    """a master that got no processor for several times dead_after does not call its own node dead:
    its names stay, without a moment in which they are free"""
    with two(build) as c:
        eventually("m registers", lambda: c.m.call(".probe", "register", "MINE")[0])
        fence = lambda: [n["fence"] for n in c.b.ctl("names")["names"] if n["name"] == "MINE"]
        first = eventually("b knows it", fence)
        for _ in range(3):
            c.m.signal(signal.SIGSTOP)
            time.sleep(1.5) # dead_after is 1 s; nobody tells when it is over
            c.m.signal(signal.SIGCONT)
            eventually("b is back", lambda: c.b.call(".probe", "register", "LATER")[0])
        assert fence() == first
        assert not c.m.logged("node m (harbor 1) is dead")


def a_typing_error(build):
    """harborctl call of a name nobody has says so at once"""
    with two(build) as c:
        for name in ("TYPO", ".typo", ":ffffff"):
            began = time.monotonic()
            try:
                c.b.ctl("call", name, "x")
                raise AssertionError(f"{name} was called")
            except Failed as e:
                assert "no such service" in str(e), e
            assert time.monotonic() - began < 2, name


def a_send_that_nobody_takes(build):
    """a send to a global name that nobody has within name_wait is told of by the log: the name, the
    sender, how many; a storm of them is no storm of lines"""
    with two(build) as c:
        c.b.call(".probe", "say", "NOSUCH", "1000")
        line = r"Drop message from :\w{8} to the global name NOSUCH .*: no such name; 1 so far"
        eventually("it is logged", lambda: re.search(line, open(c.b.log).read()))
        eventually("all are over", lambda: c.b.ctl("names", "--waiting")["waiting"] == [])

        def counted():
            c.b.call(".probe", "say", "NOSUCH", "1")
            return re.search(r"NOSUCH .*; 1\d\d\d so far", open(c.b.log).read())
        eventually("all of them are counted", counted)
        assert open(c.b.log).read().count("global name NOSUCH") < 9


main([a_dead_master, a_frozen_master, a_master_that_was_starved, a_typing_error,
      a_send_that_nobody_takes])
