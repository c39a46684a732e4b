#!/usr/bin/python3
"""harborctl record keeps what a service of a cluster receives; harbord --replay runs it alone
to the same end, and tells where it does something else."""
import os, re, shutil, subprocess
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


class Town(Cluster):
    """Two nodes. Their Lua files are a copy, which a test may change."""

    def __init__(self, build):
        super().__init__(build, HERE)
        self.lua = self.tmp + "/lua"
        os.mkdir(self.lua)
        for name in "main.lua", "shop.lua":
            shutil.copy(f"{HERE}/{name}", self.lua)
        self.recording = self.tmp + "/shop.tape"

    def begin(self):
        self.a = self.node("a", 1, master=True).ready()
        self.b = self.node("b", 2).ready()

    def record(self, node, *words):
        return node.ctl("record", *words, self.recording, "shop", "MAIN1")

    def view(self, node):
        """What harborctl record says of the last recording that goes to our file, or None."""
        return ([r for r in node.ctl("record")["recordings"]
                 if r["file"] == self.recording] or [None])[-1]

    def state(self, node, state):
        return eventually(f"the recording {state}", lambda: (
            lambda r: r and r["state"] == state and r)(self.view(node)))

    def replay(self, node, *before):
        p = subprocess.run([*before, self.build + "/harbord", "--replay", self.recording,
                            node.config], capture_output=True, text=True, errors="replace",
                           timeout=120)
        return p, p.stdout + p.stderr


def ctl(node, *args):
    return subprocess.run([node.cluster.build + "/harborctl", "--socket", node.socket, *args],
                          capture_output=True, text=True, timeout=20)


def tracebacks(text):
    return re.findall(r"lua call.*?buyer \d+ came after.*?(?=\n\S*\d{4}-|\Z)", text, re.S)


def a_bug_of_order_and_time(build):
    """a bug that shows only with two buyers of two nodes at once is replayed with its tracebacks"""
    with Town(build) as c:
        c.begin()
        assert c.a.ctl("record")["recordings"] == []
        c.record(c.b, "--next")
        assert c.view(c.b)["state"] == "waits"
        handle, = c.b.call(".main", "launch", "shop", "MAIN1")
        assert c.view(c.b)["handle"] == handle
        eventually("a bug", lambda: c.a.call(".main", "buy", "20")[0] +
                   c.b.call(".main", "buy", "20")[0] and c.b.logged("came after"))
        c.b.call(".shop", "exit")
        end = c.state(c.b, "off")
        assert "has ended" in end["why"] and end["messages"] > 100, end
        for n in c.b, c.a:
            n.stop()
        with open(c.b.log) as f:
            wanted = tracebacks(f.read())
        p, said = c.replay(c.b)
        assert p.returncode == 0, said
        assert f"replayed {end['messages']} messages, {end['messages_sent']} sends, the same" \
            in p.stdout, (end, p.stdout)
        assert wanted and tracebacks(p.stderr) == wanted, (wanted, p.stderr)
        # once more, and cut off in the middle of a record, as by a crash
        assert c.replay(c.b)[0].returncode == 0
        with open(c.recording, "r+b") as f:
            f.truncate(end["size_bytes"] * 2 // 3)
        p, said = c.replay(c.b)
        assert p.returncode == 0 and "the same" in p.stdout, said


def other_code_is_noticed(build):
    """a replay of code that was changed says at which message it did what else: status 1"""
    with Town(build) as c:
        c.begin()
        c.record(c.a, "--launch")
        eventually("the shop is there", lambda: c.b.call(".main", "buy", "3")[0] == 0)
        assert c.a.ctl("record", "--off", c.recording)["recordings"][-1]["state"] == "off"
        c.state(c.a, "off")
        c.a.call(".shop", "exit") # it goes on without
        assert c.replay(c.a)[0].returncode == 0
        with open(c.lua + "/shop.lua") as f:
            text = f.read()
        for old, new, why in (
                ("name .. os.time()", '"a " .. name .. os.time()', "another number of bytes"),
                ("name .. os.time()", "os.time() .. name", "sent other bytes"),
                ("	last = id", "	skynet.now() last = id", "it calls now, the recorded"),
                ('"hear", name', '"hear", skynet.now() .. name', "it calls now"),
                ("	bought = id", "	do return 7 end", "the recorded run called")):
            assert old in text
            with open(c.lua + "/shop.lua", "w") as f:
                f.write(text.replace(old, new))
            p, said = c.replay(c.a)
            assert p.returncode == 1 and "not the same" in p.stdout, (new, said)
            assert re.search(r"^message \d+: .*" + why, p.stderr, re.M), (new, said)


def refusals_and_limits(build):
    """what cannot be recorded is refused in one line; limits of size and time end a recording"""
    with Town(build) as c:
        c.begin()
        for words, why in (
                ((".main", c.recording), "begins at the launch"),
                (("--launch", "shop.tape", "shop"), "begins with /"),
                (("--launch", c.recording), "takes"),
                (("--seconds", "0", "--next", c.recording, "shop"), "takes"),
                (("--launch", c.tmp + "/no/such", "shop"), "No such file"),
                (("--launch", c.a.config, "shop"), "there already"),
                (("--off",), "nothing is recorded")):
            p = ctl(c.a, "record", *words)
            assert p.returncode == 1 and why in p.stderr and p.stderr.count("\n") == 1, p
        c.record(c.a, "--limit", "1", "--launch")
        p = ctl(c.a, "record", "--next", c.recording, "shop")
        assert p.returncode == 1 and "another recording goes to that file" in p.stderr, p
        for i in range(7):
            c.a.ctl("record", "--next", f"{c.tmp}/{i}", "nobody")
        p = ctl(c.a, "record", "--next", c.tmp + "/7", "nobody")
        assert p.returncode == 1 and "as many recordings as may be" in p.stderr, p
        for i in range(7):
            c.a.ctl("record", "--off", f"{c.tmp}/{i}")
        p = ctl(c.a, "record", "--off", c.tmp + "/7")
        assert p.returncode == 1 and "no recording goes to that file" in p.stderr, p
        eventually("the shop is there", lambda: c.b.call(".main", "buy", "1")[0] == 0)
        for i in range(20):
            c.a.call(".shop", "big", "x" * 100000)
        assert "limit" in c.state(c.a, "off")["why"]
        assert os.path.getsize(c.recording) < 2 << 20
        assert c.a.call(".shop", "big", "7") == [1]
        p, said = c.replay(c.a)
        assert p.returncode == 0, said
        os.unlink(c.recording)
        c.a.ctl("record", "--seconds", "1", "--next", c.recording, "nobody")
        assert "time is over" in c.state(c.a, "off")["why"]
        for content, why in ((b"", "empty"), (b"no recording at all", "no recording"),
                             (b"harbtape\x63\0\0\0", "a newer harbord"),
                             (b"harbtape\1\0\0\0", "an older harbord"),
                             (b"harbtape\2\0\0\0", "no service")):
            with open(c.recording, "wb") as f:
                f.write(content)
            p, said = c.replay(c.a)
            assert p.returncode == 65 and why in p.stderr and p.stderr.count("\n") == 1, said


main([a_bug_of_order_and_time, other_code_is_noticed, refusals_and_limits])
