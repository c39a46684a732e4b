#!/usr/bin/python3
"""Nodes that hear each other in one direction, or not at all, while others do: soon all have one
view of who is alive and who reaches whom. Real nodes in network namespaces, with the times of a
configuration that names none; nftables drop what comes from chosen addresses."""
import os, signal, time
from apart import Apart, when_possible
from harness import eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
BEAT, DEAD, LINK_WAIT = 1, 5, 1
NAMES = "n1", "n2", "n3", "n4"


def slack():
    """How many times as long things take here, because others use the machine."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def state(at, of):
    return next(x["state"] for x in at.ctl("nodes")["nodes"] if x["harbor"] == of.i)


class Town(Apart):
    def __init__(self, build, **kw):
        super().__init__(build, HERE, 4, **kw)
        self.m, self.a, self.b, self.d = self.nodes

    def __enter__(self):
        self.start()
        for n in self.nodes:
            eventually(f"{n.name} sees all", lambda: self.linked(n, self.nodes))
            for name in NAMES:
                eventually(f"{n.name} calls {name}", lambda: self.reaches(n, name))
        return self

    def linked(self, n, others):
        return all(state(n, o) == "up" for o in others if o != n)

    def reaches(self, n, name):
        return n.call(".probe", "ask", name, "echo", "x")[:2] == [True, "x"]

    def cut(self, source, target, kind="dropped"):
        """What source sends does not reach target."""
        self.net.rule("add", kind, source.i, target.i)

    def all_alive_for_all(self):
        """Nobody was called dead, and the names are where they were."""
        for n in self.nodes:
            assert not n.logged("is dead"), f"{n.name} has called somebody dead"
            for name in NAMES:
                assert n.call(".probe", "owner", name)[0], (n.name, name)


def one_direction(c, caller, other):
    c.cut(c.a, c.b)
    caller.call(".probe", "call_on", other.name)
    began = time.monotonic()
    why, took = eventually("the call fails", lambda: caller.call(".probe", "failure", other.name),
                           2 * DEAD * slack() + 5)
    assert "link lost" in why, why
    # The other end's questions, which arrive, are no sign that it hears.
    assert took < (DEAD + 3 * BEAT) * slack(), f"{took:.1f} s"
    # The other end of a link that one end has found silent is asked, too.
    bound = (2 * DEAD + 2 * BEAT) * slack()
    for x, y in ((c.a, c.b), (c.b, c.a)):
        eventually(f"{x.name} knows that it does not reach {y.name}",
                   lambda: state(x, y) == "unreachable", bound - (time.monotonic() - began))
    for x, y in ((c.a, c.b), (c.b, c.a)):
        ok, why, took = x.call(".probe", "ask", y.name, "echo")
        assert not ok and "link lost" in why and took < (LINK_WAIT + 0.5) * slack(), (why, took)
    for n in (c.m, c.d):
        assert c.linked(n, c.nodes), n.ctl("nodes")
        assert all(c.reaches(n, name) for name in NAMES)
    assert c.linked(c.a, [c.m, c.d]) and c.linked(c.b, [c.m, c.d])
    c.all_alive_for_all()
    c.net.heal()
    for x, y in ((c.a, c.b), (c.b, c.a)):
        eventually(f"{x.name} reaches {y.name} again", lambda: c.reaches(x, y.name), 10 * slack())
    assert c.linked(c.a, c.nodes) and c.linked(c.b, c.nodes)


def a_pair_of_which_one_does_not_hear_the_other(build):
    """a cut of one direction: the call over it fails within dead_after, then the link is down for
    both ends and nobody else; both are alive for all; it heals"""
    with Town(build) as c:
        one_direction(c, c.a, c.b)  # who is not heard calls
        one_direction(c, c.b, c.a)  # who does not hear calls


def a_firewall_that_rejects(build):
    """a living node refuses the connections of another one alone, as a firewall does that was
    changed: nobody is taken for dead, and what was sent meanwhile arrives"""
    with Town(build) as c:
        for x, y in ((c.a, c.b), (c.b, c.a)):
            c.cut(x, y, "refused")
            eventually(f"{x.name} does not reach {y.name}", lambda: state(x, y) != "up", 5)
            assert all(x.call(".probe", "tell", y.name, str(i)) for i in range(10))
            time.sleep(1.5)  # attempts are refused all the while
            c.all_alive_for_all()
            for n in c.nodes:
                assert not n.logged("is gone"), f"{n.name} takes somebody for dead"
            c.net.heal()
            eventually(f"all was heard by {y.name}", lambda: y.call(".probe", "told")[0] == 10,
                       5 * slack())


def a_dead_node_refuses(build):
    """a killed node is known as gone by who calls it, long before dead_after"""
    with Town(build, cluster="dead_after: 60s, link_wait: 60s") as c:
        c.b.kill()
        ok, why, took = c.a.call(".probe", "ask", "n3", "echo")
        assert not ok and took < 30, (why, took)
        assert not c.a.logged("out of reach")


def an_idle_pair(build):
    """nobody calls over a pair that is cut in one direction: both ends find out all the same"""
    with Town(build, cluster="heartbeat: 200ms, dead_after: 1s") as c:
        c.cut(c.a, c.b)
        bound = (35 * 0.2 + 2 * 1 + 2 * 0.2) * slack()
        for x, y in ((c.a, c.b), (c.b, c.a)):
            eventually(f"{x.name} knows that it does not reach {y.name}",
                       lambda: state(x, y) == "unreachable", bound)
        assert c.linked(c.m, c.nodes) and c.linked(c.d, c.nodes)
        c.all_alive_for_all()


def the_master_does_not_hear_a_node(build):
    """a node that the master does not hear, or that does not hear the master, keeps its links and
    names: others have heard it"""
    for source, target in ((1, 0), (0, 1)):
        with Town(build) as c:
            c.cut(c.nodes[source], c.nodes[target], "masterless")
            eventually("it has lost the master", lambda: c.a.logged("master lost"),
                       (2 * DEAD + 2 * BEAT) * slack() + 10)
            time.sleep(2 * DEAD)  # long enough to be dead, if nobody had been asked
            c.all_alive_for_all()
            for n in c.nodes:
                assert c.linked(n, c.nodes), n.ctl("nodes")
                assert all(c.reaches(n, name) for name in NAMES)
            c.net.heal()
            eventually("it is back", lambda: c.a.ctl("status")["state"] == "ready"
                       or not c.a.ctl("status").get("reason"), 20 * slack())


def a_frozen_node(build):
    """a frozen node that nobody calls is known dead by all at once, within dead_after"""
    with Town(build) as c:
        time.sleep(2 * BEAT)  # its links are idle
        c.b.signal(signal.SIGSTOP)
        began = time.monotonic()
        others = [c.m, c.a, c.d]
        for n in others:
            eventually(f"{n.name} knows", lambda: state(n, c.b) == "down",
                       (DEAD + 2 * BEAT) * slack())
        took = time.monotonic() - began
        assert took > DEAD - 2 * BEAT, f"{took:.1f} s: too early"
        c.b.signal(signal.SIGCONT)
        for n in c.nodes:
            eventually(f"{n.name} sees all", lambda: c.linked(n, c.nodes), 20 * slack())


if __name__ == "__main__":
    main([when_possible(t) for t in (a_pair_of_which_one_does_not_hear_the_other,
                                     a_firewall_that_rejects, a_dead_node_refuses, an_idle_pair,
                                     the_master_does_not_hear_a_node, a_frozen_node)])
