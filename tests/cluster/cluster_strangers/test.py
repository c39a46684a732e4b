#!/usr/bin/python3
"""skynet.cluster against strangers: bytes by a seed on its port, peers that stop in the middle of
the handshake, answer nonsense or pointers. The node lives, keeps little for them, and every call
has its end."""
import os, random, socket, struct, sys, threading
from harness import Cluster, Failed, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../skynet_cluster")
import wire

KEY = b"\x80\x0c.cluster key"


def node(c, options=""):
    """A node with a cluster configuration of its own; its port of skynet.cluster is n.port."""
    n = c.node("n", 1, master=True).ready()
    n.port = n.call(".probe", "open", options)[0]
    return n


def lives(n):
    assert n.call(".probe", "echo", "still")[0] == "still"


def rss(n):
    with open(f"/proc/{n.process.pid}/status") as f:
        return next(int(line.split()[1]) >> 10 for line in f if line.startswith("VmRSS"))


def whole(body):
    return struct.pack(">H", len(body)) + body


def shapes(r):
    """Bodies as they could be, and as they could not."""
    session = r.choice((0, 1, 2, 0x7fffffff, 0xffffffff))
    junk = bytes(r.getrandbits(8) & r.getrandbits(8) for _ in range(r.randrange(60)))
    name = bytes([r.choice((0, 1, 6, 255))]) + junk
    return r.choice((
        junk,
        b"\x00" + wire.u32(r.choice((0, 1, 2, 7, 0xffffffff)), session) + junk,
        b"\x80" + name,
        b"\x80\x06.probe" + wire.u32(session) + wire.text("echo") + junk,
        b"\x01" + wire.u32(r.choice((0, 9)), session, r.choice((0, 5, 1 << 31, 0xffffffff))),
        b"\xc1" + name + wire.u32(session, 100),
        bytes([r.choice((2, 3))]) + wire.u32(session) + junk,
        b"\x04" + junk,
        KEY + wire.u32(session) + wire.text(r.choice(("hello", "proof", "x"))) + wire.text(junk),
    ))


def seeded(n, seed):
    r = random.Random(seed)
    for _ in range(150):
        s = socket.create_connection(("127.0.0.1", n.port), 20)
        try:
            for _ in range(r.randrange(1, 12)):
                data = whole(shapes(r))
                s.sendall(data if r.random() < 0.9 else data[:r.randrange(len(data) + 1)])
        except OSError:
            pass # it closed the connection: its right
        s.close()


def bytes_by_a_seed(options):
    def test(build):
        with Cluster(build, HERE) as c:
            n = node(c, options)
            for seed in (1, 20261126, 3):
                seeded(n, seed)
            lives(n)
            eventually("no agent is left over", lambda: n.call(".probe", "agents")[0] == 0)
            w = wire.connect(n.port) # and the port serves
            w.send(KEY + wire.u32(1) + wire.text("hello") + wire.text("n" * 32))
            assert len(w.frame()) > 5
            w.close()
            with open(n.log, errors="replace") as f:
                assert "stack traceback" not in "".join(line for line in f
                                                        if "clusteragent" in line)
    return test


def nothing_before_the_key(build):
    """who has not shown the key cannot make the node keep parts of messages, or wait in silence"""
    with Cluster(build, HERE) as c:
        n = node(c, "key")
        part = b"\x02" + wire.u32(1) + b"x" * 0x8000
        for first in (b"\x01" + wire.u32(9, 1, 200 << 20), part, b"\x04" + b"t" * 30000,
                      KEY + wire.u32(1) + b"x" * 3000):
            w = wire.connect(n.port)
            w.send(first)
            w.socket.settimeout(5)
            eventually("it is closed", lambda: is_closed(w))
        silent = [wire.connect(n.port) for _ in range(20)]
        for w in silent[:10]:
            w.send(KEY + wire.u32(1) + wire.text("hello") + wire.text("n" * 32))
        eventually("the silent ones are closed", lambda: n.call(".probe", "agents")[0] == 0, 30)
        lives(n)


def is_closed(w):
    try:
        return w.socket.recv(4096) == b""
    except ConnectionResetError:
        return True


def serve(answers):
    """A peer that takes connections and answers each frame with what answers(body) gives; None:
    nothing."""
    listener = wire.Listener()

    def run():
        while True:
            try:
                w = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(w,), daemon=True).start()

    def talk(w):
        try:
            while True:
                for body in answers(w.frame()) or ():
                    w.send(body)
        except (OSError, Failed):
            pass

    threading.Thread(target=run, daemon=True).start()
    return listener


def session_of(body):
    """Of a request by name or handle in one frame."""
    at = 2 + body[1] if body[0] == 0x80 else 5
    return body[at:at + 4]


def result(n, listener, what):
    return eventually(what, lambda: (lambda r: r[0]
                                     and r)(n.call(".probe", "result", str(listener.port))), 40)[1:]


def a_peer_that_does_not_show_the_key(build):
    """a peer that is silent, or answers the handshake with anything else: the call fails, with a
    reason, in time"""
    nonce = wire.text("s" * 32)
    with Cluster(build, HERE) as c:
        n = node(c, "key")
        replies = {
            "nothing": lambda s: [],
            "short": lambda s: [s + b"\x01" + wire.text("x")],
            "wrong proof": lambda s: [s + b"\x01" + nonce + wire.text("p" * 32)],
            "no text": lambda s: [s + b"\x01" + wire.number(5) * 2],
            "a pointer": lambda s: [s + b"\x01" + b"\x03" + b"\x41" * 8 + b"\x03" + b"\x41" * 8],
            "broken": lambda s: [s + b"\x01" + b"\x2a\xff"],
            "endless parts": lambda s: [s + b"\x02" + wire.u32(0xffffffff),
                                        s + b"\x03" + b"x" * 0x8000],
            "half of it": lambda s: [s + b"\x02" + wire.u32(100), s + b"\x03" + b"x" * 10],
            "another session": lambda s: [wire.u32(77) + b"\x01" + nonce],
            "no frame": lambda s: [b"", b"\x01", s],
        }
        listeners = {name: serve(lambda body, reply=reply: reply(session_of(body))) for name,
                     reply in replies.items()}
        for listener in listeners.values():
            n.call(".probe", "call", str(listener.port))
        for name, listener in listeners.items():
            ok, why = result(n, listener, f"the end of a call to a peer that answers {name}")
            assert not ok and "cluster key" in why and len(why) < 2000, (name, why)
            listener.socket.close()
        lives(n)


def pointers_from_elsewhere(build):
    """a pointer in a request or in an answer is an error, and touches nothing"""
    pointer = b"\x03" + struct.pack("<Q", 0x4141414141414141)
    with Cluster(build, HERE) as c:
        n = node(c)
        w = wire.connect(n.port)
        for payload in (pointer, wire.text("echo") + pointer,
                        wire.text("echo") + b"\x06" + wire.text("k") + pointer + b"\x00",
                        wire.text("echo") + b"\xfe" + wire.number(40) + wire.text("x") * 39
                        + pointer + b"\x00"):
            w.send(b"\x80\x06.probe" + wire.u32(5) + payload)
            got = w.frame()
            assert got[:5] == wire.u32(5) + b"\x00" and b"pointer" in got, got
            w.send(b"\x80\x06.probe" + wire.u32(0) + payload) # a push
        # what only looks like one is none
        text = "\x03" * 40
        w.send(b"\x80\x06.probe" + wire.u32(6) + wire.text("echo") + wire.text(text))
        assert w.frame() == wire.u32(6) + b"\x01" + wire.text(text)
        w.close()
        listener = serve(lambda body: [session_of(body) + b"\x01" + pointer])
        n.call(".probe", "call", str(listener.port))
        ok, why = result(n, listener, "the end of the call")
        assert not ok and "pointer" in why, why
        lives(n)


def an_answer_without_end(build):
    """a peer begins an answer and sends parts of nothing for ever, or begins it again and again:
    the call has its end, with a line that says why"""
    def endless(frame):
        """Whether the node takes it for ever."""
        listener = wire.Listener()
        n.call(".probe", "call", str(listener.port))
        w = listener.accept()
        id = session_of(w.frame())
        w.send(id + b"\x02" + wire.u32(1000))
        try:
            for _ in range(100):
                w.send(*[id + frame] * 100)
                w.socket.settimeout(0.01)
                try:
                    if not w.socket.recv(1):
                        break
                except TimeoutError:
                    pass
                w.socket.settimeout(20)
        except OSError:
            pass # it closed the connection
        ok, why = result(n, listener, "the end of the call")
        w.close()
        assert not ok
        return why

    with Cluster(build, HERE) as c:
        n = node(c)
        assert "the connection was lost" in endless(b"\x03")
        with open(n.log, errors="replace") as f:
            assert "empty part, and not the last" in f.read()
        assert "invalid answer" in endless(b"\x02" + wire.u32(1000))
        lives(n)


bytes_open = bytes_by_a_seed("")
bytes_open.__doc__ = "frames by a seed, cut anywhere, on a port without a key: " \
                     "the node lives and serves, nothing stays"
bytes_key = bytes_by_a_seed("key")
bytes_key.__doc__ = "the same with a key"

main([bytes_open, bytes_key, nothing_before_the_key, a_peer_that_does_not_show_the_key,
      pointers_from_elsewhere, an_answer_without_end])
