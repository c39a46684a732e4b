#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Soak: a node makes millions of calls to services that are born and killed at random, with timers,
sockets, a channel, a shared table and a second node at its side, which is killed (-9) and started
again in the middle of each stage. Then: every call was answered or failed, for a reason; and the
memory after each stage is what it was after the three that warm up, within 5 %.

usage: soak.py --build DIR [--calls N] [--stages N] [--seed S] [--threads N]

A stage's memory is looked at when the node has been quiet long enough to give back what it does not
use. Under a sanitizer memory is told and not judged. Exit status 0 only if all held. A node that
ends with status 0 has no leak under LeakSanitizer.
"""
import argparse, json, os, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cluster"))
from harness import Cluster, Failed, eventually  # noqa: E402

WARM_UP = 3
QUIET_S = 22  # the trim comes after 10 s of calm; the sleeps of what a stage left behind end before
FLAT = 1.05


def rss_kib(node):
    with open(f"/proc/{node.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def fds(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def services(node):
    return node.ctl("status")["services"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--calls", type=int, default=10_000_000)
    ap.add_argument("--stages", type=int, default=5)
    ap.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    ap.add_argument("--stage-limit", type=int, default=1800, help="seconds that a stage may take")
    a = ap.parse_args()
    judged = "san-" not in a.build
    bad = []
    print(f"seed {a.seed}, {a.calls} calls in {a.stages} stages", flush=True)
    with Cluster(a.build, HERE) as c:
        main_node = c.node("main", 1, master=True, start="soak", args=str(a.seed))
        peer = c.node("peer", 2, start="peer")
        main_node.ready(60)
        peer.ready(60)
        print(f"{'stage':>5} {'calls':>10} {'failed':>8} {'seconds':>8} {'rss MiB':>8} "
              f"{'used MiB':>8} {'peer MiB':>8} {'services':>8} {'fds':>4} {'tasks':>5}")
        first = None
        for stage in range(1 - WARM_UP, a.stages + 1):
            began = time.monotonic()
            main_node.call(".soak", "stage", str(a.calls // a.stages))
            peer.kill()
            peer.start()
            peer.ready(60)
            eventually("the stage ends: nobody waits for ever",
                       lambda: main_node.call(".soak", "done", limit=120)[0], a.stage_limit)
            why = main_node.call(".soak", "done")[1]
            if why:
                bad.append(f"a driver failed: {why}")
            took = time.monotonic() - began
            r = main_node.call(".soak", "report", limit=60)[0]
            count = services(main_node)
            time.sleep(QUIET_S if judged else 1)
            now = {"rss": rss_kib(main_node), "peer": rss_kib(peer), "services": count,
                   "fds": fds(main_node), "tasks": r["tasks"]}
            print(f"{stage:>5} {r['made']:>10} {r['failed']:>8} {took:>8.1f} "
                  f"{now['rss'] / 1024:>8.1f} {r['allocated']:>8.1f} {now['peer'] / 1024:>8.1f} "
                  f"{now['services']:>8} {now['fds']:>4} {now['tasks']:>5}", flush=True)
            if r["made"] != r["right"] + r["failed"]:
                bad.append(f"{r['made']} calls, {r['right']} answered, {r['failed']} failed")
            bad += r["wrong"]
            if r["heard"] != r["published"] * 4:
                bad.append(f"{r['published']} messages were published to 4 listeners, {r['heard']} "
                           f"came")
            if stage <= 0:
                first = now
                continue
            for key in ("services", "fds", "tasks"):
                if now[key] != first[key]:
                    bad.append(f"stage {stage}: {key} {now[key]}, after warming up {first[key]}")
            if judged and now["rss"] > first["rss"] * FLAT:
                bad.append(f"stage {stage}: {now['rss']} KiB, after warming up {first['rss']}")
        print("why calls failed: " + json.dumps(dict(sorted(r["reasons"].items(),
                                                            key=lambda kv: -kv[1])), indent=1))
        for node in (peer, main_node):
            status = node.stop(60)
            if status:
                bad.append(f"{node.name} ended with {status}")
                with open(node.log, errors="replace") as f:
                    print(f.read()[-6000:])
        for node in (peer, main_node):
            for text in ("ERROR: LeakSanitizer", "ERROR: AddressSanitizer",
                         "WARNING: ThreadSanitizer", "runtime error:"):
                if node.logged(text):
                    bad.append(f"{node.name}: {text}")
        if bad:
            raise Failed("; ".join(bad[:20]))
    print("all held")


if __name__ == "__main__":
    try:
        main()
    except Failed as e:
        print(f"FAILED: {e}")
        sys.exit(1)
