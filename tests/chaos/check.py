#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads the histories that a chaos run left in a folder and says what is wrong in them.

usage: check.py FOLDER

A history is nNODE.LIFE.tsv, one record a line: microseconds, kind, who, and then by kind
  C id kind whom expected limit   a call was made; expected: who must answer, n1 = anybody of node
  1, any, nobody = it must fail R id answerer question holds    its answer E id why
  its error X question route number         a question was executed, by `who` S handle expected
  route number  a message was sent N from route number             it came, to `who` P channel
  number: published; U channel publisher: subscribed; M channel publisher number: heard G name asked
  number: a name was gained, with the number of its registration; D name asked why: it was refused O
  name winner: it was lost to another; L name: its release was asked for; Z name: and is over
A `who` begins with its node and life. faults.tsv holds what was done to the nodes: start, kill,
freeze, thaw, fault, healed, end.
"""
import bisect, collections, glob, os, re, sys

DEAD_AFTER, LINK_WAIT, NAME_WAIT, MARGIN = 5.0, 1.0, 10.0, 2.0
BY_HANDLE = DEAD_AFTER + LINK_WAIT
BOUND = collections.defaultdict(lambda: NAME_WAIT + BY_HANDLE,
                                {"handle": BY_HANDLE, "later": BY_HANDLE + 1})
# Who is not heard, or cannot connect, for so long may be taken for dead; what was sent to him is
# lost then.
NEARLY_DEAD = 3.5
STARVING = 8.0  # tasks a processor
PAIRWISE = ("cut", "one_way", "lossy")
SILENCES = PAIRWISE + ("freeze", "isolate", "master_freeze", "lead_freeze", "master_cut",
                       "descriptors",
                       "disk_full")
BAD_LINES = ("slow", "lossy", "narrow", "bad_air")
AFTERMATH = 4.0  # seconds after a bad line was made good until TCP has sent again what was lost
NEWS = 1.0   # seconds until every node of a whole cluster has heard of a name
HEARD = 4.0  # seconds until a listener hears again in a whole cluster
TRAFFIC = ("fails", "get", "handle", "herald", "later", "name", "pilgrim", "publish", "race", "set",
           "subscribe", "unique", "unique-call")
AROUND = 3  # records shown around a violation

Call = collections.namedtuple("Call", "at node life who id kind whom expected limit")


def node_of(who):
    return int(who.split(".", 1)[0])


def life_of(who):
    return tuple(int(x) for x in who.split(".", 2)[:2])


class Round:
    """What may have ended incarnations, and who may have believed so of whom, between two moments
    at which all was well."""

    def __init__(self, begin):
        self.begin, self.killed, self.silent, self.gentle = begin, set(), [], True
        self.starved = self.rough = False  # rough: a service that moves may have died, too

    def disturbed(self, kind, node, other, length):
        if "kill" in kind or kind == "master_wiped":
            self.gentle, self.rough = False, True
        elif kind == "drain":
            self.gentle = False
        elif kind in SILENCES and length >= NEARLY_DEAD:
            self.gentle, self.rough = False, True
            self.silent.append({node, other} if kind in PAIRWISE else {node})

    def loaded(self, load):
        """Nodes that have no processor are silent, too."""
        if load > STARVING:
            self.starved, self.gentle, self.rough = True, False, True

    def given_up(self, one, other):
        """Whether one of the two may have taken the other for dead."""
        return self.starved or any(s <= {one, other} for s in self.silent)


class Faults:
    """What was done to the nodes, and when."""

    def __init__(self, lines):
        self.died, self.freezes, self.windows, self.end = {}, collections.defaultdict(list), [], 0
        self.lines, bad = [], {}  # bad lines: (begin, end, node, other or None: all)
        self.rounds = [Round(0)]  # from one moment at which all was well to the next
        self.born, self.masters, frozen = {}, {1}, {}
        self.busy = 1.0  # how many times as long things take on this machine, because others use it
        for line in lines:
            at, what, *words = line.rstrip("\n").split("\t")
            at = int(at)
            self.end = max(self.end, at)
            if what == "masters":
                self.masters = {int(w) for w in words}
            elif what == "start":
                self.born[int(words[0]), int(words[1])] = at
            elif what == "kill":
                self.died[int(words[0]), int(words[1])] = at
            elif what == "freeze":
                frozen.setdefault(int(words[0]), at)
            elif what == "thaw" and int(words[0]) in frozen:
                self.freezes[int(words[0])].append((frozen.pop(int(words[0])), at))
            elif what == "load":
                self.busy = max(self.busy, float(words[0]))
                self.rounds[-1].loaded(float(words[0]))
            elif what == "converged":
                self.windows.append((at, None))
            if what == "fault":
                self.rounds[-1].disturbed(words[0], int(words[1]), int(words[2]), float(words[3]))
            elif what == "kill":
                self.rounds[-1].killed.add((int(words[0]), int(words[1])))
            elif what == "converged":
                self.rounds.append(Round(at))
            if what == "fault" and words[0] in BAD_LINES:
                bad[tuple(words[:3])] = at
            elif what == "healed" and tuple(words[:3]) in bad:
                kind, node, other = words[:3]
                self.lines.append((bad.pop((kind, node, other)), at, int(node),
                                   None if kind == "bad_air" else int(other)))
            if what == "fault" and self.windows and not self.windows[-1][1]:
                self.windows[-1] = (self.windows[-1][0], at)

    def frozen(self, node, begin, end):
        """Seconds between begin and end in which the node was frozen."""
        return sum(max(0, min(end, b) - max(begin, a)) for a, b in self.freezes[node]) / 1e6

    def round_of(self, at):
        return self.rounds[bisect.bisect_right(self.rounds, at, key=lambda r: r.begin) - 1]

    def slowed(self, node, other, begin, end):
        """Seconds between begin and end in which packets between the two (other None: between
        any two) went over a bad line, or what a bad line had held up was made good."""
        def concerns(one, two):
            if other is None:
                return True
            return one in (node, other) if two is None else {one, two} == {node, other}
        spans = sorted((max(begin, a), min(end, b + int(AFTERMATH * self.busy * 1e6)))
                       for a, b, one, two in self.lines if concerns(one, two))
        total, last = 0, begin
        for a, b in spans:
            total += max(0, b - max(a, last))
            last = max(last, b)
        return total / 1e6

    def quiet(self, begin, end, settled=NEWS):
        """Whether the cluster was whole all that time, and had been for `settled` seconds."""
        return any(a + settled * self.busy * 1e6 <= begin and end <= (b or self.end) for a,
                   b in self.windows)

    def died_by(self, who, at):
        return self.died.get(life_of(who), at + 1) <= at


class History:
    """All records of a run, and the faults."""

    def __init__(self, folder):
        self.folder, self.lines = folder, {}
        with open(f"{folder}/faults.tsv") as f:
            self.faults = Faults(f)
        self.records = []
        for path in glob.glob(f"{folder}/n*.*.tsv"):
            node, life = (int(x) for x in os.path.basename(path)[1:-4].split("."))
            with open(path, errors="replace") as f:
                self.lines[node, life] = lines = f.read().split("\n")
            if lines[-1]:
                lines.pop()  # killed within the write of a record
            for k, line in enumerate(lines):
                parts = line.split("\t")
                if len(parts) >= 3:
                    self.records.append((int(parts[0]), (node, life), k, parts[1:]))
        self.records.sort(key=lambda r: r[0])
        # when each service worked last, under the names that those have who move
        self.last_seen = {who: at for at, _, _, (kind, who, *_) in self.records if kind in "XN"}

    def around(self, key, k):
        """The records around line k of a life's history that concern the same service."""
        lines, who = self.lines[key], self.lines[key][k].split("\t")[2]
        near = [j for j in range(max(0, k - 400), min(len(lines), k + 400)) if j == k
                or f"\t{who}" in lines[j]]
        at = near.index(k)
        return "\n".join(("> " if j == k else "  ") + lines[j]
                         for j in near[max(0, at - AROUND):at + AROUND + 1])


class Checker:
    def __init__(self, history):
        self.h, self.violations = history, []
        self.calls, self.done, self.where = {}, {}, {}
        self.errors, self.kinds = collections.Counter(), collections.Counter()
        self.sent = self.received = self.answered = self.failed = self.gained = self.heard = 0
        self.slowest = 0.0

    def violation(self, text, where=None):
        self.violations.append(text + ("\n" + self.h.around(*where) if where else ""))

    # ---- reading ----
    def read(self):
        for at, life, k, (kind, who, *f) in self.h.records:
            if kind == "C" and len(f) == 5:
                self.calls[f[0]] = Call(at, life[0], life, who, *f[:4], int(f[4]) / 100)
                self.where[f[0]] = (life, k)
                self.kinds[f[1]] += 1
            elif kind in "RE":
                self.outcome(at, kind, f, (life, k))

    def outcome(self, at, kind, f, where):
        call = self.calls.get(f[0])
        if not call:
            self.violation(f"an outcome without a call: {f}", where)
        elif f[0] in self.done:
            self.violation(f"two outcomes of one call, {f[0]} ({call.kind} {call.whom})", where)
        else:
            self.done[f[0]] = at
            self.in_time(call, at, where)
            if kind == "R":
                self.answered += 1
                self.answer(call, at, f, where)
            else:
                self.failed += 1
                self.errors[reason(f[1])] += 1
                if call.kind == "pilgrim":
                    self.pilgrim_failed(call, at, f[1], where)

    # ---- one outcome each, in time, from the right one ----
    @staticmethod
    def target(call):
        """The node that is called, as far as the record says."""
        if call.whom.isdigit():
            return int(call.whom) >> 24
        return int(call.whom[3:]) if re.fullmatch(r"SVC\d+", call.whom) else None

    def waited(self, call, until):
        """Seconds that count: not those in which the caller was frozen or its line was bad, for
        who works slowly is not dead."""
        f = self.h.faults
        return (until - call.at) / 1e6 - f.frozen(call.node, call.at, until) \
            - f.slowed(call.node, self.target(call), call.at, until)

    def bound(self, call):
        return (call.limit or BOUND[call.kind]) + MARGIN * self.h.faults.busy

    def in_time(self, call, at, where):
        took = self.waited(call, at)
        self.slowest = max(self.slowest, took)
        if took > self.bound(call):
            self.violation(f"{call.kind} {call.whom} took {took:.1f} s, at most "
                           f"{self.bound(call):.1f} s are promised", where)

    def answer(self, call, at, f, where):
        _, answerer, question, holds = (f + ["", "", ""])[:4]
        if call.expected == "-":
            return
        if call.expected == "nobody":
            return self.violation(f"{call.kind} {call.whom} must fail and was answered by "
                                  f"{answerer}", where)
        if question != call.id:
            return self.violation(f"an answer to {question} reached {call.id}", where)
        if call.expected == "any":
            return
        if call.expected.startswith("n"):
            right = answerer.split(".")[0] == call.expected[1:]
        else:
            right = answerer == call.expected
        if not right:
            self.violation(f"a stranger answered: {call.kind} {call.whom} is {call.expected}, "
                           f"{answerer} answered", where)

    def pilgrim_failed(self, call, at, why, where):
        """A service that moves answers, as long as nothing else befalls it."""
        f = self.h.faults
        rough = any(f.round_of(t).rough for t in (call.at, at))
        if self.h.last_seen.get(call.expected, 0) > at and not rough:
            self.violation(f"a call of a service that moves failed: {why}", where)

    def open_calls(self):
        for id, call in self.calls.items():
            if id in self.done:
                continue
            end = self.h.faults.died.get(call.life, self.h.faults.end)
            waited = self.waited(call, end)
            if waited > self.bound(call):
                self.violation(f"no outcome: {call.kind} {call.whom} hangs for {waited:.1f} s",
                               self.where[id])

    # ---- order and duplicates ----
    def messages(self):
        last, seen = {}, {}
        for at, life, k, (kind, who, *f) in self.h.records:
            if kind == "X":
                if f[0] in seen:
                    self.violation(f"question {f[0]} was executed twice, by {seen[f[0]]} and {who}",
                                   (life, k))
                seen[f[0]] = who
                self.ordered(last, (f[0].split(":")[0], who, f[1]), int(f[2]), (life, k))
            elif kind == "N":
                self.received += 1
                self.ordered(last, (f[0], who, f[1]), int(f[2]), (life, k))

    def ordered(self, last, pair, number, where):
        before = last.get(pair, 0)
        if number == before:
            self.violation(f"a message came twice: {pair} number {number}", where)
        elif number < before:
            self.violation(f"order: {pair} number {number} came after {before}", where)
        last[pair] = max(number, before)

    def sends(self):
        """What one incarnation sends to another arrives while both live and neither takes the other
        for dead."""
        came = {(f[0], f[1], f[2]) for _, _, _, (kind, _, *f) in self.h.records if kind == "N"}
        missing = collections.defaultdict(list)
        for at, life, k, (kind, who, *f) in self.h.records:
            if kind != "S":
                continue
            self.sent += 1
            _, expected, route, number = f
            if (who, route, number) not in came and not self.explained(at, life, expected):
                missing[who, route].append((number, (life, k)))
        for (who, route), lost in missing.items():
            self.violation(f"sends are lost: {len(lost)} of {who} on {route}, number {lost[0][0]} "
                           f"for the first", lost[0][1])

    def explained(self, at, life, expected):
        """Whether a send at that time may have been lost."""
        r = self.h.faults.round_of(at)
        if expected.startswith("p"):  # who may be on any node by now
            return r.rough or self.h.last_seen.get(expected[1:], 0) < at
        if expected.startswith("n"):  # a name is away with its node
            return not r.gentle
        target = life_of(expected)
        return life in r.killed or r.given_up(life[0], target[0]) \
            or self.h.faults.died.get(target, at + 1) <= at or target in r.killed

    # ---- names ----
    def owners(self):
        """A name has one owner at a time once the cluster is whole again; later registrations have
        higher numbers."""
        # spans: (name, who) -> [asked, over]
        holds, numbers, released, spans = {}, {}, {}, collections.defaultdict(list)
        for at, life, k, (kind, who, *f) in self.h.records:
            if kind == "G":
                self.gained += 1
                for other in holds.get(f[0], {}):
                    if self.h.faults.quiet(at, at) and not self.h.faults.died_by(other, at):
                        self.violation(f"{f[0]} has two owners, {other} and {who}", (life, k))
                for earlier, number, owner in numbers.get(f[0], ()):
                    # who could not release it still has it, by the same number
                    same = owner == who and int(f[2]) == number \
                        and released.get((f[0], who), 0) < earlier
                    if earlier < int(f[1]) and int(f[2]) <= number and not same:
                        self.violation(f"{f[0]} has a registration number that was given before, "
                                       f"{f[2]} after {number}", (life, k))
                numbers.setdefault(f[0], []).append((at, int(f[2]), who))
                holds.setdefault(f[0], {})[who] = at
                spans[f[0], who].append([int(f[1]), None])
            elif kind == "D":
                spans[f[0], who].append([int(f[1]), at])
            elif kind in "LO":
                holds.get(f[0], {}).pop(who, None)
            if kind == "Z" and f[1] == "ok":
                released[f[0], who] = at
            if kind in "ZO" and spans[f[0], who]:
                spans[f[0], who][-1][1] = at
        return spans

    def race_answers(self, spans):
        """A name is answered by somebody who holds it, or did until just now."""
        for at, life, k, (kind, who, *f) in self.h.records:
            call = kind == "R" and self.calls.get(f[0])
            if not call or call.kind != "race" or call.whom in f[3].split(","):
                continue
            mine = spans.get((call.whom, f[1]), [])
            if not any(asked < at for asked, _ in mine):
                self.violation(f"{call.whom} was answered by {f[1]}, who never asked for it",
                               (life, k))
                continue
            ends = [over for asked, over in mine if asked < at]
            if None not in ends and max(ends) + NEWS * 1e6 < call.at \
                and self.h.faults.quiet(max(ends), at):
                self.violation(f"{call.whom} was answered by {f[1]}, who had released it "
                               f"{(call.at - max(ends)) / 1e6:.1f} s before", (life, k))

    # ---- datacenter ----
    def stored(self):
        """What is read back is the last value that was stored, or one that may have been stored, or
        nothing after the datacenter died."""
        acknowledged, attempted = {}, {}
        for at, life, k, (kind, who, *f) in self.h.records:
            call = self.calls.get(f[0]) if kind in "CRE" and f else None
            if not call or call.kind not in ("set", "get"):
                continue
            if call.kind == "set":
                value = int(call.whom.split("=")[1])
                attempted[who] = value
                if kind == "R":
                    acknowledged[who] = (value, call.at)
            elif kind == "R":
                self.read_back(who, f[1], acknowledged.get(who, (0, 0)), attempted.get(who, 0),
                               (life, k))

    def read_back(self, who, got, acknowledged, attempted, where):
        value, since = acknowledged
        if got == "nil":
            f = self.h.faults
            lost = any(n in f.masters and born > since for (n, _), born in f.born.items())
            if value and not lost:
                self.violation(f"datacenter has lost the {value} of {who}", where)
        elif not got.isdigit() or not value <= int(got) <= attempted:
            self.violation(f"datacenter answers {got} to {who}, who stored {value}, then "
                           f"{attempted}", where)

    # ---- multicast ----
    def multicasts(self):
        """What is published while the cluster is whole is heard by all who have subscribed; what is
        heard, in order and once."""
        last, listeners, heard, published = {}, collections.defaultdict(dict), set(), []
        for at, life, k, (kind, who, *f) in self.h.records:
            if kind == "M":
                self.ordered(last, (f[1], who, "channel " + f[0]), int(f[2]), (life, k))
                heard.add((who, f[1], f[2]))
            elif kind == "U":
                listeners[f[1]][node_of(who)] = who, at
            elif kind == "P" and self.h.faults.quiet(at, at + int(NEWS * self.h.faults.busy * 1e6),
                                                     HEARD):
                published.append((at, who, f[1], (life, k)))
        self.heard, deaf = len(heard), {}
        for at, publisher, number, where in published:
            for who, since in listeners[publisher].values():
                if since < at and (who, publisher,
                                   number) not in heard and not self.h.faults.died_by(who, at):
                    deaf.setdefault((who, publisher), (number, where))
        for (who, publisher), (number, where) in deaf.items():
            self.violation(f"{who} has subscribed and does not hear {publisher}, number {number} "
                           f"for the first", where)

    def idle_traffic(self):
        """The kinds of traffic of which there was nothing: a checker of no history finds no
        fault."""
        counts = {"sends": self.received, "names gained": self.gained, "multicast": self.heard}
        return [k for k in TRAFFIC if not self.kinds[k]] + [k for k, n in counts.items() if not n]

    def summary(self):
        top = ", ".join(f"{n} x {k}" for k, n in self.errors.most_common(6))
        return (f"{len(self.calls)} calls ({self.answered} answered, {self.failed} failed: "
                f"{top or 'none'}), "
                f"slowest {self.slowest:.1f} s, {self.sent} sends, {self.sent - self.received} "
                f"lost, {self.heard} published heard, {self.gained} names gained")


def reason(text):
    """An error without what differs from case to case."""
    text = re.sub(r"^\S*:\d+: ", "", text)
    text = re.sub(r"\b\d+\.\d+\.[0-9a-f]{6}\.[0-9a-f]+\b", "WHO", text)
    text = re.sub(r":?\b[0-9a-f]{8}\b", "H", text)
    return re.sub(r"\d+", "N", text).removeprefix("call failed: ")[:60]


def check(folder):
    c = Checker(History(folder))
    c.read()
    c.open_calls()
    c.messages()
    c.sends()
    c.race_answers(c.owners())
    c.stored()
    c.multicasts()
    return c


def main():
    found = check(sys.argv[1])
    print(found.summary())
    for text in found.violations:
        print(text)
    sys.exit(1 if found.violations else 0)


if __name__ == "__main__":
    main()
