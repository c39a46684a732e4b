#!/usr/bin/python3
"""An answer that a limit of the link refuses becomes an error for its caller (message_max,
queue_max)."""
import os, signal
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = ", message_max: 1MiB, queue_max: 4MiB"


def two(build):
    c = Cluster(build, HERE)
    c.a = c.node("a", 1, master=True, args="1", extra=LIMITS)
    c.b = c.node("b", 2, args="2", extra=LIMITS)
    for n in c.nodes:
        n.ready()
    eventually("a reaches b", lambda: c.a.call(".probe", "ask", "back", "10")[:2] == [True, 10])
    return c


def too_large(build):
    """an answer above message_max, however it is given, fails its call at once, and small ones go
    on"""
    with two(build) as c:
        for how in ("back", "respond", "complain"):
            ok, why, cs = c.a.call(".probe", "ask", how, str(2 << 20))
            assert not ok and "the answer was refused: message too large" in why and cs < 500, (how,
                    ok, why, cs)
        assert c.a.call(".probe", "ask", "respond", "1000")[:2] == [True, 1000]
        assert c.a.call(".probe", "ask", "back", str(1000 << 10))[:2] == [True, 1000 << 10]


def too_many(build):
    """answers that find the link full fail their calls; each of 200 calls ends once"""
    with two(build) as c:
        c.a.call(".probe", "many", "200", str(900 << 10))
        c.a.signal(signal.SIGSTOP)
        try:
            eventually("b has refused an answer", lambda: c.b.logged("send queue full"))
        finally:
            c.a.signal(signal.SIGCONT)
        eventually("every call has ended", lambda: sum(c.a.call(".probe", "ended")[:2]) == 200)
        answered, failed, why = c.a.call(".probe", "ended")
        assert answered + failed == 200 and failed > 0, (answered, failed, why)


main([too_large, too_many])
