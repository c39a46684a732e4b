#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Services move between nodes under load."""
import os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from harness import Cluster, Failed, eventually, main


def nodes(c, n):
    made = [c.node("abcdefgh"[i], harbor=i + 1, master=i == 0) for i in range(n)]
    for i, node in enumerate(made):
        node.ready()
    for node in made:
        eventually(f"{node.name} is linked to all",
                   lambda: sum(x["state"] == "up" for x in node.ctl("nodes")["nodes"]) == n - 1)
    return made


def move_under_load(build):
    """a service moves between nodes and back: calls and sends keep their order, none is lost"""
    with Cluster(build, here) as c:
        a, b, d = nodes(c, 3)
        handle = a.call(".main", "new", "counter", "famous")[0]
        for n in (a, b, d):
            n.call(".main", "new", "driver", n.name)
            n.call(".driver", "add", str(handle))
            n.call(".driver", "add", "famous")
            n.call(".driver", "go")
        for to in "bcabca":
            time.sleep(0.2)
            print("#", a.ctl("move", f":{handle:08x}", to), flush=True)
        time.sleep(0.3)
        for n in (a, b, d):
            calls, sends, failed = n.call(".driver", "stop")
            print("#", n.name, calls, sends, failed, flush=True)
            if failed or calls < 100:
                raise Failed(f"{n.name}: {calls} calls, {failed}")
        where, lives, faults = a.call(f":{handle:08x}", "report")
        print("#", where, lives, faults)
        if faults or lives != 7:
            raise Failed(f"life {lives}: {faults}")


main([move_under_load])
