#!/usr/bin/python3
"""skynet.multicast over three real nodes."""
import os, threading
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


def heard(node, channel, n):
    """Waits until the node has heard n messages, all in order; more than that is wrong as well."""
    eventually(f"{node.name} hears {n}", lambda: node.call(".probe", "heard", str(channel))[0] >= n)
    assert node.call(".probe", "heard", str(channel)) == [n, True], node.call(".probe", "heard",
            str(channel))


def publish(node, channel, first, last, size=0):
    node.call(".probe", "publish", str(channel), str(first), str(last), str(size), limit=60)


def all_nodes_hear_in_order(build):
    """everybody hears every publisher in its order, wherever the channel is"""
    with three(build) as c:
        ch = c.a.call(".probe", "new")[0]
        assert ch & 0xff == 2, ch
        for n in c.nodes:
            n.call(".probe", "subscribe", str(ch))
        threads = [threading.Thread(target=publish, args=(n, ch, 1, 200, 300)) for n in c.nodes]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for n in c.nodes:
            heard(n, ch, 600)
        publish(c.b, ch, 201, 201, 3 << 20)
        for n in c.nodes:
            heard(n, ch, 601)
            assert n.call(".probe", "bytes", str(ch))[0] == 3 << 20


def one_copy_a_node(build):
    """a node gets one copy, however many listen there; none when nobody does any more"""
    with three(build) as c:
        ch = c.a.call(".probe", "new")[0]
        c.b.call(".probe", "subscribe", str(ch))
        for _ in range(5):
            c.b.call(".probe", "another", str(ch))
        before = c.b.call(".probe", "traffic")[0]
        publish(c.a, ch, 1, 100)
        heard(c.b, ch, 100)
        got = c.b.call(".probe", "traffic")[0] - before
        assert 100 <= got < 110, got
        idle = c.m.call(".probe", "traffic")[0]
        publish(c.a, ch, 101, 200)
        heard(c.b, ch, 200)
        assert c.m.call(".probe", "traffic")[0] - idle < 10


def unsubscribe_and_delete_from_afar(build):
    """unsubscribing ends the copies; a channel can be deleted from another node"""
    with three(build) as c:
        ch = c.a.call(".probe", "new")[0]
        for n in (c.m, c.b):
            n.call(".probe", "subscribe", str(ch))
        publish(c.b, ch, 1, 3)
        heard(c.m, ch, 3)
        c.m.call(".probe", "unsubscribe", str(ch))

        def quiet():
            before = c.m.call(".probe", "traffic")[0]
            n = c.b.call(".probe", "heard", str(ch))[0]
            publish(c.b, ch, n + 1, n + 20)
            heard(c.b, ch, n + 20)
            return c.m.call(".probe", "traffic")[0] - before < 5
        eventually("no more copies for m", quiet)
        n = c.b.call(".probe", "heard", str(ch))[0]
        c.b.call(".probe", "delete", str(ch))

        def gone():
            c.b.call(".probe", "subscribe", str(ch))
            publish(c.a, ch, n + 1, n + 1)
            before = c.b.call(".probe", "heard", str(ch))[0]
            publish(c.a, ch, n + 2, n + 2)
            return before == c.b.call(".probe", "heard", str(ch))[0] and before
        eventually("the channel is gone", gone)


def listeners_of_a_dead_node(build):
    """a node that dies is taken out; its successor may listen anew"""
    with three(build) as c:
        ch = c.a.call(".probe", "new")[0]
        for n in (c.m, c.b):
            n.call(".probe", "subscribe", str(ch))
        publish(c.a, ch, 1, 5)
        heard(c.b, ch, 5)
        c.b.kill()
        publish(c.a, ch, 6, 10)
        heard(c.m, ch, 10)
        c.b.start().ready()
        c.b.call(".probe", "subscribe", str(ch))
        publish(c.a, ch, 11, 20)
        heard(c.b, ch, 10)
        heard(c.m, ch, 20)


def the_owner_dies(build):
    """a channel ends with its node: subscribing is silent or fails at once, publishing harms
    nobody, new channels work"""
    with three(build) as c:
        ch = c.b.call(".probe", "new")[0]
        c.a.call(".probe", "subscribe", str(ch))
        publish(c.a, ch, 1, 5)
        heard(c.a, ch, 5)
        c.b.kill()
        c.b.start().ready()

        def silent():
            publish(c.a, ch, 6, 6)
            return c.a.call(".probe", "heard", str(ch)) == [5, True]
        eventually("the old channel is silent", silent)
        new = c.b.call(".probe", "new")[0]
        assert new != ch, new
        eventually("a listens to the new node",
                   lambda: c.a.call(".probe", "subscribe", str(new))[0])
        publish(c.m, new, 1, 5)
        heard(c.a, new, 5)


def the_master_comes_back(build):
    """a new master learns of the channels' owners again"""
    with three(build) as c:
        ch = c.a.call(".probe", "new")[0]
        c.m.kill()
        c.m.start().ready()

        eventually("the master knows a's multicastd", lambda: c.m.call(".probe", "known", "2")[0])
        c.m.call(".probe", "subscribe", str(ch))
        publish(c.a, ch, 1, 5)
        heard(c.m, ch, 5)


main([all_nodes_hear_in_order, one_copy_a_node, unsubscribe_and_delete_from_afar,
      listeners_of_a_dead_node,
      the_owner_dies, the_master_comes_back])
