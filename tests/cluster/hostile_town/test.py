#!/usr/bin/python3
"""Hostile clients of all that a game listens with: HTTP, WebSocket, a gate in Lua, one in C. Memory
is sampled from the first attack on and has to stay flat; clients who behave ask all the while, and
what they waited is in the output. HOSTILE=big (make hostile) is the same with larger numbers."""
import base64, os, resource, signal, socket, struct, threading, time
from harness import eventually, exactly, main, Failed
from victim import Victim, gone, is_open, MIB

HERE = os.path.dirname(os.path.abspath(__file__))
BIG = os.environ.get("HOSTILE") == "big"
KINDS = ("http", "ws", "gate", "cgate")


def scale(small, big):
    return big if BIG else small


class Town(Victim):
    def __init__(self, build, **more):
        super().__init__(build, HERE, "town", **more)

    def greet(self):
        self.ports = self.call("ports")

    def to(self, kind, **more):
        return self.connect(self.ports[kind], **more)


# ---- who speaks the protocols ----

def until(s, end):
    got = b""
    while not got.endswith(end):
        got += exactly(s, 1)
    return got


def ws_frame(text, code=1):
    mask, n = b"\1\2\3\4", len(text)
    size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 \
        else b"\xff" + struct.pack(">Q", n)
    return bytes([0x80 | code]) + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text))


WS_HELLO = ("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            + base64.b64encode(b"0123456789abcdef").decode() + "\r\n\r\n").encode()


def request(kind, text):
    """The bytes that ask for an echo of text."""
    if kind == "http":
        return (b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(text)) + text
    if kind == "ws":
        return ws_frame(text)
    return struct.pack(">H" if kind == "gate" else ">I", len(text)) + text


def read_answer(kind, s):
    if kind == "http":
        head = until(s, b"\r\n\r\n").lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return exactly(s, size).removeprefix(b"/echo ")
    if kind == "ws":
        size = exactly(s, 2)[1]
        return exactly(s, struct.unpack(">H", exactly(s, 2))[0] if size == 126 else size)
    return exactly(s, struct.unpack(">H", exactly(s, 2))[0])


def begun(t, kind, **more):
    """A connection on which requests can be sent."""
    s = t.to(kind, **more)
    if kind == "ws":
        s.sendall(WS_HELLO)
        until(s, b"\r\n\r\n")
    return s


def echoes(kind, s, text):
    s.sendall(request(kind, text))
    got = read_answer(kind, s)
    if got != text:
        raise Failed(f"{kind}: echo of {text[:64]!r}: {got[:64]!r}")


# ---- who looks on ----

class Watch:
    """While it is open a client of each kind asks again and again, and memory is sampled. At the
    end both are told; growth over `bound`, or a request that failed, fails the test."""

    def __init__(self, t, what, bound):
        self.t, self.what, self.bound = t, what, bound
        self.waited, self.error, self.ended = [], None, threading.Event()
        self.good = {k: begun(t, k) for k in KINDS}

    def ask(self):
        try:
            while not self.ended.is_set():
                for kind, s in self.good.items():
                    began = time.monotonic()
                    echoes(kind, s, b"how are you")
                    self.waited.append(time.monotonic() - began)
                time.sleep(0.002)
        except (OSError, Failed) as e:
            self.error = e

    def sample(self):
        while not self.ended.wait(0.02):
            self.most = max(self.most, self.t.rss())

    def __enter__(self):
        for _ in range(20):
            for kind, s in self.good.items():
                echoes(kind, s, b"warm")
        self.first = self.most = self.t.rss()
        self.threads = [threading.Thread(target=f) for f in (self.ask, self.sample)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *rest):
        if not kind:
            time.sleep(0.2)
        self.ended.set()
        for thread in self.threads:
            thread.join()
        w, grown = sorted(self.waited), self.most - self.first
        if w:
            print(f"# {self.what}: others asked {len(w)} times, p50 "
                  f"{w[len(w) // 2] * 1e3:.1f} ms, p99 {w[len(w) * 99 // 100] * 1e3:.1f} ms; "
                  f"memory {self.first / MIB:.1f} MiB, at most {grown / MIB:.1f} more", flush=True)
        if kind:
            return
        if self.error or len(w) < 8:
            raise Failed(f"who behaves was not served: {len(w)} times, {self.error}")
        if self.t.measured and grown > self.bound:
            raise Failed(f"memory grew by {grown / MIB:.1f} MiB, {self.bound / MIB:.1f} are right")
        for s in self.good.values():
            s.close()


def nobody_left(t):
    eventually("all connections and agents are gone",
               lambda: t.call("sockets") == 0 and t.call("agents") == 0, 30)


# ---- the attacks ----

def slow_loris(build):
    """headers that never end, a byte at a time: HTTP and WebSocket end them

    Gates keep theirs, which cost little."""
    n = scale(50, 400)
    with Town(build) as t:
        with Watch(t, "slow loris", scale(20, 60) * MIB):
            begin = {"http": b"GET / HTTP/1.1\r\nx: ", "ws": WS_HELLO[:40], "gate": b"\xff\xff",
                     "cgate": b"\0\xff\xff\xff"}
            crowd = {k: [t.to(k) for _ in range(n)] for k in KINDS}
            for kind, sockets in crowd.items():
                for s in sockets:
                    s.sendall(begin[kind])
            for _ in range(scale(10, 50)):
                for sockets in crowd.values():
                    for s in sockets:
                        try:
                            s.send(b"x")
                        except OSError:
                            pass  # closed, as it should be
                time.sleep(0.02)
            for kind in ("http", "ws"):
                assert all(gone(s) for s in crowd[kind])
            assert all(is_open(s) for kind in ("gate", "cgate") for s in crowd[kind])
            for kind in ("gate", "cgate"):
                for s in crowd[kind]:
                    s.close()
        nobody_left(t)


def who_never_reads(build):
    """clients that ask for more and more and read nothing are closed at the bound of their queue"""
    n = scale(2, 8)
    with Town(build, extra="net: { write_queue: 1MiB }\n") as t:
        with Watch(t, "never reads", 4 * n * 2 * MIB + 24 * MIB):
            bad = []
            for _ in range(n):
                for kind in ("ws", "gate", "cgate"):
                    s = begun(t, kind, buffer=4096)
                    s.sendall(request(kind, b"hose"))
                    bad.append(s)
                s = t.to("http", buffer=4096)
                bad.append(s)
                s.settimeout(0.2)
                try:
                    for _ in range(1000):
                        s.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
                except OSError:
                    pass  # nobody reads it any more, or it was closed
            eventually("all were closed", lambda: t.call("sockets") <= len(KINDS), 60)
            assert t.ctl("status")["sockets_closed_full"] >= 3 * n
            for s in bad:
                s.close()
        nobody_left(t)


def half_open(build):
    """connections that end in the middle, by an end, a reset, or half: nothing is left of them"""
    with Town(build) as t:
        with Watch(t, "half open", scale(24, 48) * MIB):
            for i in range(scale(20, 300)):
                for kind in KINDS:
                    s = begun(t, kind) if i % 2 else t.to(kind)
                    text = request(kind, b"x" * 100)
                    s.sendall(text[:i % len(text)])
                    if i % 3 == 0:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        s.close()
                    elif i % 3 == 1:
                        s.shutdown(socket.SHUT_WR)
                    else:
                        s.close()
        nobody_left(t)


def flood(s, piece):
    """Sends without end, in a process of its own: who looks on shall not wait for it."""
    pid = os.fork()
    if pid:
        s.close()
        return pid
    try:
        while True:
            s.sendall(piece)
    except OSError:
        pass
    finally:
        os._exit(0)


def tiny_packets(build):
    """frames of one byte without end, to agents of a millisecond each, and pings to a WebSocket"""
    with Town(build, extra="net: { write_queue: 1MiB }\n") as t:
        floods = []
        with Watch(t, "tiny packets", scale(12, 32) * MIB):
            try:
                for _ in range(scale(1, 4)):
                    for kind in ("ws", "gate", "cgate"):
                        s = begun(t, kind)
                        s.settimeout(None)
                        tiny = ws_frame(b"", 10) if kind == "ws" else request(kind, b"x")
                        if kind != "ws":
                            s.sendall(request(kind, b"slow"))
                        floods.append(flood(s, tiny * (65536 // len(tiny))))
                time.sleep(scale(2, 20))
            finally:
                for pid in floods:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        assert t.call("ready")  # what the kernel has of a flood is served to its end


def flood_of_a_slow_agent(build):
    """a flood to an agent that takes a millisecond a message: flat memory, all arrives in order"""
    total = scale(8, 200) * MIB
    piece = 16384
    with Town(build) as t:
        for kind in ("gate", "cgate"):
            with Watch(t, f"{total // MIB} MiB to a slow agent of {kind}", 8 * MIB):
                s = begun(t, kind)
                s.settimeout(300)
                s.sendall(request(kind, b"slow"))
                filler = b"x" * (piece - 4)
                for i in range(1, total // piece + 1):
                    s.sendall(request(kind, struct.pack(">I", i) + filler))
                s.sendall(request(kind, b"count"))
                said = read_answer("gate", s).decode()
                assert said == f"{total // piece} true", said
                s.close()


def oversized_lengths(build):
    """lengths that nobody means: the connection ends, and no memory is taken for them"""
    huge = {
        "http": [b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999999999999\r\n\r\n",
                 b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n",
                 b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
                 b"ffffffffffff\r\n",
                 b"GET /" + b"x" * 65536],
        "ws": [b"\x82\xff\x7f" + b"\xff" * 7 + b"abcd", b"\x82\xff" + b"\xff" * 8 + b"abcd",
               b"\x89\xfe\xff\xff" + b"abcd"],
        "cgate": [b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\x80\0\0\0"],
    }
    with Town(build) as t:
        with Watch(t, "oversized lengths", 16 * MIB):
            for _ in range(scale(5, 100)):
                for kind, heads in huge.items():
                    for head in heads:
                        s = begun(t, kind)
                        s.sendall(head)
                        assert gone(s)
                        s.close()
        nobody_left(t)


def byte_at_a_time(build):
    """requests that come a byte at a time are served like others"""
    text = b"a whole request"
    with Town(build) as t:
        with Watch(t, "a byte at a time", 16 * MIB):
            for _ in range(scale(2, 20)):
                for kind in KINDS:
                    s = t.to(kind)
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for c in (WS_HELLO if kind == "ws" else b"") + request(kind, text):
                        s.send(bytes([c]))
                    if kind == "ws":
                        until(s, b"\r\n\r\n")
                    assert read_answer(kind, s) == text
                    s.close()
        nobody_left(t)


def storm(build):
    """connections without end, up to the last descriptor and beyond: no listener dies of it"""
    files = scale(128, 1024)
    with Town(build, files=files) as t:
        with Watch(t, "a storm of connections", scale(24, 64) * MIB):
            for _ in range(scale(2, 5)):
                crowd = []
                for i in range(files * 2):
                    try:
                        crowd.append(t.to(KINDS[i % 4]))
                    except OSError:
                        pass
                eventually("some were turned away",
                           lambda: t.ctl("status")["accepts_refused"] >= files // 4)
                for s in crowd:
                    s.close()
                eventually("they are gone", lambda: t.call("sockets") <= len(KINDS), 30)
                for kind in KINDS:
                    s = begun(t, kind)
                    echoes(kind, s, b"after the storm")
                    s.close()
        nobody_left(t)


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    main([slow_loris, who_never_reads, half_open, tiny_packets, flood_of_a_slow_agent,
          oversized_lengths, byte_at_a_time, storm])
