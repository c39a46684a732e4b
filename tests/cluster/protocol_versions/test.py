#!/usr/bin/python3
"""Nodes of several versions of the protocol in one cluster: each link speaks the newest that both
ends do, and where there is none, both sides say so."""
import os, re, subprocess
from harness import Cluster, Node, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


class Later(Node):
    """A node as it will be so many versions later: it speaks that one, and the one before."""

    def __init__(self, cluster, name, harbor, later, **kw):
        super().__init__(cluster, name, cluster.text(name, harbor, **kw))
        self.program = cluster.build + "/harbord" + (f"-protocol-{later}" if later else "")
        self.harbor = harbor
        cluster.nodes.append(self)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, self.config], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.env)
        self.found = None
        return self

    def range(self):
        out = subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout
        return tuple(map(int, re.search(r"links speak protocol (\d+) to (\d+)", out).groups()))

    def row(self, other):
        return [r for r in self.ctl("nodes")["nodes"] if r["name"] == other.name][0]

    def protocol(self, other):
        return self.row(other)["protocol"]


def trio(c, *later):
    """A master and two members, each so much later."""
    m = Later(c, "m", 1, later[0], master=True).start().ready()
    return m, Later(c, "a", 2, later[1]).start().ready(), Later(c, "b", 3, later[2])


def linked(a, b, protocol):
    for x, y in ((a, b), (b, a)):
        eventually(f"{x.name} speaks {protocol} with {y.name}",
                   lambda x=x, y=y: x.protocol(y) == protocol)


def all_call(*nodes):
    for x in nodes:
        for y in nodes:
            if x is not y:
                eventually(f"{x.name} calls {y.name}", lambda x=x, y=y: x.call(
                    f"N{x.harbor}", f"N{y.harbor}") == ["heard"])


def upgraded(build):
    """a cluster is upgraded node by node, the master last, and all call each other at each step"""
    with Cluster(build, HERE) as c:
        m, a, b = trio(c, 0, 0, 1)
        now = m.range()[1]
        b.start().ready()
        assert b.range() == (now, now + 1)
        for node in (a, m):
            for x, y in ((m, a), (m, b), (a, b)):
                linked(x, y, min(x.range()[1], y.range()[1]))
            all_call(m, a, b)
            assert node.stop() == 0
            node.program = c.build + "/harbord-protocol-1"
            node.start().ready()
        for x, y in ((m, a), (m, b), (a, b)):
            linked(x, y, now + 1)
        all_call(m, a, b)


def too_far(build):
    """two that have no version in common: a master refuses such a node, and both say why"""
    with Cluster(build, HERE) as c:
        m, a, b = trio(c, 0, 0, 2)
        now = m.range()[1]
        why = f"no version of the protocol in common: who connects speaks {now + 1} to " \
              f"{now + 2}, who listens {m.range()[0]} to {now}"
        b.start()
        eventually("b ends", lambda: b.process.poll() is not None)
        assert b.process.returncode == 69, b.process.returncode
        for node in (m, b):
            eventually(f"{node.name} says why", lambda n=node: n.logged(why))


def strangers(build):
    """a master between them takes both in: the two members refuse each other, and both say why"""
    with Cluster(build, HERE) as c:
        m, a, b = trio(c, 1, 0, 2)
        now = a.range()[1]
        b.start().ready()
        linked(m, a, now)
        linked(m, b, now + 1)
        for x, y in ((a, b), (b, a)):
            eventually(f"{x.name} logs it", lambda x=x: x.logged("no version of the protocol in"
                                                                    " common"))
            eventually(f"{x.name} shows it", lambda x=x, y=y: "no version of the protocol" in
                       x.row(y).get("why", "") and not x.protocol(y))
        assert "failed" in a.call("N2", "N3")[0]
        all_call(m, a)
        all_call(m, b)


main([upgraded, too_far, strangers])
