#!/usr/bin/python3
"""The page of the arena (deploy/demo) in a real browser, against real nodes.

usage: test.py --build DIR [--only TEXT] [--screenshot FILE]

Needs Chromium, which `make browser-test` installs and `make check` does not: it is 80 MB to load
and 300 MB on the disk, for a page that no game depends on; whoever changes the page has it. Where
it is not there, the tests are skipped. What the page speaks is tested without a browser by
tests/cluster/arena.

--screenshot: keeps the picture of the arena that the tests look at.
"""
import contextlib, os, signal, sys, time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/demo"))
import chromium
from arena import Arena, WebPlayer
from chromium import Browser, Page
from harness import eventually, main
from png import Image

COLOURS = {"gate": (0x4e, 0xa1, 0xff), "gate2": (0xff, 0x8a, 0x5c)} # the first two of arena.js


@contextlib.contextmanager
def playing(build, **more):
    """An arena and a browser. Nothing may be thrown in a page."""
    arena = Arena(build, **more)
    try:
        arena.start_all()
        with Browser() as browser:
            yield arena, browser
            assert not browser.errors, browser.errors
    except BaseException:
        for name in arena.nodes:
            print(f"---- log of {name}\n{arena.log(name)[-2000:]}")
        raise
    finally:
        arena.end()


class Player:
    """A page on which somebody has typed his name."""

    def __init__(self, arena, browser, name, gate):
        self.name, self.page = name, Page(browser, arena.url(gate))
        eventually(f"{name} sees the nodes", lambda: self.page.eval("arena.nodes.length == 2"))
        self.page.type(name)
        self.page.key("Enter", True)
        self.page.key("Enter", False)
        eventually(f"{name} plays", lambda: self.get("status") == "playing")
        assert self.get("node") == gate

    def get(self, field):
        return self.page.eval(f"arena.{field}")

    def sees(self, name):
        """What the page knows of a player, or None: {x, y, node, points}."""
        return self.page.eval(f"(({{x, y, node, points}}) => ({{x, y, node, points}}))"
                              f"(arena.players.get('{name}') ?? {{}})") or None

    def shows(self, text):
        """Whether the text stands on the page."""
        return text in self.page.eval("document.body.innerText")


def free_way(v, size):
    """1 or -1: the side with more room."""
    return 1 if v < size / 2 else -1


def runs(mover, watcher, codes=("ArrowLeft", "ArrowRight"), axis="x", size=960):
    """The one holds a key down, and is seen to move on the page of the other."""
    before = eventually(f"{watcher.name} sees {mover.name}",
                        lambda: (watcher.sees(mover.name) or {}).get("node") and
                        watcher.sees(mover.name))
    way = free_way(before[axis], size)
    key = codes[1 if way > 0 else 0]
    mover.page.key(key, True)
    after = eventually(f"{watcher.name} sees {mover.name} move by {key}",
                       lambda: (watcher.sees(mover.name)[axis] - before[axis]) * way > 60 and
                       watcher.sees(mover.name))
    mover.page.key(key, False)
    # A player at the edge stands still with the key down, too.
    assert mover.page.eval("sent") == "0 0"
    other = "y" if axis == "x" else "x"
    assert after[other] == before[other], (before, after)
    eventually(f"{mover.name} stands still", lambda: stands(watcher, mover.name))


def stands(watcher, name):
    """Whether a player is where he was some pictures ago."""
    return watcher.page.eval(f"(s => s.length > 2 && performance.now() - s.at(-1).t < 1500 && "
                             f"s.at(-1).x == s.at(-2).x && s.at(-1).y == s.at(-2).y)"
                             f"(arena.players.get('{name}').samples)")


def two_pages(build):
    """two pages on two nodes: each sees the other move, by arrows, letters and touch"""
    with playing(build) as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        bob = Player(arena, browser, "bob", "gate2")
        runs(ann, bob)
        runs(bob, ann, ("KeyW", "KeyS"), "y", 540)
        assert eventually("the way is measured", lambda: ann.get("latency")) < 2000
        assert ann.get("inside") < 2000
        eventually("the page tells it", lambda: ann.shows("in the cluster"))
        eventually("bob is in ann's list", lambda: ann.shows("bob"))
        touched(ann, bob)


def touched(mover, watcher):
    """A finger on the field: the player runs there and stays."""
    box = mover.page.eval("(b => [b.left, b.top, b.width, b.height])"
                          "(document.getElementById('field').getBoundingClientRect())")
    x, y = 480, 500
    mover.page.touch(box[0] + x * box[2] / 960, box[1] + y * box[3] / 540)
    eventually("the player is where the finger is",
               lambda: abs(watcher.sees(mover.name)["x"] - x) < 30 and
               abs(watcher.sees(mover.name)["y"] - y) < 30)
    mover.page.touch()
    eventually(f"{mover.name} stands still", lambda: stands(watcher, mover.name))
    assert mover.page.eval("finger === null && sent == '0 0'")


def towards(bot, x, y):
    """Lets a bot run there, until it looks again; returns whether it is there."""
    bot.until("a picture", lambda word: word == "STATE" and bot.name in bot.players)
    me = bot.players[bot.name]
    dx, dy = x - me["x"], y - me["y"]
    most = max(abs(dx), abs(dy), 20)
    bot.go(dx * 100 // most, dy * 100 // most)
    return most <= 20


def chase(bots, points):
    """Bots run after the star until they have so many points together."""
    end = time.monotonic() + 60
    while sum(p["points"] for p in bots[0].players.values()) < points:
        assert time.monotonic() < end, bots[0].players
        for b in bots:
            towards(b, *b.star)


def spread(bots, places):
    """Bots run to places of their own and stay there."""
    there, end = set(), time.monotonic() + 60
    while len(there) < len(bots):
        assert time.monotonic() < end, bots[0].players
        there |= {b.name for b, place in zip(bots, places) if towards(b, *place)}
    for b in bots:
        b.go(0, 0)


def picture(build):
    """a picture of the page shows every player in the colour of his node, and the points"""
    with playing(build) as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        bots = [WebPlayer(arena, name, gate) for name, gate in
                (("bob", "gate2"), ("cleo", "gate"), ("dora", "gate2"), ("emil", "gate"))]
        chase(bots, 7)
        spread(bots, ((160, 120), (330, 400), (620, 170), (830, 420)))
        eventually("all stand still", lambda: all(stands(ann, b.name) for b in bots))
        eventually("the points are on the page", lambda: sum(
            p["points"] for p in map(ann.sees, "ann bob cleo dora emil".split())) >= 7)
        eventually("the way is measured", lambda: ann.shows("in the cluster"))
        png = ann.page.picture()
        image = Image(png)
        assert (image.width, image.height) == (960, 500) and len(png) < 120000, len(png)
        at_their_places(ann, image)
        if "--screenshot" in sys.argv:
            with open(sys.argv[sys.argv.index("--screenshot") + 1], "wb") as f:
                f.write(png)


def at_their_places(ann, image):
    """Whoever is not covered by somebody else is where the page knows him to be."""
    box = ann.page.eval("(b => [b.left, b.top, b.width, b.height])"
                        "(document.getElementById('field').getBoundingClientRect())")
    places = [ann.sees(n) for n in ann.page.eval("[...arena.players.keys()]")]
    assert len(places) == 5
    alone = [p for p in places if all(p is q or abs(p["x"] - q["x"]) + abs(p["y"] - q["y"]) > 60
                                      for q in places)]
    for p in alone:
        x, y = round(box[0] + p["x"] * box[2] / 960), round(box[1] + p["y"] * box[3] / 540)
        assert image.at(x, y) == COLOURS[p["node"]], (p, image.at(x, y))
    colours = {bytes(line[i:i + 3]) for line in image.lines for i in range(0, len(line), image.n)}
    assert len(colours) > 100, len(colours)


def node_dies(build):
    """kill -9 of a node: its player comes back through the other one, and both pages show it"""
    # The page must make an address that it can reach of 0.0.0.0, too.
    with playing(build, ARENA_WEB_HOST="0.0.0.0") as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        bob = Player(arena, browser, "bob", "gate2")
        runs(ann, bob)
        place = bob.sees("ann")
        assert ann.page.eval("arena.nodes.every(n => n.address.startsWith('127.0.0.1:'))")
        arena.kill("gate")
        eventually("ann is back", lambda: ann.get("status") == "playing"
                   and ann.get("node") == "gate2", 10)
        assert ann.shows("gate is lost") and ann.shows("ann plays through gate2")
        eventually("bob sees where she is now", lambda: bob.sees("ann")["node"] == "gate2")
        now = bob.sees("ann")
        assert (now["x"], now["y"]) == (place["x"], place["y"]), (now, place)
        eventually("bob's page shows it", lambda: bob.page.eval(
            "document.getElementById('nodes').innerText.includes('down')"))
        runs(ann, bob)
        arena.start("gate")
        eventually("the gate is shown again", lambda: bob.page.eval("arena.nodes[0].up"))


def node_freezes(build):
    """a node that is frozen, so that no connection ends: its player goes on through the other"""
    with playing(build) as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        bob = Player(arena, browser, "bob", "gate2")
        os.kill(arena.nodes["gate"].pid, signal.SIGSTOP)
        try:
            eventually("ann is back", lambda: ann.get("node") == "gate2", 20)
            eventually("the gate is shown as down", lambda: not bob.page.eval("arena.nodes[0].up"))
            runs(ann, bob)
        finally:
            os.kill(arena.nodes["gate"].pid, signal.SIGCONT)
        eventually("the gate is shown again", lambda: bob.page.eval("arena.nodes[0].up"))
        assert ann.get("node") == "gate2" and bob.sees("ann")["node"] == "gate2"


def field_dies(build):
    """kill -9 of the field's node: pages say so; a new field knows players, places and points"""
    with playing(build) as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        bob = WebPlayer(arena, "bob", "gate2")
        chase([bob], 2)
        bob.go(0, 0)
        eventually("bob stands still", lambda: stands(ann, "bob"))
        before = ann.sees("bob")
        bob.until("his gate knows all that", lambda word: word == "NODES")
        bob.until("his gate knows all that", lambda word: word == "NODES")
        arena.kill("rooms")
        eventually("ann's page says so", lambda: ann.shows("the field's node is down"))
        ann.page.key("ArrowLeft", True)
        arena.start("rooms")
        eventually("ann's page plays on", lambda: ann.get("status") == "playing", 20)
        eventually("bob is where he was", lambda: ann.sees("bob") == before)
        assert before["points"] > 0
        # The key that was pressed meanwhile counts.
        eventually("ann is at the edge", lambda: ann.sees("ann")["x"] == 0)
        ann.page.key("ArrowLeft", False)


def rests(build):
    """who does nothing for long is let go, and comes back by a key or a touch; a reload plays on"""
    with playing(build, ARENA_IDLE="1") as (arena, browser):
        ann = Player(arena, browser, "ann", "gate")
        key = ann.page.eval("sessionStorage.getItem('key')")
        eventually("ann rests", lambda: ann.get("status") == "resting" and
                   ann.shows("nothing happened") and ann.shows("at rest"))
        ann.page.key("ArrowLeft", True)
        ann.page.key("ArrowLeft", False)
        eventually("ann plays", lambda: ann.get("status") == "playing")
        eventually("ann rests again", lambda: ann.get("status") == "resting")
        ann.page.touch(100, 100)
        ann.page.touch()
        eventually("ann plays again", lambda: ann.get("status") == "playing")
        ann.page.call("Page.reload")
        eventually("the reloaded page plays", lambda: ann.get("status") == "playing" and
                   ann.get("name") == "ann" and len(ann.get("events")) == 1)
        assert ann.page.eval("sessionStorage.getItem('key')") == key


TESTS = [two_pages, picture, node_dies, node_freezes, field_dies, rests]

if __name__ == "__main__":
    if chromium.path():
        main(TESTS)
    for i, test in enumerate(TESTS, 1):
        print(f"ok {i} - {test.__doc__} # SKIP chromium is not installed (make browser-test)")
