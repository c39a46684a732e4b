#!/usr/bin/python3
"""harborctl flame: samples of where a service is; as folded stacks, as JSON, as a picture."""
import glob, os, re, subprocess, sys, threading
import xml.etree.ElementTree as ElementTree
from harness import Cluster, eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
# ThreadSanitizer holds a signal back until the thread calls the C library: few samples come.
TSAN = "san-thread" in sys.argv[sys.argv.index("--build") + 1]


class One(Cluster):
    def __init__(self, build, threads=3):
        super().__init__(build, HERE)
        self.a = self.node("a", 0, start_now=False)
        with open(self.a.config, "w") as f:
            f.write(f"node: {{ name: a, harbor: 0, threads: {threads} }}\n"
                    f'lua: {{ start: main, args: A, service_path: ["{HERE}/?.lua"] }}\n')
        self.a.start().ready()

    def flame(self, *args, node=None):
        """(status, stdout, stderr)"""
        p = subprocess.run([self.build + "/harborctl", "--socket", (node or self.a).socket,
                            "flame", *args], capture_output=True, text=True, timeout=60)
        return p.returncode, p.stdout, p.stderr


def folded(out):
    """{stack as a tuple: samples}"""
    stacks = {}
    for line in out.splitlines():
        stack, n = line.rsplit(" ", 1)
        stacks[tuple(stack.split(";"))] = int(n)
    return stacks


def share(stacks, word):
    """The part of all samples in whose stack a frame begins with the word."""
    return sum(n for s, n in stacks.items() if any(f.startswith(word) for f in s)) / \
        sum(stacks.values())


def samples(node):
    """Whether the profiler's thread is there."""
    for task in glob.glob(f"/proc/{node.process.pid}/task/*/comm"):
        with open(task) as f:
            if f.read().strip() == "sampler":
                return True


def begin(c, *args):
    threading.Thread(target=lambda: subprocess.run(
        [c.build + "/harborctl", "--socket", c.a.socket, "call", *args], capture_output=True),
        daemon=True).start()


def where_the_time_goes(build):
    """a function that takes three quarters of the time has three quarters of the samples, whoever
    calls it, in a coroutine and below a C function too"""
    if TSAN:
        return
    with One(build) as c:
        c.a.call(".shop", "work")
        status, out, err = c.flame(".shop", "--seconds", "2", "--hz", "400")
        assert status == 0 and not err, err
        stacks = folded(out)
        assert sum(stacks.values()) > 100, stacks
        assert all(re.fullmatch("main :[0-9a-f]{8}", s[0]) for s in stacks), stacks
        three, one = share(stacks, "three "), share(stacks, "one ")
        assert 0.6 < three < 0.85 and 0.12 < one < 0.35, (three, one, stacks)
        below = [s for s in stacks if any(f.startswith("sort [C]") for f in s)]
        assert all(any(f.startswith("sorted ") for f in s) for s in below), stacks
        spend = [s for s in stacks if s[-1].startswith("spend ")]
        assert all(re.search(r"main\.lua:1\d$", s[-1]) for s in spend) and spend, stacks
        other = c.a.call(".shop", "child")[0]
        c.a.call(other, "coroutine")
        stacks = folded(c.flame(other, "--seconds", "1", "--hz", "400")[1])
        inside = [s for s in stacks if any("three" in f for f in s)]
        assert inside and any("[C]" in f for f in inside[0]), stacks


def all_services_and_json(build):
    """without an address every service is in it; --json has the sums"""
    if TSAN:
        return
    with One(build) as c:
        children = [c.a.call(".shop", "child")[0] for _ in range(2)]
        for who in children:
            c.a.call(who, "work")
        p = subprocess.run([build + "/harborctl", "--socket", c.a.socket, "--json", "flame",
                            "--seconds", "1", "--hz", "200"], capture_output=True, text=True)
        import json
        v = json.loads(p.stdout)
        assert v["state"] == "done" and v["samples"] == sum(s["samples"] for s in v["stacks"]), v
        assert 10 < v["ticks"] <= 201 and 0.9 < v["duration_seconds"] < 5, v
        for who in children:
            assert any(who in s["stack"] for s in v["stacks"]), (who, v)


def a_picture(build):
    """--svg writes well-formed XML with a box for each function, names of any bytes escaped, as
    wide as their share"""
    with One(build) as c:
        begin(c, ".shop", "strange")
        eventually("busy", lambda: c.a.ctl("why", ".shop")["state"] != "answers")
        path = c.tmp + "/f.svg"
        status, out, err = c.flame(".shop", "--seconds", "1", "--hz", "400", "--svg", path)
        assert status == 0 and not out and not err, (out, err)
        with open(path, "rb") as f:
            text = f.read()
        assert b"<script" not in text and b"http" in text
        svg = ElementTree.fromstring(text)
        ns = "{http://www.w3.org/2000/svg}"
        titles = [t.text for t in svg.iter(ns + "title")]
        assert TSAN or any('<&>"' in t for t in titles), titles
        assert TSAN or re.search(r"\(\d+ samples, 100.0 %\)$", titles[0]), titles
        for box in svg.iter(ns + "rect"):
            if box.get("x"):
                assert float(box.get("x")) + float(box.get("width")) <= 1190.5, box.attrib
        status, _, err = c.flame(".shop", "--seconds", "1", "--svg", c.tmp + "/no/where.svg")
        assert status == 1 and "no/where.svg: No such file" in err, err


def busy_and_at_the_same_time(build):
    """with all workers in loops it samples all the same; a second profile is refused while one is
    under way; the node stops in the midst of one"""
    if TSAN:
        return
    with One(build, threads=2) as c:
        other = c.a.call(".shop", "child")[0]
        begin(c, other, "loop")
        begin(c, ".shop", "loop")
        eventually("busy", lambda: all(c.a.ctl("why", w)["state"] == "busy"
                                       for w in (other, ".shop")))
        stacks = folded(c.flame("--seconds", "1", "--hz", "200")[1])
        assert share(stacks, "main ") > 0.9 and share(stacks, "one ") > 0.8, stacks
        t = threading.Thread(target=c.flame, args=("--seconds", "30"), daemon=True)
        t.start()
        eventually("it is under way", lambda: samples(c.a))
        status, out, err = c.flame("--seconds", "1")
        assert status == 1 and not out and "another profile is under way" in err, err
        c.a.kill()


def stop_in_the_midst(build):
    """a node that is asked to stop does so in the midst of a profile"""
    with One(build) as c:
        c.a.call(".shop", "work")
        t = threading.Thread(target=c.flame, args=("--seconds", "30", "--hz", "1000"), daemon=True)
        t.start()
        eventually("it is under way", lambda: samples(c.a))
        assert c.a.stop() == 0


def on_other_nodes(build):
    """--node, a handle and a global name of another node; wrong words are told"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="M").ready()
        b = c.node("b", 2, args="B").ready()
        eventually("the link is up", lambda: m.call("BSHOP", "echo", "x") == ["x"])
        b.call(".shop", "work")
        handle = b.ctl("why", ".shop")["handle"]
        flame = One.flame
        for args, more in ((("--node", "b"), (".shop",)), ((), ("BSHOP",)), ((), (handle,))):
            p = subprocess.run([build + "/harborctl", "--socket", m.socket, *args, "flame", *more,
                                "--seconds", "1", "--hz", "200"], capture_output=True, text=True)
            assert p.returncode == 0 and not p.stderr, p
            assert TSAN or share(folded(p.stdout), f"main {handle}") == 1, (args, p.stdout)
        for words, why in ((("NOBODY",), "no such service"), ((".nobody",), "no such service"),
                           (("--hz", "1001"), "1 to 1000"), (("--hz", "x"), "1 to 1000"),
                           (("--seconds", "301"), "1 to 300"), (("--seconds", "0"), "1 to 300"),
                           (("--svg",), "needs a value"), (("--loud",), "unknown option"),
                           ((".a", ".b"), "one address")):
            status, out, err = flame(c, *words, node=m)
            assert status in (1, 2, 64) and not out and why in err, (words, status, out, err)


main([where_the_time_goes, all_services_and_json, a_picture, busy_and_at_the_same_time,
      stop_in_the_midst, on_other_nodes])
