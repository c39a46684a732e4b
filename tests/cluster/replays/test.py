#!/usr/bin/python3
"""Services with sockets, several at once, are recorded under load; harborctl record keeps what
they get, and harbord --replay runs each alone to the same end, and opens nothing."""
import base64, os, re, shutil, socket, struct, subprocess, threading, time
from harness import Cluster, Failed, eventually, exactly, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(os.environ.get("REPLAY_SECONDS", 2))


class World(Cluster):
    """A node with the services of this folder, each recorded, and clients that talk to them."""

    def __init__(self, build):
        super().__init__(build, HERE)
        self.stopping, self.threads, self.wrong, self.answers = False, [], [], 0

    def begin(self, *services):
        self.a = self.node("a", 1, master=True).ready()
        for name in services:
            self.a.ctl("record", "--next", self.tape(name), name)
            if name == "frames":
                self.a.call(".main", "gate")
            else:
                self.a.call(".main", "launch", name, str(free_port()))
            eventually(f"{name} is there", lambda: self.a.call("." + name, "port")
                       if name != "cacher" else self.a.call(".cacher", "remember", "x"))
        return self

    def tape(self, name):
        return f"{self.tmp}/{name}.tape"

    def port(self, name):
        return int(self.a.call("." + name, "port")[0])

    def view(self, name):
        return [r for r in self.a.ctl("record")["recordings"] if r["file"] == self.tape(name)][-1]

    def client(self, work, *args):
        """Runs work(*args), which returns after each answer, until the end."""
        def run():
            try:
                while not self.stopping:
                    work(*args)
                    self.answers += 1
            except Exception as e:
                if not self.stopping:
                    self.wrong.append(f"{work.__name__}: {type(e).__name__}: {e}")
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def load(self, seconds=SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.wrong:
            time.sleep(0.02)
        assert not self.wrong, self.wrong

    def quiet(self):
        self.stopping = True
        for t in self.threads:
            t.join()
        assert not self.wrong, self.wrong

    def replay(self, name, *before, timeout=120):
        env = dict(os.environ, **({"VALGRIND": "1"} if before else {}))
        # what the service hands to others by a pointer (a multicast) is taken by nobody here
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        p = subprocess.run([*before, self.build + "/harbord", "--replay", self.tape(name),
                            self.a.config], capture_output=True, text=True, errors="replace",
                           timeout=timeout, env=env)
        return p, p.stdout + p.stderr

    def replays(self, name, end=None):
        """It is the same, up to the end that the recording knows."""
        p, said = self.replay(name)
        assert p.returncode == 0 and "the same" in p.stdout, f"{name}: {said[-3000:]}"
        if end:
            assert f"replayed {end['messages']} messages, {end['messages_sent']} sends" in \
                p.stdout, (end, p.stdout)
        return p


def line_client(c, port):
    """A client of town, as a function that does one thing more."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    f, state = s.makefile("rb"), {"n": 0}

    def ask():
        state["n"] += 1
        n = state["n"]
        what = ("buy", "sum", "later", "bytes", "all", "waste")[n % 6]
        if what == "bytes":
            s.sendall(b"bytes 70000\n" + b"x" * 69999 + b"y")
        else:
            s.sendall(f"{what} {n}\n".encode())
        while True:
            line = f.readline()
            if not line:
                raise Failed("the town has closed")
            if not line.startswith((b"all", b"later")):
                return line
    return ask


def hasty_client(port):
    """Comes, says something, and goes in the middle of it."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(b"buy 3\nsum 9\nbytes 1000\nabc")
    s.recv(1)
    s.close()


def frame_client(port):
    s = socket.create_connection(("127.0.0.1", port), 10)

    def ask():
        text = os.urandom(40)
        s.sendall(struct.pack(">H", 40) + text[:7])
        s.sendall(text[7:] + struct.pack(">H", 2) + b"hi")
        for _ in range(2):
            size = struct.unpack(">H", exactly(s, 2))[0]
            exactly(s, size)
    return ask


def websocket_client(port):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
              base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(s, 1)
    assert b" 101 " in head, head

    def ask():
        text, key = b"how much?", os.urandom(4)
        s.sendall(bytes([0x81, 0x80 | len(text)]) + key +
                  bytes(b ^ key[i % 4] for i, b in enumerate(text)))
        head = exactly(s, 2)
        assert head[0] == 0x81 and head[1] < 126, head
        exactly(s, head[1])
    return ask


def under_load(c):
    town, frames, talks = (c.port(n) for n in ("town", "frames", "talks"))
    for _ in range(3):
        c.client(line_client(c, town))
        c.client(frame_client(frames))
        c.client(websocket_client(talks))
    c.client(hasty_client, town)
    n = [0]

    def cacher():
        n[0] += 1
        c.a.call(".cacher", "remember", f"k{n[0] % 3}")
        assert c.a.call(".cacher", "echo", f"u{n[0]}")[0].startswith("127.0.0.1")
        assert c.a.call(".talks", "ask", f"me {n[0]}")[0].startswith("me")
    c.client(cacher)
    c.load()


SERVICES = "town", "frames", "talks", "cacher"


def whole_lives(build):
    """an agent with lines, a gate, WebSocket, a user of redis and UDP: recorded at once, replayed
    to their ends"""
    with World(build) as c:
        c.begin(*SERVICES)
        under_load(c)
        c.quiet()
        ask = line_client(c, c.port("town"))
        for _ in range(900): # much garbage, however slow the machine is
            ask()
        ends = {}
        for name in SERVICES:
            c.a.call("." + name, "exit")
            ends[name] = eventually(f"{name} ends", lambda: c.view(name)["state"] == "off" and
                                    c.view(name))
            assert ends[name]["why"] == "the service has ended", ends[name]
        c.a.stop()
        with open(c.a.log) as f:
            log = f.read()
        for name in SERVICES:
            p = c.replays(name, ends[name])
            if name == "town":
                bugs = re.findall(r"client \d+ of \d+ buys the unlucky \d+", log)
                assert bugs and re.findall(r"client \d+ of \d+ buys the unlucky \d+",
                                           p.stderr) == bugs, (bugs, p.stderr)
        assert os.path.getsize(c.tape("town")) > 70000
        assert collections(c.tape("town")) > 1
        says_what_it_writes_else(c)


def collections(tape):
    """How often the recorded service's garbage was collected."""
    with open(tape, "rb") as f:
        data, at, n = f.read(), 12, 0
    while at < len(data):
        n += data[at:at + 1] in b"Gg"
        at += 5 + struct.unpack_from("<I", data, at + 1)[0]
    return n


def says_what_it_writes_else(c):
    """The replay of code that writes something else to a socket says so."""
    other = c.tmp + "/lua"
    shutil.copytree(HERE, other)
    with open(other + "/town.lua") as f:
        text = f.read()
    assert '"%.6f"' in text
    with open(other + "/town.lua", "w") as f:
        f.write(text.replace('"%.6f"', '"%.5f"'))
    with open(c.a.config) as f:
        text = f.read()
    assert HERE in text
    with open(c.a.config, "w") as f:
        f.write(text.replace(HERE, other))
    p, said = c.replay("town")
    assert p.returncode == 1 and re.search(
        r"^message \d+: it calls send with something else than the recorded run$", p.stderr,
        re.M), said


def uncovered(build):
    """what a recording does not cover ends it, with its name"""
    with World(build) as c:
        c.a = c.node("a", 1, master=True).ready()
        for name in "cell", "reader":
            c.a.ctl("record", "--next", c.tape(name), name)
            c.a.call(".main", "launch", name)
        c.a.call(".main", "foreign")
        assert c.a.call(".cell", "look") and c.a.call(".cell", "load", "3")
        assert "without its bundle" in eventually("it ends", lambda: c.view("cell")["why"])
        assert c.a.call(".reader", "foreign") == [1]
        assert "shared data, sharetable:foreign, cannot be kept: it holds a function of C" in \
            eventually("it ends", lambda: c.view("reader")["why"])
        c.replays("cell")
        c.replays("reader")


def ends_whole(c, name):
    """It has ended, and its recording with it: it is replayed to that end."""
    c.a.call("." + name, "exit")
    end = eventually(f"{name} ends", lambda: c.view(name)["state"] == "off" and c.view(name))
    assert end["why"] == "the service has ended", end
    return c.replays(name, end)


def cells(build):
    """cells of skynet.stm, structs of skynet.sharemap and schemas of sproto, that others write; a
    group, and a global name"""
    with World(build) as c:
        c.a = c.node("a", 1, master=True).ready()
        c.a.ctl("record", "--next", c.tape("cell"), "cell")
        c.a.call(".main", "launch", "cell")
        for n in range(1, 9):
            c.a.call(".main", "write", str(n))
            assert c.a.call(".cell", "look") == [n, 8 if n % 3 == 1 else 7]
            c.a.call(".cell", "look") # nothing new
            if n % 3 == 0:
                c.a.call(".cell", "write", str(n))
        ends_whole(c, "cell")


def kcp(build):
    """a service that listens and connects with skynet.kcp"""
    with World(build) as c:
        c.a = c.node("a", 1, master=True).ready()
        c.a.ctl("record", "--next", c.tape("courier"), "courier")
        c.a.call(".main", "launch", "courier")
        for n in range(30):
            text = "x" * (n * n * 10)
            assert c.a.call(".courier", "talk", text) == [f"{text}1 to me: {text}2"]
        ok, why = c.a.call(".courier", "wrong")
        assert not ok and "idle must be" in why, why
        ends_whole(c, "courier")


def the_node_is_killed(build):
    """the node is killed under load: each recording is replayed up to that point"""
    with World(build) as c:
        c.begin(*SERVICES)
        under_load(c)
        before = {name: c.view(name) for name in SERVICES}
        c.stopping = True
        c.a.kill()
        c.quiet()
        for name in SERVICES:
            p = c.replays(name)
            assert int(p.stdout.split()[1]) >= before[name]["messages"], (before, p.stdout)


def shared_data(build):
    """sharetable, sharedata and datasheet in the order of their pairs, multicast, and snax"""
    with World(build) as c:
        c.a = c.node("a", 1, master=True).ready()
        c.a.ctl("record", "--next", c.tape("reader"), "reader")
        c.a.ctl("record", "--next", c.tape("pinger"), "snaxd pinger")
        c.a.call(".main", "launch", "reader")
        c.a.call(".main", "snax", "new", "pinger")
        assert not c.a.call(".reader", "look")[1]
        for n in range(1, 6):
            c.a.call(".main", "publish", str(n))
            parts, _ = c.a.call(".reader", "look")
            assert parts > 1000, parts
            if n > 1:
                assert c.a.call(".reader", "update")[1] == n
                c.a.call(".reader", "look")
            c.a.call(".reader", "publish", "20")
            c.a.call(".main", "snax", "req.ping", "abc" * n)
            c.a.call(".main", "snax", "post.note", str(n % 3))
        eventually("the sheet of today", lambda: c.a.call(".reader", "look")[1] == 5)
        c.a.call(".reader", "exit")
        c.a.call(".main", "snax", "kill")
        for name in "reader", "pinger":
            end = eventually(f"{name} ends", lambda: c.view(name)["state"] == "off" and
                             c.view(name))
            assert end["why"] == "the service has ended", end
            c.replays(name, end)


main([whole_lives, the_node_is_killed, shared_data, cells, kcp, uncovered])
