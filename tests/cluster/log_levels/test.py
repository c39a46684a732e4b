#!/usr/bin/python3
"""Levels of log lines from Lua: skynet.log(level, ...), and what the level of the log makes of
it."""
import os, re
from harness import Cluster, Failed, eventually, main

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


def a_level_of_its_own(build):
    """one service, or all of a kind, can be louder or quieter than the others, until default"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        handle = {x["name"]: x["handle"] for x in n.ctl("names")["names"]}[".probe"]
        answer = n.ctl("log-level", "debug", ".probe")
        assert answer == {"log_level": "info", "services": {handle: "debug"}}, answer
        n.call(".probe", "say", "first")
        eventually("the lines", lambda: len(levels(n, "first")) >= 5)
        assert ("debug", "at debug") in levels(n, "first")
        n.ctl("log-level", "default", handle)
        n.ctl("log-level", "error", "main")
        assert n.ctl("log-level") == {"log_level": "info", "services": {"main": "error"}}
        n.call(".probe", "say", "second")
        eventually("the line", lambda: levels(n, "second"))
        assert levels(n, "second") == [("error", "at error")]
        n.ctl("log-level", "default", "main")
        assert n.ctl("log-level") == {"log_level": "info"}
        for words, why in ((("debug", ".nobody"), "no such service"),
                           (("loud", "main"), "the levels are"),
                           (("default", "main"), "no level of its own")):
            try:
                n.ctl("log-level", *words)
            except Failed as e:
                assert why in str(e), e
            else:
                raise AssertionError(words)


def a_bad_level(build):
    """a level that does not exist raises where it was written"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        ok, why = n.call(".probe", "bad")
        assert not ok and re.search(r'main\.lua:\d+: .*"loud" is no level: debug, info, warning or '
                                    r'error', why), why


main([every_level, a_level_of_its_own, a_bad_level])
