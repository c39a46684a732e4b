"""The wire of skynet.cluster, spoken by hand: this file plays an original node on
either side of a real one and compares bytes."""
import os, socket, struct, time
from harness import Failed, eventually, exactly

PART = 0x8000


def u32(*n):
    return struct.pack(f"<{len(n)}I", *n)


def text(s):
    """A string as the contract serialises it."""
    s = s.encode() if isinstance(s, str) else s
    if len(s) < 32:
        return bytes([4 | len(s) << 3]) + s
    if len(s) < 0x10000:
        return bytes([5 | 2 << 3]) + struct.pack("<H", len(s)) + s
    return bytes([5 | 4 << 3]) + u32(len(s)) + s


def number(n):
    if n < 0x100:
        return bytes([2 | 1 << 3, n])
    if n < 0x10000:
        return bytes([2 | 2 << 3]) + struct.pack("<H", n)
    return bytes([2 | 4 << 3]) + struct.pack("<i", n)


class Wire:
    def __init__(self, s):
        self.socket = s
        s.settimeout(20)

    def send(self, *bodies):
        self.socket.sendall(b"".join(struct.pack(">H", len(b)) + b for b in bodies))

    def exactly(self, n):
        return exactly(self.socket, n)

    def frame(self):
        return self.exactly(struct.unpack(">H", self.exactly(2))[0])

    def expect(self, body):
        got = self.frame()
        assert got == body, (got[:80], len(got), body[:80], len(body))

    def silent(self, seconds=0.2):
        self.socket.settimeout(seconds)
        try:
            got = self.socket.recv(1)
            raise Failed(f"expected silence, got {got!r}")
        except TimeoutError:
            self.socket.settimeout(20)

    def closed(self):
        try:
            assert self.socket.recv(1) == b""
        except ConnectionResetError:
            pass

    def close(self):
        self.socket.close()


def connect(port):
    return Wire(socket.create_connection(("127.0.0.1", port), 20))


class Listener:
    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(20)
        self.port = self.socket.getsockname()[1]

    def accept(self):
        return Wire(self.socket.accept()[0])


# ---- the node serves ----

def serves_single_frames(c, a):
    handle = a.one("return skynet.self()")
    w = connect(a.port)
    echo = text("echo") + number(7) + text("x")
    w.send(b"\x00" + u32(handle, 1) + echo)
    w.expect(u32(1) + b"\x01" + number(7) + text("x"))
    w.send(b"\x80\x06.probe" + u32(0x7fffffff) + echo)
    w.expect(u32(0x7fffffff) + b"\x01" + number(7) + text("x"))
    a.eval('cluster.register "me"')
    w.send(b"\x80\x03@me" + u32(3) + text("echo"))
    w.expect(u32(3) + b"\x01")
    w.send(b"\x00" + u32(0, 4) + text("me"))
    w.expect(u32(4) + b"\x01" + number(handle))
    w.send(b"\x00" + u32(0, 5) + text("you"))
    w.expect(u32(5) + b"\x00name not found")
    w.send(b"\x80\x04@you" + u32(6) + echo)
    w.expect(u32(6) + b"\x00Invalid name")
    w.send(b"\x00" + u32(0, 7) + number(1))
    w.expect(u32(7) + b"\x00Invalid name")
    w.send(b"\x00" + u32(0xfffff, 8) + echo)
    w.expect(u32(8) + b"\x00call to invalid address :000fffff")
    w.send(b"\x80\x07.nobody" + u32(9) + echo)
    w.expect(u32(9) + b"\x00call to invalid address .nobody")
    w.send(b"\x80\x03@me" + u32(10) + text("raise") + text("why"))
    w.expect(u32(10) + b"\x00call failed: error in callee: why")
    w.send(b"\x80\x03@me" + u32(11) + text("raise") + text("e" * 60000))
    got = w.frame()
    assert got[:5] == u32(11) + b"\x00" and len(got) <= 5 + PART, len(got)
    # the names that an agent remembers are forgotten when they change
    a.eval('cluster.unregister "me"')
    eventually("the name is gone", lambda: (w.send(b"\x80\x03@me" + u32(12) + echo),
                                            w.frame())[1] == u32(12) + b"\x00Invalid name")
    a.says("Unregister [me] :" + "%08x" % handle)
    w.close()


def serves_pushes(c, a):
    w = connect(a.port)
    w.send(b"\x80\x06.probe" + u32(0) + text("keep") + text("one"),
           b"\x00" + u32(a.one("return skynet.self()"), 0) + text("keep") + text("two"))
    eventually("two pushes", lambda: a.call(".probe", "kept") == ["one,two"])
    w.send(b"\x80\x07@nobody" + u32(0) + text("keep"))
    w.expect(u32(0) + b"\x00Invalid name")
    w.send(b"\x80\x07.nobody" + u32(0) + text("keep"), b"\x00" + u32(0xfffff, 0) + b"",
           b"\x00" + u32(0, 0) + text("q"))
    w.silent()
    w.close()


def serves_parts(c, a):
    handle = a.one("return skynet.self()")
    w = connect(a.port)
    for i, n in enumerate((PART - 8, PART, PART + 1, 200000)):
        payload = text("size") + text("s" * n)
        parts = [payload[p:p + PART] for p in range(0, len(payload), PART)]
        head = [b"\x01" + u32(handle), b"\x81\x06.probe"][i % 2]
        frames = [head + u32(20 + i, len(payload))] + [b"\x02" + u32(20 + i) + p
                                                       for p in parts[:-1]] + [b"\x03"
                                                               + u32(20 + i) + parts[-1]]
        for f in frames[:-1]:
            w.send(f)
        # another request between the parts
        w.send(b"\x80\x06.probe" + u32(5) + text("echo"))
        w.expect(u32(5) + b"\x01")
        w.send(frames[-1])
        w.expect(u32(20 + i) + b"\x01" + number(n))
    # a push in parts, by name and by number, mixed
    payload = text("keep") + text("k" * 40000)
    w.send(b"\xc1\x06.probe" + u32(30, len(payload)), b"\x41" + u32(handle, 31, len(payload)),
           b"\x02" + u32(30) + payload[:PART],
           b"\x02" + u32(31) + payload[:PART], b"\x03" + u32(31) + payload[PART:],
           b"\x03" + u32(30) + payload[PART:])
    eventually("two large pushes",
               lambda: a.one("return kept[1] and kept[2] and #kept[1] + #kept[2]") == 80000)
    w.silent()
    # answers: up to 0x8000 in one frame, beyond in parts
    for n in (PART - 3, PART - 2, 2 * PART - 5, 100000):
        w.send(b"\x80\x06.probe" + u32(40) + text("big") + number(n))
        data = text("b" * n)
        if len(data) <= PART:
            w.expect(u32(40) + b"\x01" + data)
            continue
        w.expect(u32(40) + b"\x02" + u32(len(data)))
        for at in range(0, len(data), PART):
            w.expect(u32(40) + (b"\x03" if at + PART < len(data) else b"\x04") + data[at:at + PART])
    w.close()


def refuses(c, a):
    """what is wrong is answered once, or ends the connection; it costs what was sent, not what was
    declared"""
    w = connect(a.port)
    w.send(b"\x81\x06.probe" + u32(1, 0xffffffff), b"\x02" + u32(1) + b"x" * PART,
           b"\x03" + u32(1) + b"x")
    w.expect(u32(1) + b"\x00Invalid large req")
    w.send(b"\x03" + u32(2) + b"no head")
    w.expect(u32(2) + b"\x00Invalid large req")
    w.send(b"\x81\x06.probe" + u32(3, 10), b"\x02" + u32(3) + b"x" * 11, b"\x03" + u32(3) + b"")
    w.expect(u32(3) + b"\x00Invalid large req")
    w.send(b"\x81\x06.probe" + u32(4, 10), b"\x03" + u32(4) + b"short")
    w.expect(u32(4) + b"\x00Invalid large req")
    before = a.ctl("status").get("memory", 0)
    for i in range(300):
        w.send(b"\x81\x06.probe" + u32(100 + i, 256 << 20), b"\x02" + u32(100 + i) + b"y")
    w.send(b"\x03" + u32(399) + b"z")
    w.expect(u32(399) + b"\x00Invalid large req")
    w.send(b"\x80\x06.probe" + u32(5) + text("echo"))
    w.expect(u32(5) + b"\x01")
    rss = int(next(l for l in open(f"/proc/{a.process.pid}/status")
                   if l.startswith("VmRSS")).split()[1])
    assert rss < 400 << 10, rss
    w.close()
    for bad in (b"", b"\x05", b"\x00\x01", b"\x80\x00" + u32(1), b"\x80\x09abc",
                b"\x01" + u32(1, 1), b"\x01" + u32(1, 1, 1) + b"x",
                b"\x02" + u32(1), b"\x02" + u32(1) + b"x" * (PART + 1),
                b"\x00" + u32(1, 0x80000000), b"\xff"):
        w = connect(a.port)
        w.send(bad)
        w.closed()
        w.close()
    a.says("clusteragent: invalid frame", 11)
    assert a.one('return skynet.call(".probe", "lua", "self")') > 0


def serves_traces(c, a):
    w = connect(a.port)
    w.send(b"\x04" + b"(far-away-1)tag", b"\x80\x06.probe" + u32(1) + text("trace"))
    w.expect(u32(1) + b"\x01" + text("(far-away-1)tag"))
    w.send(b"\x80\x06.probe" + u32(2) + text("trace"))
    w.expect(u32(2) + b"\x01" + b"\x00")
    a.says("<TRACE (far-away-1)tag>")
    w.close()


# ---- the node asks ----

def start(a, code):
    """Runs a call in the background; kept.result is what it gave, or kept.why."""
    a.eval("kept.result, kept.why, kept.done = nil, nil, nil skynet.fork(function() local ok, r = "
           "pcall(function() " + code +
           " end) if ok then kept.result = r else kept.why = r end kept.done = true end)")


def finish(a, key="result"):
    eventually("the call is done", lambda: a.one("return kept.done"))
    return a.one(f"return kept.{key}")


def asks(c, a):
    far = Listener()
    a.eval("cluster.reload { far = ... }", f"127.0.0.1:{far.port}")
    start(a, 'return cluster.call("far", 0x1234, "echo", 7)')
    w = far.accept()
    w.expect(b"\x00" + u32(0x1234, 1) + text("echo") + number(7))
    w.send(u32(1) + b"\x01" + text("answer"))
    assert finish(a) == "answer"
    start(a, 'return cluster.call("far", "@name", "x")')
    w.expect(b"\x80\x05@name" + u32(2) + text("x"))
    w.send(u32(2) + b"\x00" + b"call failed")
    assert finish(a, "why").endswith("call failed: call failed"), a.one("return kept.why")
    start(a, 'return cluster.query("far", "name")')
    w.expect(b"\x00" + u32(0, 3) + text("name"))
    w.send(u32(3) + b"\x01" + number(9))
    assert finish(a) == 9
    # sends: session 0 in one frame, which uses none up; a session of its own in parts
    a.eval('cluster.send("far", ".n", "s")')
    w.expect(b"\x80\x02.n" + u32(0) + text("s"))
    a.eval('cluster.send("far", 5, ("s"):rep(40000))')
    data = text("s" * 40000)
    w.expect(b"\x41" + u32(5, 4, len(data)))
    w.expect(b"\x02" + u32(4) + data[:PART])
    w.expect(b"\x03" + u32(4) + data[PART:])
    a.eval('cluster.send("far", "@n", ("s"):rep(40000))')
    w.expect(b"\xc1\x02@n" + u32(5, len(data)))
    w.expect(b"\x02" + u32(5) + data[:PART])
    w.expect(b"\x03" + u32(5) + data[PART:])
    # 0x7fff bytes are one frame, 0x8000 are not; a multiple of the part has no empty last one
    for session, size in ((6, PART - 1), (7, PART), (8, 2 * PART)):
        start(a, f'return cluster.call("far", 5, ("s"):rep({size - 3}))')
        data = text("s" * (size - 3))
        assert len(data) == size
        if size < PART:
            w.expect(b"\x00" + u32(5, session) + data)
        else:
            w.expect(b"\x01" + u32(5, session, size))
            for at in range(0, size, PART):
                w.expect((b"\x02" if at + PART < size else b"\x03") + u32(session)
                         + data[at:at + PART])
        w.send(u32(session) + b"\x01")
        finish(a)
    # an answer in parts, another between them
    data = text("a" * 100000)
    start(a, 'local s = cluster.call("far", ".n", 1) return #s')
    w.expect(b"\x80\x02.n" + u32(9) + number(1))
    w.send(u32(9) + b"\x02" + u32(len(data)), u32(9) + b"\x03" + data[:PART])
    a.eval('skynet.fork(function() kept.other = cluster.call("far", ".n", 2) end)')
    w.expect(b"\x80\x02.n" + u32(10) + number(2))
    w.send(u32(9) + b"\x03" + data[PART:2 * PART], u32(10) + b"\x01" + text("between"),
           u32(9) + b"\x03" + data[2 * PART:3 * PART],
           u32(9) + b"\x04" + data[3 * PART:])
    assert finish(a) == 100000 and a.one("return kept.other") == "between"
    # answers that nobody asked for are logged
    w.send(u32(4711) + b"\x01" + b"?")
    a.says("socket: unknown session : 4711")
    # answers that are wrong fail their call alone
    for session, frames in ((11, [b"\x03" + b"no begin"]), (12, [b"\x02" + u32(0xffffffff)]),
                            (13, [b"\x02" + u32(2), b"\x03abc"]),
                            (14, [b"\x02" + u32(4), b"\x04abc"])):
        start(a, 'return cluster.call("far", ".n")')
        w.expect(b"\x80\x02.n" + u32(session))
        w.send(*[u32(session) + f for f in frames])
        assert "call failed: " in finish(a, "why")
    # nothing else was said on this connection
    w.silent()
    # the connection is lost: the call fails; the next one makes a new connection
    start(a, 'return cluster.call("far", ".n")')
    w.expect(b"\x80\x02.n" + u32(15))
    w.close()
    assert "the connection was lost" in finish(a, "why")
    start(a, 'return cluster.call("far", ".n")')
    w = far.accept()
    w.expect(b"\x80\x02.n" + u32(16))
    # an unknown type ends it
    w.send(u32(16) + b"\x09")
    w.closed()
    assert "call failed: " in finish(a, "why")


def asks_with_a_tag(c, a):
    far = Listener()
    a.eval("cluster.reload { far = ... }", f"127.0.0.1:{far.port}")
    start(a, 'skynet.trace() kept.tag = skynet.tracetag() return cluster.call("far", ".n", '
             '("x"):rep(kept.n or 1))')
    w = far.accept()
    tag = a.one("return kept.tag")
    crossing = f"({socket.gethostname()}{a.process.pid}-far-1){tag}".encode()
    w.expect(b"\x04" + crossing)
    w.expect(b"\x80\x02.n" + u32(1) + text("x"))
    w.send(u32(1) + b"\x01")
    finish(a)
    start(a, 'skynet.trace() kept.tag = skynet.tracetag() return cluster.call("far", ".n", '
             '("x"):rep(40000))')
    got = w.frame()
    tag = a.one("return kept.tag")
    assert got == b"\x04" + f"({socket.gethostname()}{a.process.pid}-far-2){tag}".encode(), got
    w.expect(b"\x81\x02.n" + u32(2, 40003))
    w.frame()
    w.frame()
    w.send(u32(2) + b"\x01")
    finish(a)
    a.says("cluster far")
    a.says("session " + crossing.decode())
