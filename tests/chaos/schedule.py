# SPDX-License-Identifier: MIT
"""The faults of a run, from its seed alone: the same seed, nodes and seconds are the same schedule.
A schedule is a list of rounds; a round is a list of faults that begin within a few seconds of each
other, after which everything is healed and looked at."""
import random

DEAD_AFTER = 5.0
KINDS = {  # kind: how often
    "kill": 6, "freeze": 6, "cut": 5, "one_way": 5, "reset": 3, "isolate": 3, "master_cut": 4,
    "master_kill": 3, "master_freeze": 2, "master_wiped": 2,
    "slow": 3, "lossy": 4, "narrow": 3, "bad_air": 2, "clock": 3, "disk_full": 3,
    "descriptors": 3, "key": 2, "move": 6, "drain": 5,
}
# More of them where the registry is in etcd; the leader is whoever leads when the fault begins.
ETCD_KINDS = {"etcd_kill": 3, "etcd_freeze": 2, "etcd_cut": 3, "lead_kill": 5, "lead_freeze": 4,
              "lead_move": 3}
WEIGHTS = {**KINDS, **ETCD_KINDS}
# A line from `node` to `other` and back (bad_air: all lines of `node`), as network.Line has it.
LINES = {
    "slow": lambda rng: (rng.choice([20, 80, 200]), rng.choice([0, 10, 50]), 0, 0, 0, 0),
    "lossy": lambda rng: (rng.choice([0, 5, 30]), rng.choice([0, 5]), rng.choice([10, 50, 150]),
                          rng.choice([0, 50, 300]), rng.choice([0, 20]), 0),
    "narrow": lambda rng: (10, 0, 0, 0, 0, rng.choice([2000, 10000, 50000])),
    "bad_air": lambda rng: (rng.choice([5, 40]), 20, rng.choice([20, 80]), 100, 10, 20000),
}
JUMPS = [-86400 * 400, -3600, -3, 3, 3600, 86400 * 400]  # seconds
# nobody is told, silence is waited out
SILENT = ("freeze", "cut", "one_way", "isolate", "master_cut", "master_freeze", "lead_freeze",
          "etcd_freeze", "etcd_cut")
LENGTHS = [0.2, 0.8, 2.0, 4.0, 4.8, 5.5, 7.0, 9.0]  # shorter and longer than dead_after


def fault(rng, nodes, kind):
    """One fault: who, how long. Node 1 is the master too."""
    one, other = rng.sample(range(1, nodes + 1), 2)
    length = rng.choice(LENGTHS)
    if kind.startswith("master_"):
        one, other = (rng.randint(2, nodes), 1) if kind == "master_cut" else (1, 1)
    elif kind in ("kill", "lead_kill"):
        length = rng.choice([0.0, 0.1, 1.0, 3.0, 6.0])
    elif kind == "reset":
        length = rng.choice([0.1, 0.5, 2.0])
    f = {"kind": kind, "node": one, "other": other, "length": length}
    if kind in LINES:
        f["length"] = rng.choice([2.0, 6.0, 12.0])
        f["line"] = LINES[kind](rng)
    elif kind == "clock":
        f["jump"] = rng.choice(JUMPS)
    elif kind == "disk_full" and rng.random() < 0.5:
        f["node"] = 1
    elif kind == "descriptors":
        f["spare"] = rng.choice([0, 1, 5])
    return f


def kinds(etcd):
    return list(WEIGHTS if etcd else KINDS)


def a_round(rng, nodes, kinds):
    count = rng.choice([1, 1, 2, 2, 3, 4])
    kinds = rng.choices(kinds, weights=[WEIGHTS[k] for k in kinds], k=count)
    faults, at = [], 0.0
    for kind in kinds:
        f = fault(rng, nodes, kind)
        at += rng.choice([0.0, 0.05, 0.5, 2.0])
        f["at"] = round(at, 3)
        faults.append(f)
    # A master that has lost its registry counts on from its clock: both at once are one too many.
    for f in faults if "master_wiped" in kinds else ():
        if f["kind"] == "clock" and f["node"] == 1:
            f["node"] = 2
    return faults


def schedule(seed, nodes, seconds, kinds=None):
    """Rounds for about that many seconds, with what they take on the average between the last fault
    and the next round. kinds: only those."""
    rng, rounds, spent = random.Random(seed), [], 0.0
    while spent < seconds:
        faults = a_round(rng, nodes, kinds or list(KINDS))
        rounds.append({"pause": round(rng.uniform(2.0, 6.0), 2), "faults": faults})
        spent += 6.0 + max(f["at"] + f["length"] for f in faults)
    return rounds
