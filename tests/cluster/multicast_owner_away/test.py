#!/usr/bin/python3
"""What a node that owns channels costs its listeners when it dies, is cut off, or comes back."""
import os, signal, time
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
MANY = 1000


def start(build, channels, of_master=False):
    """The master m and a node a listen to the channels of b; or b and a to those of m, who is
    called b then."""
    c = Cluster(build, HERE)
    c.m, c.a, c.b = c.node("m", 1, master=True), c.node("a", 2), c.node("b", 3)
    for n in c.nodes:
        n.ready()
    if of_master:
        c.m, c.b = c.b, c.m
    c.b.call(".probe", "own", str(channels), limit=60)
    for n in (c.m, c.a):
        # a node that is ready is in the cluster, but its links may not be up yet, or not any more
        eventually(f"{n.name} listens",
                   lambda: n.call(".probe", "join", limit=60) == [channels], 60)
    hear_once(c, channels, c.m, c.a)
    return c


def least(node, channels):
    return node.call(".probe", "least", str(channels))[0]


def hear_once(c, channels, *nodes):
    """b publishes once on each channel; each of the nodes hears all of it."""
    before = [least(n, channels) for n in nodes]
    c.b.call(".probe", "publish", limit=60)
    for n, old in zip(nodes, before):
        eventually(f"{n.name} hears all", lambda: least(n, channels) > old)


def told(node, what, channels):
    eventually(f"{node.name} is told {what}",
               lambda: node.call(".probe", "told", what)[0] == channels)


def a_dead_owner_costs_nothing(build):
    """a thousand channels of a dead owner: as many tasks and messages as for one"""
    with start(build, MANY) as c:
        c.b.kill()
        told(c.a, "lost", MANY)
        tasks, messages, heap = c.a.call(".probe", "cost")
        assert tasks < 12, tasks
        lines = os.path.getsize(c.a.log)
        # Many times longer than what a loop without a pause needs to show itself.
        time.sleep(4)
        tasks2, messages2, heap2 = c.a.call(".probe", "cost")
        assert tasks2 <= tasks, (tasks, tasks2)
        assert messages2 - messages < 20, (messages, messages2)
        assert heap2 - heap < 512, (heap, heap2)
        assert os.path.getsize(c.a.log) - lines < 4000
        # and they can subscribe elsewhere meanwhile
        c.m.call(".probe", "own", "1")
        ch = c.m.call(".probe", "numbers")[0][0]
        assert c.a.call(".probe", "subscribe", str(ch)) == [True]


def a_dead_owner_is_an_error(build):
    """subscribing to and publishing on a channel of a dead node raise, and soon; nothing is left of
    the try"""
    with start(build, 1) as c:
        ch = c.b.call(".probe", "numbers")[0][0] + 256
        c.b.kill()
        told(c.a, "lost", 1)
        for what in ("subscribe", "publish_to"):
            ok, why = c.a.call(".probe", what, str(ch), limit=8)
            assert not ok and "node 3, which has the channel, is not reached" in why, (ok, why)
        ok, why = c.a.call(".probe", "subscribe", str(ch | 255))
        assert not ok and "node 255" in why, (ok, why)
        tasks, _, _ = c.a.call(".probe", "cost")
        assert tasks < 12, tasks


def a_frozen_owner_comes_back(build):
    """an owner that was cut off long enough to be given up is heard again by all who listened"""
    with start(build, 50) as c:
        c.b.signal(signal.SIGSTOP)
        told(c.a, "lost", 50)
        c.b.signal(signal.SIGCONT)
        told(c.a, "back", 50)
        told(c.m, "back", 50)
        hear_once(c, 50, c.a, c.m)
        hear_once(c, 50, c.a, c.m)
        assert c.a.call(".probe", "told", "back")[1] == c.a.call(".probe", "told", "lost")[1]


def a_new_life_of_the_owner(build, of_master=False):
    """a channel ends with its node, and who listened is told; nothing of it stays"""
    with start(build, 50, of_master) as c:
        c.b.kill()
        told(c.a, "lost", 50)
        c.b.start().ready()
        told(c.a, "gone", 50)
        assert c.a.call(".probe", "told", "gone") == [50, 1]
        told(c.m, "gone", 50)
        c.b.call(".probe", "own", "5")
        eventually("a listens to the new ones", lambda: c.a.call(".probe", "join") == [5])
        c.b.call(".probe", "publish")
        eventually("a hears them", lambda: least(c.a, 55) >= 1)


def a_new_life_of_the_master(build):
    """the same when that node is the master's"""
    a_new_life_of_the_owner(build, True)


def the_masters_node_restarts(build):
    """the master's node may die: the others go on hearing, and its next life hears as soon as it
    subscribes"""
    with start(build, 50) as c:
        for _ in range(2):
            c.m.kill()
            hear_once(c, 50, c.a)
            c.m.start().ready()
            eventually("m listens again", lambda: c.m.call(".probe", "join", limit=30) == [50])
            hear_once(c, 50, c.a, c.m)
        assert c.a.call(".probe", "told", "lost")[0] == 0


def a_deleted_channel_is_told(build):
    """whoever listens on another node is told that a channel was deleted"""
    with start(build, 5) as c:
        c.b.call(".probe", "delete")
        told(c.a, "gone", 5)
        told(c.m, "gone", 5)


main([a_dead_owner_costs_nothing, a_dead_owner_is_an_error, a_frozen_owner_comes_back,
      a_new_life_of_the_owner,
      a_new_life_of_the_master, the_masters_node_restarts, a_deleted_channel_is_told])
