#!/usr/bin/python3
"""Twenty-four nodes that start together: one connection a link, and then they are quiet. What they
log while they form, and while their master restarts, and when many of them end at once."""
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


def lines(nodes, text, among=None):
    """The lines of these nodes' logs that hold this text."""
    found = []
    for n in nodes:
        with open(n.log, errors="replace") as f:
            found += [f"{n.name}: {line.strip()}" for line in f if text in line]
    return found


SLOW, AWAY, LOST = "without a link for too long", "is out of reach", "is lost:"


def formed(c, nodes):
    for n in nodes:
        eventually(f"{n.name} has all links", lambda: linked(n), 60)


def quietly_with_a_key(build):
    """nodes whose turn has not come yet are not said to be away: with a key each handshake takes
    its time, and all of these share two processors with others"""
    with Town(build, HERE) as c:
        c.secure = c.secure or f", key_file: {c.key()}"
        nodes = [c.node(f"n{i}", i, master=i == 1) for i in range(1, NODES + 1)]
        formed(c, nodes)
        assert not lines(nodes, SLOW), lines(nodes, SLOW)
        assert not lines(nodes, AWAY), lines(nodes, AWAY)


def a_master_that_restarts(build):
    """a master that is killed and starts again waits for its members without a word about them;
    they tell of its end in a line or two each"""
    with Town(build, HERE) as c:
        nodes = [c.node(f"n{i}", i, master=i == 1) for i in range(1, NODES + 1)]
        formed(c, nodes)
        before = sum(1 for n in nodes for _ in open(n.log, errors="replace"))
        nodes[0].kill()
        for n in nodes[1:]:
            eventually(f"{n.name} has lost it", lambda: n.logged("master lost"))
        nodes[0].start()
        formed(c, nodes)
        for what in (SLOW, AWAY):
            assert not lines(nodes, what), lines(nodes, what)
        lost = lines(nodes[1:], LOST)
        assert len(lost) == NODES - 1, lost
        # it is lost, gone, up again; the master is lost and found
        after = sum(1 for n in nodes[1:] for _ in open(n.log, errors="replace"))
        assert after - before < 12 * NODES, (after - before)
        # one that it has never seen in this life is away since it was heard of, not for 50 years
        for n in nodes[-1], nodes[0]:
            n.kill()
        nodes[0].start()
        away = eventually("it has heard of the dead one", lambda: [
            x for x in nodes[0].ctl("nodes")["nodes"] if x["name"] == nodes[-1].name])[0]
        assert away["state"] != "up" and abs(time.time() - away["since"]) < 600, away


def many_end_at_once(build):
    """half of the nodes are killed at once: the others say so in a few lines, not in one for each
    of them"""
    with Town(build, HERE) as c:
        nodes = [c.node(f"n{i}", i, master=i == 1) for i in range(1, NODES + 1)]
        formed(c, nodes)
        half = nodes[:NODES // 2]
        for n in nodes[NODES // 2:]:
            n.process.kill()
        for n in nodes[NODES // 2:]:
            n.process.wait()
        for n in half:
            eventually(f"{n.name} has said so",
                       lambda: any("more: n" in line for line in lines([n], "is gone:")))
        for n in half:
            told = lines([n], LOST) + lines([n], "is gone:") + lines([n], AWAY)
            assert 2 <= len(told) <= 8, told
            named = " ".join(told)
            assert "and so it is with" in named and "n24" in named or "..." in named, told


if __name__ == "__main__":
    main([together, quietly_with_a_key, a_master_that_restarts, many_end_at_once])
