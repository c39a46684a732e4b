#!/usr/bin/python3
"""The wall clock jumps by seconds, hours and years, forth and back: nothing but dates depends on
it."""
import os, re, subprocess, sys, time
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../../chaos")
import faults

PROBE = HERE + "/../three_nodes"
JUMPS = [3, -3, 3600, -7200, 400 * 86400, -400 * 86400]


def three(build):
    c = Cluster(build, PROBE)
    c.clock = faults.Clock(c.tmp + "/clock")
    env = {"CHAOS_CLOCK": c.clock.path, "LD_PRELOAD": f"{c.build}/tests/chaos/clock.so"}
    c.m = c.node("m", 1, master=True, args="ONE", start_now=False, env=env)
    c.a = c.node("a", 2, args="TWO", start_now=False, env=env)
    c.b = c.node("b", 3, args="THREE", start_now=False)
    for n in c.nodes:
        with open(n.config, "a") as f:
            f.write("admin: { stop_timeout: 1s }\n")
        n.start().ready()
    for n in c.nodes:
        eventually(f"{n.name} sees three nodes", lambda: links(n) == {"up": 2})
        for name in ("ONE", "TWO", "THREE"):
            eventually(f"{n.name} knows {name}", lambda: n.call(".probe", "query", name, "100")[0])
    return c


def links(n):
    states = [x["state"] for x in n.ctl("nodes")["nodes"] if x["state"] != "self"]
    return {s: states.count(s) for s in set(states)}


def incarnations(c):
    return [sorted((x["harbor"], x["since"]) for x in n.ctl("nodes")["nodes"]) for n in (c.b,)]


def jumps(build):
    """calls, sleeps, names and links do not notice; new names and nodes come as before"""
    with three(build) as c:
        before = incarnations(c)
        for k, seconds in enumerate(JUMPS):
            c.clock.jump(seconds)
            assert c.a.call(".probe", "traffic", "THREE", "200")[0] == 200
            assert c.b.call(".probe", "traffic", "ONE", "200")[0] == 200
            assert c.a.call(".probe", "register", f"NEW{k}") == ["ok"]
            eventually("b knows it", lambda: c.b.call(".probe", "query", f"NEW{k}", "100")[0])
            began = time.monotonic()
            assert c.a.call(".probe", "query", "NOBODY", "30") == [0]
            assert 0.25 < time.monotonic() - began < 5
            for n in c.nodes:
                assert links(n) == {"up": 2}, links(n)
        assert incarnations(c) == before
        for seconds, off in ((0, -3600), (10800, 7200), (-7200, 0)):
            c.clock.jump(seconds)
            for what in ("events", "logs"): # a and m have that clock
                p = subprocess.run([build + "/harborctl", "--socket", c.b.socket, what],
                                   capture_output=True, text=True, timeout=20)
                said = re.findall(r"the clock of node (\S+) is (\d+) s (\S+).* this host's",
                                  p.stderr)
                assert p.returncode == 0, p
                assert sorted(s[0] for s in said) == (["a", "m"] if off else []), (off, p)
                for _, by, where in said:
                    assert abs(int(by) - abs(off)) < 3, (off, said)
                    assert where == ("behind" if off < 0 else "ahead"), (off, said)
        c.m.kill()
        c.clock.jump(-10 ** 8)
        c.m.start().ready()
        assert eventually("a registers", lambda: c.a.call(".probe", "register", "AFTER") == ["ok"])
        fences = {x["name"]: x["fence"] for x in c.a.ctl("names")["names"] if "fence" in x}
        assert fences["AFTER"] == max(fences.values()), fences


def stops(build):
    """a node that is told to stop ends in time, with a service that loops as well"""
    for seconds in (86400, -86400):
        with three(build) as c:
            c.clock.jump(seconds)
            # spinning workers are given up after stop_timeout, which is a time of ours
            for n in (c.a, c.m):
                n.ctl("call", ".probe", "spin")
                began = time.monotonic()
                n.stop()
                assert time.monotonic() - began < 10
            with open(c.a.log) as f:
                dates = set(re.findall(r"^\d{4}-\d\d-\d\d", f.read(), re.M))
            assert len(dates) > 1, dates


def skipped(build):
    """sanitizers do not start where something is loaded before them # SKIP"""


main([skipped] if "/san-" in os.path.abspath(sys.argv[sys.argv.index("--build") + 1])
     else [jumps, stops])
