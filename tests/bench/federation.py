#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A federation as it would be run: CLUSTERS harbor clusters of NODES nodes, of which GATEWAYS are
gateways, all processes of this machine, with the default times. It must form, every node must reach
every cluster, a gateway of each cluster is killed under load and the calls go on; then the figures
are taken.

usage: federation.py --build BUILD [--clusters 4] [--nodes 16] [--gateways 2] [--seconds 3]
       [--key]: gateways speak TLS

With --nodes 1 each cluster is one node, its master and gateway: what many clusters cost.
"""
import argparse, concurrent.futures, os, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../cluster", HERE + "/../cluster/federation"]
import clusters
from clusters import Federation
from harness import Failed, eventually

TICK = os.sysconf("SC_CLK_TCK")
CALL_LIMIT = 60


class Town(clusters.Town):
    """With the default times, a worker a node, and the program of this folder."""

    def text(self, *args, **kw):
        text = super().text(*args, start="town", **kw)
        text = text.replace(clusters.HERE, HERE + "/federation").replace("threads: 2", "threads: 1")
        return text.replace("heartbeat: 100ms, dead_after: 1s, name_wait: 300ms, ", "")


def processor(node):
    with open(f"/proc/{node.process.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(node):
    """KiB that are the process's own."""
    with open(f"/proc/{node.process.pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def load(nodes, tasks, seconds, targets, size=32, burn=()):
    """Calls of each of the nodes at once; targets(node) are whom it calls. Gives calls/s, errors,
    the last reason, and the processor time that each of `burn` used, per call."""
    before = [processor(n) for n in burn]
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        results = list(pool.map(lambda n: n.call(".town", "load", str(tasks), str(seconds),
                                                 str(size), targets(n), limit=CALL_LIMIT), nodes))
    calls = sum(r[0] for r in results)
    why = next((r[2] for r in results if r[1]), None)
    used = [(processor(n) - b) / max(calls, 1) * 1e6 for n, b in zip(burn, before)]
    return calls / seconds, sum(r[1] for r in results), why, used


def step(began, what):
    print(f"# {time.monotonic() - began:6.1f} s  {what}", flush=True)


def callers(f):
    """The nodes that are no gateways, or all of them if there are no others."""
    return [n for n in f.nodes() if "-n" in n.name] or f.nodes()


def wide(args, f, names):
    """What each gateway carries when there are many clusters."""
    nodes = f.nodes()
    before = [processor(n) for n in nodes]
    time.sleep(10)
    idle = sum(processor(n) - b for n, b in zip(nodes, before)) / len(nodes) / 10
    used = sorted(map(memory, nodes))
    sockets = max(len(os.listdir(f"/proc/{n.process.pid}/fd")) for n in nodes)
    print(f"FEDERATION {len(names)} clusters: a gateway has {used[len(used) // 2]} KiB of its own, "
          f"{sockets} descriptors, and uses {idle * 100:.1f} % of a processor when idle",
          flush=True)
    rate, errors, why, used = load(nodes[:4], 64, args.seconds, everybody_elses(names, "s1"),
                                   burn=nodes)
    print(f"FEDERATION four nodes call all others, 64 at once: {rate:.0f} calls/s, {errors} "
          f"failed; processor of all nodes {sum(used):.1f} us a call", flush=True)


def run(args):
    began = time.monotonic()
    clusters.Town = Town
    names = [f"c{i}" for i in range(args.clusters)]
    plain = args.nodes - args.gateways - 1 if args.nodes > 1 else -1
    gateways = args.gateways if args.nodes > 1 else 1
    with Federation(args.build, {n: gateways for n in names}, plain=plain,
                    key=args.key) as f:
        for node in f.nodes():
            eventually(f"{node.name} is ready", lambda: node.ready(60), 60)
        step(began, f"{len(f.nodes())} nodes are in their {len(names)} clusters")
        f.formed()
        step(began, "every gateway has a link to each other cluster")
        for node in callers(f):
            node.call(".town", "publish", "s" + node.name.split("-")[1][1:])
        reached = lambda node: node.call(".town", "reach", str(len(names))) == [len(names)]
        for node in f.nodes():
            eventually(f"{node.name} reaches every cluster", lambda: reached(node))
        step(began, "every node reaches every cluster")
        if args.nodes > 1:
            figures(args, f, names)
            deaths(args, f, names)
        else:
            wide(args, f, names)
        step(began, "done")


def everybody_elses(names, services="s1,s2,s3"):
    """Whom a node calls: services of each other cluster."""
    return lambda node: f"others:{node.name.split('-')[0]}:{len(names)}:{services}"


def figures(args, f, names):
    a, b = names[0], names[1]
    one, two = f[f"{a}-n1"], f[f"{a}-n2"]
    gates = [n for n in f.nodes() if "-g" in n.name]
    for tasks, what in ((1, "one at a time"), (64, "64 at once")):
        for kind, target in (("to the next node", "s2"), ("to the next cluster", f"{b}@s2")):
            rate, errors, why, _ = load([one], tasks, args.seconds, lambda n: target)
            if errors:
                raise Failed(f"{errors} errors: {why}")
            print(f"FEDERATION {kind:20} {what:14} {rate:9.0f} calls/s", flush=True)
    plain, others = callers(f), everybody_elses(names)
    rate, errors, why, used = load(plain, 8, args.seconds, others, burn=gates)
    if errors:
        raise Failed(f"{errors} errors: {why}")
    print(f"FEDERATION all nodes to all other clusters, 8 at once: {rate:.0f} calls/s; processor "
          f"of all gateways together {sum(used):.1f} us a call", flush=True)
    print(f"FEDERATION memory: gateway {max(map(memory, gates))} KiB, other node "
          f"{max(map(memory, plain))} KiB", flush=True)


def deaths(args, f, names):
    """A gateway of each cluster dies while everybody calls."""
    plain, others = callers(f), everybody_elses(names)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(load, plain, 2, 4, others)
        time.sleep(1)
        for name in names:
            f[f"{name}-g1"].kill()
        rate, errors, why, _ = result.result()
    print(f"FEDERATION a gateway of each cluster is killed: {rate:.0f} calls/s over 4 s, {errors} "
          f"failed, the last: {why}", flush=True)
    if args.gateways > 1:
        rate, errors, why, _ = load(plain, 2, 2, others)
        if errors:
            raise Failed(f"{errors} errors with the gateways that are left: {why}")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", required=True)
    for name, number in (("clusters", 4), ("nodes", 16), ("gateways", 2), ("seconds", 3)):
        p.add_argument("--" + name, type=int, default=number)
    p.add_argument("--key", action="store_true")
    run(p.parse_args())


main()
