#!/usr/bin/python3
"""Twenty-four nodes that start together: one connection a link, and then they are quiet."""
import os, re, time
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = 24


class Town(Cluster):
    """With the times of a configuration that names none."""

    def text(self, name, harbor, master=False, **kw):
        text = super().text(name, harbor, master, **kw)
        return re.sub(r" heartbeat: \w+, dead_after: \w+, name_wait: \w+,", "", text)


def linked(n):
    return sum(x["state"] == "up" for x in n.ctl("nodes")["nodes"]) == NODES - 1


def naps(n):
    """How often the workers of a node went to sleep."""
    total = 0
    for task in os.listdir(f"/proc/{n.process.pid}/task"):
        with open(f"/proc/{n.process.pid}/task/{task}/status") as f:
            text = f.read()
        if text.startswith("Name:\tworker"):
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
    return total


def together(build):
    """each pair connects once; idle, a node wakes for a heartbeat and its answer, not for each
    link"""
    with Town(build, HERE) as c:
        nodes = [c.node(f"n{i}", i, master=i == 1) for i in range(1, NODES + 1)]
        for n in nodes:
            eventually(f"{n.name} has all links", lambda: linked(n), 60)
        accepted = sum(n.ctl("status")["connections_accepted"] for n in nodes)
        links = NODES * (NODES - 1) // 2
        assert links <= accepted <= links * 1.05, f"{accepted} connections for {links} links"
        time.sleep(2)
        before, began = [naps(n) for n in nodes], time.monotonic()
        time.sleep(5)
        after, took = [naps(n) for n in nodes], time.monotonic() - began
        rates = sorted((b - a) / took for a, b in zip(before, after))
        # the master's node hears all the others each second
        assert rates[-2] < 12, f"wake-ups a second: {rates}"


if __name__ == "__main__":
    main([together])
