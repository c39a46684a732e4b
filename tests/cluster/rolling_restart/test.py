#!/usr/bin/python3
"""Services move between nodes under load; a cluster is restarted node by node: nobody notices."""
import os, time
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


class Default(Cluster):
    """Nodes as they are configured by default."""

    def text(self, *args, **kw):
        return super().text(*args, **kw).replace(
            "heartbeat: 100ms, dead_after: 1s, name_wait: 300ms, ", "")


def linked(n, count):
    return sum(x["state"] == "up" for x in n.ctl("nodes")["nodes"]) == count - 1


def all_linked(nodes):
    for n in nodes:
        eventually(f"{n.name} is linked to all", lambda: linked(n, len(nodes)))


def start(c, count):
    nodes = [c.node("abcdefgh"[i], i + 1, master=i == 0) for i in range(count)]
    for n in nodes:
        n.ready()
    all_linked(nodes)
    return nodes


def new(n, *args):
    return n.call(".main", "new", *args)[0]


def end_of_load(n):
    """How many calls and sends a driver made, none of which may have failed."""
    calls, sends, failed = n.call(".driver", "stop")
    if failed or calls < 10:
        raise Failed(f"{n.name}: {calls} calls, {failed}")
    return calls, sends


def report(n, handle, names=()):
    where, lives, faults = n.call(f":{handle:08x}", "report")
    if faults:
        raise Failed(f":{handle:08x} as {where} in life {lives}: {faults}")
    return lives


def moves(build):
    """a service moves between nodes and back: calls and sends keep their order, none is lost"""
    with Cluster(build, HERE) as c:
        a, b, d = start(c, 3)
        handle = new(a, "counter", "famous")
        for n in (a, b, d):
            new(n, "driver", n.name, "0")
            n.call(".driver", "add", str(handle))
            n.call(".driver", "add", "famous")
        for to in "bcabca":
            time.sleep(0.2)
            a.ctl("move", f":{handle:08x}", to)
        time.sleep(0.3)
        for n in (a, b, d):
            end_of_load(n)
        if report(a, handle) != 7:
            raise Failed("it had not seven lives")


def restart(c, n, nodes):
    """Drains a node, stops it, and starts it anew."""
    n.ctl("drain", n.name, "--wait", "30", limit=40)
    others = [x for x in nodes if x is not n]
    for x in others:
        row = [r for r in x.ctl("nodes")["nodes"] if r["name"] == n.name][0]
        if not row["draining"]:
            raise Failed(f"{x.name} does not know that {n.name} drains")
    done = end_of_load(n)
    n.ctl("stop")
    if n.process.wait(20) != 0:
        raise Failed(f"{n.name} ended with {n.process.returncode}")
    time.sleep(0.5)
    n.start().ready()
    all_linked(nodes)
    return done


def drain_on_stop(build):
    """a SIGTERM drains first if it is told to: a service that can move outlives its node"""
    with Cluster(build, HERE) as c:
        a = c.node("a", 1, master=True)
        b = c.node("b", 2, start_now=False)
        with open(b.config, "a") as f:
            f.write("admin: { drain_on_stop: 10s }\n")
        b.start()
        for n in (a, b):
            n.ready()
        all_linked([a, b])
        handle = new(b, "counter", "famous")
        new(a, "driver", "a", "0")
        a.call(".driver", "add", str(handle))
        a.call(".driver", "add", "famous")
        if b.stop() != 0:
            raise Failed("b ended with an error")
        end_of_load(a)
        if report(a, handle) != 2:
            raise Failed("it did not move")


def rolling_restart(build):
    """four nodes are restarted one after the other under load, the master's too: nothing fails"""
    with Default(build, HERE) as c:
        nodes = start(c, 4)
        targets = []
        for n in nodes:
            targets.append(new(n, "counter", f"famous-{n.name}"))
            targets += [new(n, "counter") for _ in range(8)]

        def drive(n, life):
            new(n, "driver", f"{n.name}{life}", "2")
            for t in targets:
                n.call(".driver", "add", str(t))
            for x in nodes:
                n.call(".driver", "add", f"famous-{x.name}")

        for n in nodes:
            drive(n, 1)
        calls = sends = 0
        for n in nodes:
            time.sleep(0.5)
            made = restart(c, n, nodes)
            calls, sends = calls + made[0], sends + made[1]
            drive(n, 2)
        time.sleep(1)
        for n in nodes:
            made = end_of_load(n)
            calls, sends = calls + made[0], sends + made[1]
        for t in targets:
            if report(nodes[0], t) < 2:
                raise Failed(f":{t:08x} never moved")
        print(f"# {calls} calls, {sends} sends")


if __name__ == "__main__":
    main([moves, drain_on_stop, rolling_restart])
