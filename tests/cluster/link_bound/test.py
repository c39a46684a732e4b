#!/usr/bin/python3
"""cluster.queue_max bounds what a peer that does not read costs: outbox, queue and socket
together."""
import os, signal
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = ", queue_max: 1MiB, message_max: 1MiB"
MESSAGES, SIZE = 30000, 2000


def rss(node):
    with open(f"/proc/{node.process.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def link(node):
    return next(n for n in node.ctl("nodes")["nodes"] if n["harbor"] == 2)


def linked(c, limits):
    """Two nodes of which neither is soon found dead, with these limits."""
    a, b = c.node("a", 1, master=True, args="1", start_now=False), c.node("b", 2, args="2",
            start_now=False)
    for n in (a, b):
        with open(n.config) as f:
            text = f.read().replace("heartbeat: 100ms, dead_after: 1s",
                                    "heartbeat: 20s, dead_after: 120s" + limits)
        with open(n.config, "w") as f:
            f.write(text)
        n.start().ready()
    eventually("the link is up", lambda: link(a)["state"] == "up")
    eventually("a knows SINK", lambda: "SINK" in [n["name"] for n in a.ctl("names")["names"]])
    return a, b


def small_batches(build):
    """60 MB in small batches to a frozen peer cost the bound, senders see what is refused, the rest
    arrives in order"""
    with Cluster(build, HERE) as c:
        a, b = linked(c, LIMITS)
        before = rss(a)
        b.signal(signal.SIGSTOP)
        try:
            accepted, refused = a.call(".probe", "flood", str(MESSAGES), str(SIZE), limit=120)
            assert accepted + refused == MESSAGES and refused > MESSAGES // 4, (accepted, refused)
            assert link(a)["queued_bytes"] <= (1 << 20) + 4096, link(a)
            assert link(a)["messages_dropped"] == refused, link(a)
            # a sanitizer keeps what is freed
            assert "san-" in build or rss(a) - before < 8 << 20, (before, rss(a))
            assert a.logged("send queue full")
        finally:
            b.signal(signal.SIGCONT)
        eventually("all that was accepted is there",
                   lambda: b.call(".probe", "count")[0] == accepted)
        assert b.call(".probe", "count")[1] == 0


def messages_of_a_byte(build):
    """a million messages of one byte to a frozen peer cost the bound as memory, not five times as
    much; what was accepted arrives"""
    with Cluster(build, HERE) as c:
        a, b = linked(c, ", queue_max: 16MiB, message_max: 1MiB")
        a.call(".probe", "tiny", "1000")
        eventually("they are there", lambda: b.call(".probe", "letters") == [1000])
        before, accepted, refused = rss(a), 0, 0
        b.signal(signal.SIGSTOP)
        try:
            for _ in range(10):
                more = a.call(".probe", "tiny", "100000")
                accepted, refused = accepted + more[0], refused + more[1]
            assert accepted + refused == 1000000 and refused > 500000, (accepted, refused)
            # beyond it: what one socket holds, and what a service's heap has grown by
            assert "san-" in build or rss(a) - before < 24 << 20, (before, rss(a))
        finally:
            b.signal(signal.SIGCONT)
        eventually("all that was accepted is there",
                   lambda: b.call(".probe", "letters") == [1000 + accepted])
        assert link(a)["queued_bytes"] == 0


main([small_batches, messages_of_a_byte])
