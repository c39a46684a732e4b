#!/usr/bin/python3
"""Levels of log lines from Lua: skynet.log(level, ...), and what the level of the log makes of
it."""
import os, re
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def levels(node, what):
    """Which level word stands in front of which line."""
    with open(node.log, errors="replace") as f:
        return re.findall(rf"(debug|info|warning|error) +\[:[0-9a-f]+ main\] {what} (by error|at "
                          rf"\w+)\n", f.read())


def every_level(build):
    """each line has its level and the name of its service, and log.level hides those below it, also
    when it changes"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        n.call(".probe", "say", "first")
        wanted = [("info", "by error"), ("info", "at info"), ("warning", "at warning"),
                  ("error", "at error")]
        eventually("the lines", lambda: len(levels(n, "first")) >= 4)
        assert levels(n, "first") == wanted, levels(n, "first")
        assert n.call(".probe", "made") == [0]
        n.ctl("log-level", "debug")
        n.call(".probe", "say", "second")
        eventually("the lines", lambda: len(levels(n, "second")) >= 5)
        assert levels(n, "second") == wanted[:1] + [("debug", "at debug")] + wanted[1:]
        assert n.call(".probe", "made") == [1]
        n.ctl("log-level", "error")
        n.call(".probe", "say", "third")
        eventually("the line", lambda: levels(n, "third"))
        assert levels(n, "third") == wanted[3:]


def a_bad_level(build):
    """a level that does not exist raises where it was written"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        ok, why = n.call(".probe", "bad")
        assert not ok and re.search(r'main\.lua:\d+: .*"loud" is no level: debug, info, warning or '
                                    r'error', why), why


main([every_level, a_bad_level])
