#!/usr/bin/python3
"""KCP between two nodes over a network that loses, doubles and reorders by a seed, whose addresses
change, and that ends."""
import os
from harness import Cluster, eventually, main
from relay import Relay

HERE = os.path.dirname(os.path.abspath(__file__))


def two(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    for n in c.nodes:
        n.ready()
        n.kcp = lambda *words, n=n: n.call(".kcp", *map(str, words), limit=60)
    return c


def all_arrives(build):
    """each way, in order and as it was, with an eighth of the datagrams lost and all reordered"""
    with two(build) as c:
        for server, client, seed in ((c.m, c.a, 1), (c.a, c.m, 2)):
            port = server.kcp("listen", 30000)[0]
            with Relay(port, seed, lose=12, twice=10, late=0.03) as r:
                assert client.kcp("connect", r.port, 30000) == [True]
                assert client.kcp("talk", 300, seed) == [300]
                s = client.kcp("stats")[0]
                assert s["late"] + s["early"] > 0 and s["twice"] > 0, s
                assert s["rejected"] == 0 and s["outside"] == 0, s
                client.kcp("close")
            assert server.kcp("listener")[0]["accepted"] == 1


def the_address_changes(build):
    """the session goes on, and it is the same one"""
    with two(build) as c:
        port = c.m.kcp("listen", 30000)[0]
        with Relay(port, 3, lose=5, late=0.01) as r:
            c.a.kcp("connect", r.port, 30000)
            for i in range(4):
                assert c.a.kcp("talk", 20, i) == [20]
                r.move()
            assert c.a.kcp("talk", 20, 9) == [20]
            s = c.m.kcp("listener")[0]
            assert s["moved"] == 4 and s["accepted"] == 1 and s["sessions"] == 1, s


def silence(build):
    """a cable that is pulled ends the session at both ends after their time, not before it"""
    with two(build) as c:
        port = c.m.kcp("listen", 2000)[0]
        with Relay(port, 4) as r:
            c.a.kcp("connect", r.port, 2000)
            assert c.a.kcp("talk", 5, 1) == [5]
            assert c.m.kcp("listener")[0]["sessions"] == 1
            r.lose = 100
            assert c.a.kcp("recv") == [False, "the peer is silent"]
            eventually("the listener's end", lambda: c.m.kcp("listener")[0]["sessions"] == 0)


def a_node_dies(build):
    """its sessions end by silence; one that stops in order says so"""
    with two(build) as c:
        port = c.m.kcp("listen", 2000)[0]
        c.a.kcp("connect", port, 2000)
        assert c.a.kcp("talk", 5, 1) == [5]
        c.a.stop()
        eventually("a goodbye", lambda: c.m.kcp("listener")[0]["sessions"] == 0, 1.5)


main([all_arrives, the_address_changes, silence, a_node_dies])
