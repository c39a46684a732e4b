#!/usr/bin/python3
"""A logger in Lua that gets every line, and SIGHUP as a system message."""
import os, re, signal
from harness import eventually, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def lines_pass_the_program(build):
    """lines of services and of the boot arrive in order; the file is rotated under it"""
    with Stock(build, folder(HERE)).start() as n:
        eventually("ticks", lambda: "tick 3\n" in n.read("my.log"))
        os.rename(n.tmp + "/my.log", n.tmp + "/old.log")
        n.process.send_signal(signal.SIGHUP)
        eventually("the new file", lambda: "reopened\n" in n.read("my.log"))
        last = int(re.findall(r"tick (\d+)", n.read("old.log"))[-1])
        eventually("more ticks", lambda: f"tick {last + 3}\n" in n.read("my.log"))
        assert n.end() == 0
        text = n.read("old.log") + n.read("my.log")
        assert re.search(r"^\d+\.\d\d :00000002 LAUNCH snlua bootstrap$", text, re.M), text
        assert re.search(r"^\d+\.\d\d :0000000\w one 2 nil true$", text, re.M), text
        ticks = [int(x) for x in re.findall(r"tick (\d+)", text)]
        assert ticks == list(range(1, len(ticks) + 1)), ticks


main([lines_pass_the_program])
