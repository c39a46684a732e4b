#!/usr/bin/python3
"""The gates of the arena (deploy/demo/web.lua) and whoever is not its page: what they refuse, what
they take, and that others play on meanwhile. The page itself is in tests/browser."""
import contextlib, http.client, json, os, random, signal, socket, sys, time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/demo"))
from arena import Arena, Failed, WebPlayer
from harness import eventually, main
from wsclient import Closed, WebSocket

KEY = "0123456789abcdef" * 2
SEED = int(os.environ.get("HARBORD_SEED", "1"))


@contextlib.contextmanager
def playing(build, **more):
    """An arena in whose logs no error stands at the end."""
    arena = Arena(build, **more)
    try:
        arena.start_all()
        yield arena
        for name in arena.nodes:
            assert "traceback" not in arena.log(name), arena.log(name)
            assert " error   [" not in arena.log(name), arena.log(name)
    except BaseException:
        for name in arena.nodes:
            print(f"---- log of {name}\n{arena.log(name)[-2000:]}")
        raise
    finally:
        arena.end()


def connect(arena, gate="gate"):
    return WebSocket("127.0.0.1", arena.web_ports[gate], "/play")


def end_of(ws, seconds=10):
    """The status with which a connection is closed."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            ws.recv(max(0.01, end - time.monotonic()))
    except Closed as e:
        return e.code
    except TimeoutError:
        pass
    raise Failed("the connection was not closed")


def answer_to(ws, line, word):
    """Says a line; returns the rest of the next message that begins with the word."""
    ws.send(line)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        first, _, rest = ws.recv(max(0.01, end - time.monotonic())).partition(" ")
        if first == word:
            return rest
    raise Failed(f"{line} is not answered by {word}")


def still_plays(player):
    """Whether a player who did nothing wrong gets an answer, and moves."""
    player.until("a picture", lambda word: word == "STATE" and player.name in player.players)
    x = player.players[player.name]["x"]
    player.go(100 if x < 480 else -100, 0)
    player.until("he moves", lambda _: abs(player.players[player.name]["x"] - x) > 20)
    player.go(0, 0)


def the_page(build):
    """the page: three files with their types and a policy, nothing else, and no other method"""
    with playing(build) as arena:
        c = http.client.HTTPConnection("127.0.0.1", arena.web_ports["gate"], timeout=10)
        for path, kind, part in (("/", "text/html", b"<canvas"),
                                 ("/arena.css", "text/css", b"body"),
                                 ("/arena.js?x=1", "text/javascript", b"requestAnimationFrame")):
            c.request("GET", path)
            r = c.getresponse()
            assert r.status == 200 and part in r.read(), path
            assert r.getheader("content-type").startswith(kind)
            assert "default-src 'none'" in r.getheader("content-security-policy")
        for path in ("/index.html", "/../web.lua", "/%2e%2e/web.lua", "//etc/passwd", "/arena.js/",
                     "/web/arena.js"):
            c.request("GET", path)
            r = c.getresponse()
            assert r.status == 404 and b"no such page" in r.read(), path
        c.request("HEAD", "/")
        assert c.getresponse().status == 405
        c.close()
        for request, status in (
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", b"413"),
                (b"GET /" + b"x" * 10000 + b" HTTP/1.1\r\n\r\n", b"413"),
                (b"GET /play HTTP/1.1\r\nHost: x\r\n\r\n", b"426")):
            with socket.create_connection(("127.0.0.1", arena.web_ports["gate"]), 10) as s:
                s.sendall(request)
                assert s.recv(1000).startswith(b"HTTP/1.1 " + status), (request[:20], status)


def wrong_messages(build):
    """whoever says what is no message is closed, with 1008; a message too long, with 1009"""
    wrong = ("", "HELLO", "JOIN", "JOIN ann", f"JOIN ann {KEY}0", f"JOIN ann {KEY[1:]}",
             f"JOIN ann {'g' * 32}", f"JOIN a-b {KEY}", f"JOIN abcdefghijklm {KEY}",
             f"join ann {KEY}", f"JOIN  ann {KEY}", f"JOIN ann {KEY}\n", "GO 1 1", "PING", "PING x",
             "PING 1 2", "STATE 1", "PING \u0661", "\0")
    joined = ("GO", "GO 1", "GO 1 2 3", "GO 101 0", "GO 0 -101", "GO 1e2 0", "GO 1.5 0", "GO - 0",
              "GO nan 0", "GO 1000 0", "GO 0x1 0", f"JOIN bob {KEY}")
    with playing(build) as arena:
        good = WebPlayer(arena, "good", "gate2")
        for line in wrong:
            ws = connect(arena)
            ws.send(line)
            assert end_of(ws) == 1008, line
        for line in joined:
            ws = connect(arena)
            assert answer_to(ws, f"JOIN ann {KEY}", "WELCOME") == "gate ann"
            ws.send(line)
            assert end_of(ws) == 1008, line
        ws = connect(arena)
        ws.send("PING " + "1" * 100)
        assert end_of(ws) == 1009
        ws = connect(arena)
        ws.frame(2, b"PING 1")
        assert end_of(ws) == 1008
        still_plays(good)


def too_many_messages(build):
    """the rate: bursts are taken, floods end the connection, others do not notice"""
    with playing(build) as arena:
        good, bad = WebPlayer(arena, "good", "gate"), WebPlayer(arena, "bad", "gate")
        for i in range(40):
            bad.ws.send(f"PING {i}")
        bad.until("all are answered", lambda _: bad.pong and bad.pong[0] == "39")
        for i in range(200):
            try:
                bad.go(i % 100, 0)
            except (Closed, OSError):
                break
        assert bad.lost().code in (1006, 1008)
        good.until("he is away", lambda _: good.sees("bad", node="-"))
        still_plays(good)


def a_field_that_is_slow(build):
    """while the field answers nobody, what a client sends is not kept, and pages hear of it"""
    with playing(build) as arena:
        ann, ws = WebPlayer(arena, "ann", "gate"), connect(arena)
        rooms = arena.nodes["rooms"].pid
        os.kill(rooms, signal.SIGSTOP)
        try:
            ws.send(f"JOIN bob {KEY}")
            with contextlib.suppress(Closed, OSError):
                # more than twice what may wait: a page's reader may have taken that much already
                for i in range(6000):
                    ws.send(f"PING {i}")
            assert end_of(ws) == 1006 # and not 1008: nobody has read them
            ann.until("the field is away", lambda word: word == "AWAY")
            ann.ws.send("PING 7")
            ann.until("she is answered", lambda word: word == "PONG" and ann.pong == ["7", "-"])
            ws = connect(arena)
            assert answer_to(ws, f"JOIN bob {KEY}", "NO") == "the field is away"
        finally:
            os.kill(rooms, signal.SIGCONT)
        still_plays(ann)


def names(build):
    """a name is one player's in the whole cluster, and his who has the key; 64 have room"""
    with playing(build) as arena:
        ann = WebPlayer(arena, "ann", "gate")
        ws = connect(arena, "gate2")
        assert answer_to(ws, f"JOIN ann {KEY}", "NO") == "the name is taken"
        assert answer_to(ws, f"JOIN bob {KEY}", "WELCOME") == "gate2 bob"
        # The same player through another node, and then through the same one again: the connection
        # before is told.
        for gate in ("gate2", "gate2", "gate"):
            before = ann.ws
            ann.connect(gate)
            assert end_of(before) == 4001
        still_plays(ann)
        others = [connect(arena, ("gate", "gate2")[i % 2]) for i in range(63)]
        answers = []
        for i, other in enumerate(others):
            other.send(f"JOIN p{i} {KEY}")
            while (line := other.recv()).startswith(("STATE", "NODES")):
                pass
            answers.append(line)
        assert [a.split()[0] for a in answers] == ["WELCOME"] * 62 + ["NO"], answers
        assert answers[-1] == "NO the arena is full"
        still_plays(ann)


def places(build):
    """a place is kept for ten seconds; then the name is free, and the field forgets the player"""
    with playing(build) as arena:
        ann, bob = WebPlayer(arena, "ann", "gate"), WebPlayer(arena, "bob", "gate2")
        ann.ws.close()
        bob.until("ann is away", lambda _: bob.sees("ann", node="-"))
        bob.until("ann is forgotten", lambda _: "ann" not in bob.players, 20)
        assert answer_to(connect(arena), f"JOIN ann {KEY}", "WELCOME") == "gate ann"


def gates_end(build):
    """a gate whose node is killed is down at once, one that ended alone when it stays silent"""
    with playing(build) as arena:
        ann, bob = WebPlayer(arena, "ann", "gate"), WebPlayer(arena, "bob", "gate2")
        ann.until("bob is there", lambda _: ann.sees("bob", node="gate2"))
        arena.kill("gate2")
        ann.until("bob is away", lambda _: ann.sees("bob", node="-"), 5)
        assert ann.nodes["gate2"] == "down"
        arena.start("gate2")
        ann.until("the gate is up", lambda _: ann.nodes["gate2"] == "up", 20)
        cleo = WebPlayer(arena, "cleo", "gate2")
        ann.until("cleo is there", lambda _: ann.sees("cleo", node="gate2"))
        services = json.loads(arena.ctl("gate2", "--json", "list"))["services"]
        web = next(s["handle"] for s in services if s["service"].startswith("snlua web "))
        with open(f"{arena.run}/end.lua", "w") as f:
            f.write("require('skynet').exit()")
        arena.ctl("gate2", "inject", web, f"{arena.run}/end.lua")
        ann.until("cleo is away", lambda _: ann.sees("cleo", node="-"), 20)
        assert cleo.lost().code == 1006
        assert ann.nodes["gate2"] == "down"


def idle(build):
    """who presses no key for long is let go with 4000, who answers no ping is cut off"""
    with playing(build, ARENA_IDLE="1") as arena:
        ws = connect(arena)
        assert end_of(ws) == 4000
        ann = WebPlayer(arena, "ann", "gate2")
        for _ in range(5): # longer than the limit, by the field's pictures of each second
            still_plays(ann)
            ann.until("a second", lambda word: word == "NODES")
        assert ann.lost().code == 4000


def has_ended(sock):
    """Whether the other side has closed; what it wrote is thrown away, and no ping is answered."""
    sock.settimeout(0.001)
    try:
        return not sock.recv(65536)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def deaf(build):
    """who never reads, and who says nothing, is cut off, and holds up nobody meanwhile"""
    with playing(build) as arena:
        quiet = socket.create_connection(("127.0.0.1", arena.web_ports["gate"]), 10)
        ann = WebPlayer(arena, "ann", "gate")
        deaf_ones = [connect(arena) for _ in range(20)]
        for s in (quiet, *(ws.sock for ws in deaf_ones)):
            end = time.monotonic() + 40
            while not has_ended(s):
                assert time.monotonic() < end
                still_plays(ann)


def connections(build):
    """no more than 256 connections to a gate; when they end, there is room again"""
    with playing(build) as arena:
        ann = WebPlayer(arena, "ann", "gate")
        socks = [socket.create_connection(("127.0.0.1", arena.web_ports["gate"]), 10)
                 for _ in range(300)]
        ends = 0
        for s in socks[255:]:
            s.settimeout(4) # less than a silent client has
            try:
                ends += s.recv(10) == b""
            except ConnectionError:
                ends += 1
        assert ends == 45, ends
        still_plays(ann)
        for s in socks:
            s.close()
        eventually("there is room again", lambda: connect(arena))


def noise(rng):
    """A message near to a right one, or far from it."""
    words = ["JOIN", "GO", "PING", "NO", "WELCOME", "", "-1", "0", "100", "-100", "99999", KEY,
             "ann", "a,b", "%s", "%", "\0", "\u20ac", "nil", "..", "-", "--"]
    text = " ".join(rng.choice(words) for _ in range(rng.randint(0, 4)))
    if rng.random() < 0.3:
        at = rng.randint(0, len(text))
        text = text[:at] + chr(rng.choice((0, 9, 10, 32, 44, 127, 0x20ac))) + text[at:]
    return text


def random_words(build):
    """two thousand random messages of a seed: each is answered or ends its connection, no error"""
    rng = random.Random(SEED)
    with playing(build) as arena:
        good = WebPlayer(arena, "good", "gate")
        sockets = [None] * 8
        for i in range(2000):
            n = i % len(sockets)
            try:
                gate = rng.choice(("gate", "gate2"))
                ws = sockets[n] = sockets[n] or connect(arena, gate)
                ws.frame(rng.choice((1, 1, 1, 1, 1, 1, 2, 9, 10)), noise(rng).encode()[:120])
                ws.recv(0.001)
            except TimeoutError:
                pass
            except (Closed, OSError):
                sockets[n] = None
        still_plays(good)


TESTS = [the_page, wrong_messages, too_many_messages, a_field_that_is_slow, names, places,
         gates_end, idle, deaf, connections, random_words]

if __name__ == "__main__":
    main(TESTS)
