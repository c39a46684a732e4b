#!/usr/bin/python3
"""harborctl clock: programs' time jumps ahead with their timers, in order, on one node or on all;
links, calls and the watchdog do not take it for silence; without node.testing it is refused."""
import os, socket, subprocess, threading, time
from harness import Cluster, eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))


class Testing(Cluster):
    def __init__(self, build, testing=True):
        super().__init__(build, HERE)
        self.testing = testing
        self.secure = f", key_file: {self.key()}"

    def text(self, name, harbor, **kw):
        text = super().text(name, harbor, **kw)
        return text.replace("threads: 2", "threads: 2, testing: true") if self.testing else text


def ctl(node, *args):
    return subprocess.run([node.cluster.build + "/harborctl", "--socket", node.socket, *args],
                          capture_output=True, text=True, timeout=20)


def clock(node):
    return node.call(".clock", "clock")[0]


def timers_fire_in_order(build):
    """a jump fires what is due in the order of its time, and what that arms counts from then"""
    with Testing(build) as c:
        a = c.node("a", 1, master=True).ready()
        assert a.logged("node.testing is true"), "no warning"
        assert any("node.testing" in w for w in a.ctl("status")["warnings"])
        a.call(".clock", "arm", "50", "3600", "30", "7000", "7200", "40")
        before, began = clock(a), time.monotonic()
        j, = a.ctl("clock", "+2h")["clocks"]
        after, passed = clock(a), time.monotonic() - began
        assert j["moved_seconds"] == 7200 and j["timers_moved"] >= 6 and j["timers_due"] >= 6, j
        assert 720000 <= after["now"] - before["now"] <= 720000 + passed * 100 + 1, (before, after)
        assert after["start"] == before["start"]
        for k in before, after:
            assert abs(k["start"] + k["now"] / 100 - k["time"]) < 1e-6, k
        ahead = after["os_time"] - before["os_time"]
        assert 7200 <= ahead <= 7201 + passed, (before, after)
        assert after["hpc"] - before["hpc"] < (passed + 1) * 1e9 and after["cpu"] < 600, after
        assert after["table"] == before["table"] and after["fixed"] == "1970", after
        log = eventually("all six fire", lambda: (
            lambda l: len(l) >= 6 and l)(a.call(".clock", "log")[0]))
        assert log == [30, 40, 50, 3600, 7000, 7200], log
        status = a.ctl("status")
        assert status["uptime_seconds"] < 60, status
        a.ctl("clock", "+99s")
        assert a.call(".clock", "log")[0] == log
        a.ctl("clock", "+1s")
        eventually("what they armed", lambda: a.call(".clock", "log")[0][6:] == [
            f"after {s}" for s in (30, 40, 50, 3600, 7000, 7200)])
        # a task that sleeps, and very many timers
        got = []
        t = threading.Thread(target=lambda: got.append(a.call(".clock", "nap", "3000")[0]))
        t.start()
        eventually("it sleeps", lambda: a.ctl("why", ".clock")["tasks"] == 1)
        a.call(".clock", "many", "50000")
        a.ctl("clock", "+90min")
        t.join(10)
        assert got and 540000 <= got[0] < 545000, got
        eventually("many fire", lambda: a.call(".clock", "left")[0] == 0)
        # os.date follows, too
        a.ctl("clock", "+366d")
        then = clock(a)
        assert then["date"] == int(time.strftime("%Y", time.gmtime(then["os_time"]))), then
        assert then["day"] == time.strftime("%Y-%m-%d", time.gmtime(then["time"])), then
        assert abs(then["os_time"] - time.time() - 366 * 86400 - 7200 - 100 - 5400) < 3, then


def links_do_not_notice(build):
    """two nodes with TLS: calls under way and links outlive jumps of a day, on one node or all"""
    with Testing(build) as c:
        a = c.node("a", 1, master=True).ready()
        b = c.node("b", 2).ready()
        eventually("b is reached", lambda: not a.call(".clock", "ask", "CLOCK2", "log")[0])
        links = lambda n: [(x["name"], x["state"], x["since"], x["incarnation"])
                           for x in n.ctl("nodes")["nodes"]]
        before = links(a), links(b)
        got = []
        t = threading.Thread(target=lambda: got.append(a.call(".clock", "ask", "CLOCK2", "wait")))
        t.start()
        eventually("it waits there", lambda: b.ctl("why", ".clock")["tasks"] == 1)
        rows = a.ctl("clock", "+1d", "--all")["clocks"]
        assert sorted((r["node"], r["moved_seconds"]) for r in rows) == \
            [("a", 86400), ("b", 86400)], rows
        b.ctl("clock", "+3h")
        a.ctl("--node", "b", "clock", "+1h")
        assert abs(b.ctl("clock")["clocks"][0]["moved_seconds"] - 86400 - 4 * 3600) < 1e-3
        # longer than dead_after (1 s) and many heartbeats: who took it for silence has said so
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert not a.call(".clock", "ask", "CLOCK2", "log")[0]
            assert not got, got
        a.call(".clock", "ask", "CLOCK2", "wake")
        t.join(10)
        assert got == [["woken"]], got
        assert (links(a), links(b)) == before, (before, links(a), links(b))
        for n in a, b:
            assert not n.logged("lost") and not n.logged("dead"), n.name


def the_watchdog_is_fed(build):
    """the interval between two feeds of systemd's watchdog stays what it is"""
    with Testing(build) as c:
        path = c.tmp + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(5)
            a = c.node("a", 1, master=True, env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
            a.ready()
            fed = []
            for i in range(20):
                while b"WATCHDOG=1" not in s.recv(4096):
                    pass
                fed.append(time.monotonic())
                a.ctl("clock", "+1h")
            gaps = [y - x for x, y in zip(fed, fed[1:])]
            assert max(gaps) < 0.4 * 5 and sum(gaps) > 20 * 0.02, gaps
            assert not a.logged("no proof of life"), "the watchdog took it for silence"


def it_is_refused(build):
    """without testing; backwards; what is no duration; more than a century: one line says why"""
    with Testing(build, testing=False) as c:
        a = c.node("a", 1, master=True).ready()
        assert a.ctl("clock")["clocks"][0]["testing"] is False
        p = ctl(a, "clock", "+1h")
        assert p.returncode == 1 and "testing: true" in p.stderr and \
            p.stderr.count("\n") == 1, p
        assert not a.logged("node.testing")
    with Testing(build) as c:
        a = c.node("a", 1, master=True).ready()
        for bad in "-1h", "1h", "+", "+h", "+1", "+1x", "+1h-", "+99999999999999999999h", "+36501d":
            p = ctl(a, "clock", bad)
            assert p.returncode == 1 and p.stderr.count("\n") == 1, (bad, p)
        assert a.ctl("clock")["clocks"][0]["moved_seconds"] == 0
        assert a.ctl("clock", "+1d2h3min4s5ms")["clocks"][0]["moved_seconds"] == 93784.005
        assert a.ctl("clock", "+36000d")["clocks"][0]["now_seconds"] > 3.1e9
        p = ctl(a, "clock", "+1000d")
        assert p.returncode == 1 and "100 years" in p.stderr, p
        assert ctl(a, "clock").stdout.count("\n") >= 2


main([timers_fire_in_order, links_do_not_notice, the_watchdog_is_fed, it_is_refused])
