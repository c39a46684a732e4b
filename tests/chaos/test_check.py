#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The checker of chaos histories sees each kind of violation: a good history by hand, and what is
wrong in each bad one."""
import os, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check, schedule  # noqa: E402

S = 1_000_000  # a second in microseconds
A, B, B2, C = "1.1.000008.a", "2.1.000008.b", "2.2.000008.c", "3.1.000009.d"
FAULTS = [(0, "start", 1, 1), (0, "start", 2, 1), (0, "start", 3, 1), (1 * S, "converged", 0),
          (60 * S, "fault", "cut", 1, 2, 1.0),
          (61 * S, "healed", "cut", 1, 2), (62 * S, "converged", 0), (90 * S, "end")]


def call(at, id, *, who=A, kind="handle", whom="33554440", expected=B, limit=0):
    return (at, "C", who, f"{who}:{id}", kind, whom, expected, limit)


def right(at, id, answerer=B, *, who=A, holds=""):
    return (at, "R", who, f"{who}:{id}", answerer, f"{who}:{id}", holds)


GOOD = [
    call(10 * S, 1), (10 * S + 50, "X", B, A + ":1", "handle:33554440", 1), right(10 * S + 100, 1),
    call(11 * S, 2), (11 * S + 50, "X", B, A + ":2", "handle:33554440", 2),
    (11 * S + 80, "E", A, A + ":2", "call failed: no"),
    (12 * S, "S", A, "33554440", B, "send:33554440", 1),
    (12 * S + 10, "N", B, A, "send:33554440", 1),
    (13 * S, "G", A, "RACE1", 13 * S - 100, 71), (14 * S, "L", A, "RACE1"),
    (14 * S + 100, "Z", A, "RACE1", "ok"),
    (15 * S, "G", B, "RACE1", 15 * S - 100, 72),
    call(16 * S, 3, kind="race", whom="RACE1", expected="any"),
    right(16 * S + 100, 3, holds="RACE1"),
    call(17 * S, 4, kind="set", whom=A + "=1", expected="-"),
    (17 * S + 9, "R", A, A + ":4", "true", "-", ""),
    call(18 * S, 5, kind="get", whom=A, expected="-"), (18 * S + 9, "R", A, A + ":5", "1", "-", ""),
    (19 * S, "U", C, 77, A), (20 * S, "P", A, 77, 1), (20 * S + 90, "M", C, 77, A, 1),
    (21 * S, "P", A, 77, 2), (21 * S + 9, "M", C, 77, A, 2),
    call(22 * S, 6, kind="fails", whom="SVC2", expected="nobody"),
    (22 * S + 9, "E", A, A + ":6", "call failed: the callee did not answer"),
    call(23 * S, 7, kind="name", whom="SVC2", expected="n2"), right(23 * S + 9, 7, B),
]

LOST = (12 * S + 10, "N", B, A, "send:33554440", 1)  # what is taken out of the good ones
SENT = (65 * S, "S", A, "33554440", B, "send:33554440", 2)

# A call and a send to who moves, which fail, and then it answers another.
FAILED = [call(65 * S, 9, kind="pilgrim", expected=B),
          (65 * S + 9, "E", A, A + ":9", "call failed: no such service")]
UNHEARD = [SENT[:4] + ("p" + B,) + SENT[5:]]
ALIVE = [(70 * S, "X", B, C + ":1", "pilgrim:33554440", 1)]
DRAIN = [(63 * S, "fault", "drain", 2, 3, 2.0)]

# name: (records in addition, records left out, faults in addition, what is said)
BAD = {
    "a call without an outcome": ([call(50 * S, 9)], [], [],
                                  "no outcome: handle 33554440 hangs for 40.0 s"),
    "one that was open too long when its node was killed": ([call(50 * S, 9)], [],
                                                            [(70 * S, "kill", 1, 1)],
                                                            "hangs for 20.0 s"),
    "two outcomes": ([right(10 * S + 200, 1)], [], [], "two outcomes"),
    "an outcome of no call": ([right(10 * S, 9)], [], [], "without a call"),
    "an answer that came late": ([call(30 * S, 9), right(39 * S, 9)], [], [],
                                 "took 9.0 s, at most 8.0 s"),
    "a deadline that did not hold": ([call(30 * S, 9, limit=100), right(34 * S, 9)], [], [],
                                     "took 4.0 s, at most 3.0 s"),
    "the answer to another question": ([call(30 * S, 9),
                                        (30 * S + 9, "R", A, A + ":9", B, A + ":1", "")], [], [],
                                        f"an answer to {A}:1 reached"),
    "an answer of the next life": ([call(30 * S, 9), right(30 * S + 9, 9, B2)], [], [],
                                   "a stranger answered"),
    "a name answered by another node": ([call(30 * S, 9, kind="name", whom="SVC2", expected="n2"),
                                         right(30 * S + 9, 9, C)], [], [],
                                        "a stranger answered"),
    "an answer that nobody can give": ([call(30 * S, 9, kind="fails", expected="nobody"),
                                        right(30 * S + 9, 9)], [], [], "must fail"),
    "a question executed twice": ([(11 * S, "X", C, A + ":1", "handle:33554440", 1)], [], [],
                                  "executed twice"),
    "a message that came twice": ([(13 * S, "N", B, A, "send:33554440", 1)], [], [], "came twice"),
    "messages out of order": ([(12 * S + 5, "N", B, A, "send:33554440", 2)], [], [], "order: "),
    "questions out of order": ([(11 * S + 60, "X", B, A + ":0", "handle:33554440", 1)], [], [],
                               "order: "),
    "a send that was lost": ([], [LOST], [], "sends are lost: 1 of"),
    "a send lost because a line broke": ([SENT], [], [(63 * S, "fault", "reset", 1, 2, 2.0)],
                                         "sends are lost: 1 of"),
    "a send lost because others were silent": ([SENT], [],
                                               [(63 * S, "fault", "cut", 1, 3, 9.0)],
                                               "sends are lost: 1 of"),
    "a send by name that was lost": ([SENT[:3] + ("SVC2", "n2") + SENT[5:]], [],
                                     [(63 * S, "fault", "one_way", 1, 2, 1.0)],
                                     "sends are lost: 1 of"),
    "a failed call of a service that moved": (FAILED + ALIVE, [], DRAIN, "that moves failed"),
    "a lost send to a service that moved": (UNHEARD + ALIVE, [], DRAIN, "sends are lost: 1 of"),
    "two owners": ([(15 * S + 9, "G", C, "RACE1", 15 * S - 9, 73)], [], [], "two owners"),
    "an owner who was not told that he lost": ([(60 * S + 9, "G", C, "RACE1", 60 * S, 73),
                                                (61 * S, "O", C, "RACE1", 1),
                                               (70 * S, "G", A, "RACE1", 69 * S, 74)], [], [],
                                               "two owners"),
    "a registration number that is not new": ([(14 * S, "G", A, "RACE2", 13 * S, 7),
                                               (15 * S, "L", A, "RACE2"),
                                              (17 * S, "G", B, "RACE2", 16 * S, 7)], [], [],
                                              "number that was given before"),
    "a number that is given again after a release": ([(65 * S, "G", C, "RACE2", 64 * S, 90),
                                                      (66 * S, "L", C, "RACE2"),
                                                      (66 * S + 9, "Z", C, "RACE2", "ok"),
                                                      (78 * S, "G", C, "RACE2", 77 * S, 90)],
                                                     [], [], "number that was given before"),
    "an answer by name of who never owned it": ([call(30 * S, 9, kind="race", whom="RACE1",
                                                      expected="any"), right(30 * S + 9, 9, C)], [],
                                                      [],
                                                "never asked for it"),
    "an answer by name of a former owner": ([call(30 * S, 9, kind="race", whom="RACE1",
                                                  expected="any"), right(30 * S + 9, 9, A)], [], [],
                                            "had released it 16.0 s before"),
    "a value that is lost": ([call(30 * S, 9, kind="get", whom=A, expected="-"),
                              (30 * S + 9, "R", A, A + ":9", "nil", "-", "")], [], [],
                             "datacenter has lost"),
    "a value that nobody stored": ([call(30 * S, 9, kind="get", whom=A, expected="-"),
                                    (30 * S + 9, "R", A, A + ":9", "2", "-", "")], [], [],
                                   "datacenter answers 2"),
    "a deaf listener": ([], [(20 * S + 90, "M", C, 77, A, 1)], [], "does not hear"),
    "a publication heard twice": ([(22 * S, "M", C, 77, A, 2)], [], [], "came twice"),
    "publications out of order": ([(22 * S, "M", C, 77, A, 1)], [], [], "order: "),
}

# name: (records in addition, records left out, faults in addition); none of these is a violation
FINE = {
    "a good history": ([], [], []),
    "a call open when its node was killed": ([call(50 * S, 9)], [], [(52 * S, "kill", 1, 1)]),
    "a caller that was frozen": ([call(30 * S, 9), right(50 * S, 9)], [],
                                 [(31 * S, "freeze", 1, 1), (45 * S, "thaw", 1, 1)]),
    "a send lost with its receiver": ([], [LOST], [(11 * S, "kill", 2, 1)]),
    "a send lost with its sender": ([], [LOST], [(12 * S + 5, "kill", 1, 1)]),
    "a send lost because one took the other for dead": ([SENT, call(76 * S, 9),
                                                         right(76 * S + 9, 9)],
                                                        [], [(63 * S, "fault", "cut", 2, 1, 9.0),
                                                             (74 * S, "converged", 0)]),
    "a name that could not be released": ([(65 * S, "G", C, "RACE2", 64 * S, 90),
                                           (66 * S, "L", C, "RACE2"),
                                           (76 * S, "Z", C, "RACE2", "call failed: no answer"),
                                           (78 * S, "G", C, "RACE2", 77 * S, 90)], [], []),
    "a failed call of a service that ended": (FAILED, [], DRAIN),
    "a lost send to a service that ended": (UNHEARD, [], DRAIN),
    "a service that moved while a node was killed": (FAILED + UNHEARD + ALIVE, [],
                                                     DRAIN + [(64 * S, "fault", "kill", 3, 3, 0)]),
    "a send by a name whose owner was restarted": ([SENT[:3] + ("SVC2", "n2") + SENT[5:]], [],
                                                   [(63 * S, "fault", "kill", 2, 2, 1.0)]),
    "a value lost with the master's node": ([call(30 * S, 9, kind="get", whom=A, expected="-"),
                                             (30 * S + 9, "R", A, A + ":9", "nil", "-", "")],
                                            [], [(25 * S, "kill", 1, 1), (26 * S, "start", 1, 2)]),
    "two owners on two sides of a cut": ([(60 * S + 9, "G", C, "RACE1", 60 * S, 73)], [], []),
    "a publication that a fault swallowed": ([(60 * S + 9, "P", A, 77, 3)], [], []),
}


def checked(more, less, faults):
    """What the checker finds of the good history with more records, without some, and with more
    faults."""
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in [("faults", sorted(FAULTS + faults, key=lambda f: f[0]))] + [(f"n{n}.1",
                None) for n in (1, 2, 3)]:
            if lines is None:
                lines = sorted((r for r in GOOD + more if r not in less
                                and r[2].startswith(name[1] + ".")), key=lambda r: r[0])
            with open(f"{folder}/{name}.tsv", "w") as f:
                f.writelines("\t".join(str(x) for x in r) + "\n" for r in lines)
        return check.check(folder)


def tests():
    none = set(check.TRAFFIC) - {"handle", "race", "set", "get", "fails", "name"}
    yield "a kind of traffic that is missing is told", set(checked([], [],
            []).idle_traffic()) == none, none
    for name, (more, less, faults) in FINE.items():
        found = checked(more, less, faults).violations
        yield f"fine: {name}", not found, found
    for name, (more, less, faults, text) in BAD.items():
        found = checked(more, less, faults).violations
        yield f"seen: {name}", len(found) == 1 and text in found[0], found
    plan = schedule.schedule(7, 5, 300)
    yield "the same seed is the same schedule", plan == schedule.schedule(7, 5,
            300) != schedule.schedule(8, 5, 300), plan
    kinds = {f["kind"] for seed in range(6) for r in schedule.schedule(seed, 5, 300)
             for f in r["faults"]}
    yield "six seeds have every kind of fault", kinds == set(schedule.KINDS), kinds


def main():
    failed = 0
    for k, (name, ok, found) in enumerate(tests(), 1):
        print(f"{'ok' if ok else 'not ok'} {k} - {name}")
        if not ok:
            failed += 1
            print(f"# {found}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
