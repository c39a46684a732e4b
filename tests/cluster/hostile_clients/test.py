#!/usr/bin/python3
"""Clients that never read, that say half a line and wait, that send without end, that take every
descriptor: what they cost is bounded, and who behaves is served meanwhile."""
import os, subprocess, threading, time
import victim
from harness import eventually, main, Failed
from victim import gone, is_open, MIB

HERE = os.path.dirname(os.path.abspath(__file__))
# What a node of this size may grow by besides: buffers of the kernel are not in it, those of Lua
# and the allocator are.
SLACK = 24 * MIB


def Victim(build, **more):
    return victim.Victim(build, HERE, "victim", **more)


def echoes(s, text="hello"):
    s.sendall(text.encode() + b"\n")
    got = b""
    while not got.endswith(b"\n"):
        more = s.recv(65536)
        if not more:
            raise Failed(f"the echo ended after {got!r}")
        got += more
    if got != text.encode() + b"\n":
        raise Failed(f"echo of {text!r}: {got!r}")


def four_that_never_read(build):
    """four clients that never read cost at most 4 times 16 MiB, then their sockets are closed; a
    fifth is served meanwhile"""
    with Victim(build) as v:
        good = v.client("echo")
        echoes(good)
        before = v.peak()
        bad = [v.client("hose 65536", buffer=4096) for _ in range(4)]
        eventually("all four were closed", lambda: echoes(good) or v.call("writes")["failed"] == 4,
                   60)
        v.grew_at_most(before, 4 * 16 * MIB + SLACK)
        status = v.ctl("status")
        assert status["sockets_closed_full"] == 4 and status["writes_refused"] == 4, status
        assert status["write_queue_bytes"] == 0, status
        assert status["write_queue_max_bytes"] > 64 * MIB, status
        log = v.logged()
        assert "the write queue is full (net.write_queue)" in log, log
        assert all(gone(s) for s in bad)


def small_pieces_too(build):
    """a client that never reads what is written in pieces of 16 bytes costs at most 16 MiB as
    well"""
    with Victim(build) as v:
        before = v.peak()
        v.client("hose 16", buffer=4096)
        eventually("it was closed", lambda: v.call("writes")["failed"] == 1, 60)
        v.grew_at_most(before, 16 * MIB + SLACK)


def refused_in_place_of_closed(build):
    """with the policy error a write fails, the connection stays, and all that was taken arrives"""
    with Victim(build, extra="net: { write_queue: 1MiB, write_policy: error }\n") as v:
        s = v.client("hose 65536", buffer=4096)
        eventually("a write failed", lambda: v.call("writes")["failed"] == 1)
        status = v.ctl("status")
        assert status["sockets_closed_full"] == 0 and status["writes_refused"] >= 1, status
        assert 0 < status["write_queue_bytes"] <= MIB, status
        taken, got = v.call("writes")["taken"], 0
        while True:
            n = len(s.recv(1 << 20))
            if not n:
                break
            got += n
        assert got == taken, (got, taken)


def every_descriptor(build):
    """clients that take every descriptor: harborctl is answered, nothing spins, later all is as
    before"""
    with Victim(build, files=96) as v:
        good = v.client("echo")
        echoes(good)
        crowd = [v.client("echo") for _ in range(300)]
        eventually("some were turned away", lambda: v.ctl("status")["accepts_refused"] >= 100)
        for _ in range(5):
            assert v.ctl("status")["state"] == "running"
            assert v.ctl("list")["services"] and v.call("sockets") > 40
        echoes(good)
        before = v.ticks()
        time.sleep(1)
        if v.measured:
            assert v.ticks() - before < 20, "it spins"
        assert v.logged().count("Too many open files") < 20
        served = [s for s in crowd if is_open(s)]
        assert len(served) >= 40, len(served)
        for s in crowd:
            s.close()
        eventually("only one client is left", lambda: v.call("sockets") == 1)
        echoes(v.client("echo"))


def every_descriptor_by_the_program(build):
    """a program that opens files until there are no descriptors left: harborctl is answered, two at
    a time"""
    with Victim(build, files=96) as v:
        assert v.call("open_files") > 30
        for _ in range(20):
            assert v.ctl("status")["state"] == "running"
        asked = [subprocess.Popen([v.build + "/harborctl", "--socket", v.socket, "--json",
                                   "services"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
        for p in asked:
            out, err = p.communicate(timeout=20)
            assert p.returncode == 0 and b"victim" in out, (p.returncode, out, err)
        before = v.ticks()
        # connections of harborctl have left a descriptor or two
        waiting = [v.client() for _ in range(12)]
        time.sleep(1)
        if v.measured:
            assert v.ticks() - before < 20, "it spins"
        assert v.call("close_files") is True
        left = [is_open(s) for s in waiting]
        assert sum(left) <= 4, left
        eventually("a client is served", lambda: echoes(v.client("echo")) is None)


def flood(s, piece, stop):
    try:
        while not stop.is_set():
            s.send(piece)
    except OSError:
        pass


def flooded(v, hello, piece, n, seconds, busy=None):
    """n clients send without end for so long; returns the sockets."""
    stop, clients = threading.Event(), [v.client(hello) for _ in range(n)]
    threads = [threading.Thread(target=flood, args=(s, piece, stop)) for s in clients]
    for s in clients:
        s.settimeout(0.2)
    work = threading.Thread(target=busy) if busy else None
    if work:
        work.start()
    for t in threads:
        t.start()
    time.sleep(seconds)
    stop.set()
    for t in threads:
        t.join()
    if work:
        work.join()
    return clients


def floods_while_nobody_reads(build):
    """clients that flood a service which is busy for two seconds: the kernel keeps what it cannot
    read yet"""
    with Victim(build) as v:
        before = v.peak()
        for piece in (b"x" * 65536, b"y\n" * 8):
            flooded(v, "pause", piece, 6, 2, lambda: v.call("work", "2"))
        v.grew_at_most(before, 12 * MIB + SLACK)
        eventually("it lives", lambda: echoes(v.client("echo")) is None)


def a_line_without_end(build):
    """clients that send a line without end are closed when it is 16 MiB long"""
    with Victim(build) as v:
        before = v.peak()
        clients = flooded(v, "never", b"x" * 65536, 2, 3)
        eventually("both were closed", lambda: v.call("sockets") == 0)
        v.grew_at_most(before, 2 * 16 * MIB + SLACK)
        assert v.logged().count("socket buffer overflow") == 2
        assert all(gone(s) for s in clients)


def half_a_line_and_no_more(build):
    """four hundred clients that say half a line, a byte at a time, cost little, and others are
    served"""
    with Victim(build) as v:
        good = v.client("echo")
        before = v.peak()
        slow = [v.client() for _ in range(400)]
        for i in range(5):
            for s in slow:
                s.sendall(b"e")
            echoes(good)
        eventually("all are there", lambda: v.call("sockets") == 401)
        v.grew_at_most(before, 12 * MIB)
        for s in slow:
            s.close()
        eventually("all are gone", lambda: v.call("sockets") == 1)


def calls_that_flood_a_mailbox(build):
    """with lua.mailbox_max a busy service refuses what does not fit: the caller is told at once;
    services of the node have no bound"""
    with Victim(build, lua=", mailbox_max: 3") as v:
        enough = v.tmp + "/enough"
        work = threading.Thread(target=lambda: v.call("work_until", enough))
        work.start()
        eventually("it works", lambda: os.path.exists(enough + ".begun"))
        asked = [subprocess.Popen([v.build + "/harborctl", "--socket", v.socket, "call", ".victim",
                                   "writes"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                                  for _ in range(10)]
        eventually("all but three were told while it works",
                   lambda: sum(p.poll() is not None for p in asked) == 7)
        open(enough, "w").close()
        ended = [(p.communicate(timeout=20), p.returncode) for p in asked]
        work.join()
        told = [err for (_, err), status in ended if status]
        assert len(told) == 7 and all("the mailbox is full" in err for err in told), ended
        services = {s["service"]: s for s in v.ctl("services")["services"]}
        assert services["snlua victim"]["messages_refused"] == len(told), services
        assert services["snlua launcher"]["mailbox_max_messages"] == 0, services
        assert v.call("writes")


if __name__ == "__main__":
    main([four_that_never_read, small_pieces_too, refused_in_place_of_closed, every_descriptor,
          every_descriptor_by_the_program,
          floods_while_nobody_reads, a_line_without_end, half_a_line_and_no_more,
          calls_that_flood_a_mailbox])
