#!/usr/bin/python3
"""Partitions: a node that is cut from the master alone, one that is gone for a while and loses its
name, a master that comes back with nothing while two nodes believe to own one name."""
import contextlib, os, shutil, signal, time
from harness import Cluster, eventually, free_port, main
from proxy import Cable

LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "etcd_master")
DEAD = 1.0  # dead_after of the harness's nodes


@contextlib.contextmanager
def three(build):
    """m is the master's node; b reaches the master by a cable that can be cut, and nodes reach b
    directly."""
    with Cluster(build, LUA) as c, contextlib.closing(Cable(c.master_port)) as cable:
        c.cable = cable
        c.m, c.a = c.node("m", 1, master=True), c.node("a", 2)
        c.b = c.node("b", 3, start_now=False)
        with open(c.b.config) as f:
            text = f.read()
        with open(c.b.config, "w") as f:
            f.write(text.replace(f"master: [127.0.0.1:{c.master_port}]",
                                 f"master: [127.0.0.1:{cable.port}]"))
        c.b.start()
        for n in (c.m, c.a, c.b):
            n.ready()
            eventually("all are linked", lambda: states(n) == ["self", "up", "up"])
        yield c


def states(n):
    return sorted(x["state"] for x in n.ctl("nodes")["nodes"])


def cut_from_the_master_alone(build):
    """a node cut from the master alone keeps links, calls and names for many times dead_after, and
    nobody notices when it is healed"""
    with three(build) as c:
        handle = c.b.call(".probe", "self")[0]
        fence = c.b.call(".probe", "register", "MINE")[1]
        eventually("a knows it", lambda: c.a.call(".probe", "query", "MINE")[0] == handle)
        c.a.call(".probe", "loop", str(handle), "MINE")
        c.cable.cut()
        eventually("b has noticed", lambda: "no heartbeat" in c.b.ctl("status").get("reason", ""))
        time.sleep(4 * DEAD)  # that nothing happens has no end that could be waited for
        assert states(c.a) == states(c.m) == ["self", "up", "up"], (states(c.a), states(c.m))
        assert c.a.call(".probe", "register", "MINE") == [False, "call failed: name is taken"]
        before = c.a.call(".probe", "counts")[0]
        c.cable.mend()
        eventually("b is back", lambda: "reason" not in c.b.ctl("status"))
        eventually("the calls go on", lambda: c.a.call(".probe", "counts")[0] > before + 20)
        good, longest, wrong = c.a.call(".probe", "counts")
        assert wrong == "" and longest < 100, (good, longest, wrong)
        names = {n["name"]: n for n in c.m.ctl("names")["names"]}
        assert names["MINE"]["fence"] == fence and names["MINE"]["handle"] == f":{handle:08x}"
        assert c.b.call(".probe", "losses") == [""]


def cut_from_the_master_and_killed(build):
    """a node that dies while it is cut from the master is dead when the last link to it is"""
    with three(build) as c:
        c.b.call(".probe", "register", "MINE")
        eventually("a knows it", lambda: c.a.call(".probe", "query", "MINE")[0])
        c.cable.cut()
        time.sleep(2 * DEAD)
        assert c.a.call(".probe", "query", "MINE")[0]
        c.b.kill()
        eventually("its name is free", lambda: c.a.call(".probe", "register", "MINE")[0] is True, 5)


def who_loses_a_name_is_told(build):
    """the owner was frozen, another has its name: its service is told the name and the winner, who
    has the higher number"""
    with three(build) as c:
        first = c.b.call(".probe", "register", "MINE")[1]
        c.b.signal(signal.SIGSTOP)
        second = eventually("the name is free",
                            lambda: (got := c.a.call(".probe", "register", "MINE"))[0] and got[1])
        winner = c.a.call(".probe", "self")[0]
        c.b.signal(signal.SIGCONT)
        eventually("b is told", lambda: c.b.call(".probe", "losses") == [f"MINE={winner}"])
        assert second > first
        for n in (c.m, c.a, c.b):
            eventually("one owner", lambda: n.call(".probe", "query", "MINE")[0] == winner)


def the_later_registration_wins(build):
    """two believe to own a name and the registry is lost: the later registration wins, though the
    earlier owner comes first"""
    with three(build) as c:
        c.b.call(".probe", "register", "MINE")
        c.b.signal(signal.SIGSTOP)
        eventually("the name is free", lambda: c.a.call(".probe", "register", "MINE")[0])
        winner = c.a.call(".probe", "self")[0]
        c.m.kill()
        shutil.rmtree(c.tmp + "/state")
        c.a.signal(signal.SIGSTOP)
        c.b.signal(signal.SIGCONT)
        c.m.start().ready()
        eventually("b has the name", lambda: c.m.call(".probe", "query", "MINE")[0] >> 24 == 3)
        c.a.signal(signal.SIGCONT)
        for n in (c.m, c.a, c.b):
            eventually("a is the owner", lambda: n.call(".probe", "query", "MINE")[0] == winner)
        eventually("b is told", lambda: c.b.call(".probe", "losses") == [f"MINE={winner}"])
        assert c.a.call(".probe", "losses") == [""]


main([cut_from_the_master_alone, cut_from_the_master_and_killed, who_loses_a_name_is_told,
      the_later_registration_wins])
