#!/usr/bin/python3
"""Changes one operator or limit at a time and asks whether a test notices.

usage: mutants.py [--seed N] [--count N] [--tree DIR] [--cc CC] [--only PATH] [--again FILE]

A mutant is one change in one C file of core, net, harbor, conf or lua (not lua/vm):

    > and >=, < and <=, == and !=, && and || change places; a constant that is compared is one
    more or one less; a ! is dropped; `return true` and `return false` change places

It is built in a tree of its own (--tree, otherwise a git worktree in build/mutants, at HEAD), and
the suites run until one fails: unit tests and fuzz replays of its layer, then those of the layers
above, then lua, then the quick ones of cluster and conformance. What fails or takes too long is run
once more, alone, before it counts. Not counted are mutants that do not compile, those that compile
to the same code, and those in equivalent.txt, which has a reason for each.

The end is a list of those that survived, with their places, and a table. The survivors are written
to build/mutants/survivors.txt in the form of equivalent.txt; --again takes such a file in place of
random changes, so that new tests can be tried on them.
"""
import argparse, collections, concurrent.futures, ctypes, glob, json, os, random, re, shutil, \
    signal, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LAYERS = ["core", "net", "harbor", "conf", "lua"]
LIMIT = 60          # seconds a test program
QUICK = 10          # a cluster or conformance test that takes longer without a change is left out
JOBS = 3            # programs at a time, of one mutant: most of them wait most of the time
PR_SET_CHILD_SUBREAPER = 36

Mutant = collections.namedtuple("Mutant", "file line old new what")

# ---- where something can be changed ----

HIDDEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
OPTIONAL = re.compile(r"^[ \t]*#[ \t]*ifdef (?:FAULTS|CHECKS)\b.*?^[ \t]*#[ \t]*(?:else|endif)\b",
                      re.M | re.S)
CHECK = re.compile(r"\b(?:must|must_slow|_Static_assert|assert)\s*\(")
OPERATOR = re.compile(r"(?<![-<>=!+*/%&|^])(>=|<=|==|!=|>|<|&&|\|\|)(?![<>=&|])")
# The smaller or the larger of two: which of them it is when they are equal makes no difference.
LEAST = re.compile(r"((?:[\w.>\[\]-]+ - )?[\w.>\[\]-]+) (?:<|>|<=|>=) ([\w.>\[\]()-]+) \? (?:\1 : "
                   r"\2|\2 : \1)(?![\w.(\[])")
SWAP = {">": ">=", ">=": ">", "<": "<=", "<=": "<", "==": "!=", "!=": "==", "&&": "||", "||": "&&"}
RELATIONS = (">", "<", ">=", "<=")
NUMBER = re.compile(r"\s*((?:0x[0-9a-fA-F]+|\d+)[uUlL]*)(?![\w.])")
NAME = re.compile(r"\s*([A-Z][A-Z0-9_]{2,}(?<!_NS))(?![\w(])")
TIME = re.compile(r"[^;,?&|]*_NS\b") # a nanosecond more or less is nobody's to notice
NOT = re.compile(r"!(?=[\w(])")
TRUTH = re.compile(r"\breturn (true|false);")


def blank(m):
    return re.sub(r"[^\n]", " ", m[0])


def visible(text):
    """The text with comments, strings, directives and checks blanked, place by place."""
    text = HIDDEN.sub(blank, text)
    text = OPTIONAL.sub(blank, text)
    text = DIRECTIVE.sub(blank, text)
    for m in reversed(list(CHECK.finditer(text))):
        depth, end = 1, m.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = text[:m.start()] + re.sub(r"[^\n]", " ", text[m.start():end]) + text[end:]
    return text


def step(number, by):
    digits = re.match(r"0x[0-9a-fA-F]+|\d+", number)[0]
    return str(int(digits, 0) + by) + number[len(digits):]


def changes(text):
    """All (start, end, new text, what) of a file."""
    code, found = visible(text), []
    least = [m.span() for m in LEAST.finditer(code)]
    for m in OPERATOR.finditer(code):
        op = m[1]
        small = op in RELATIONS and TIME.match(code, m.end())
        if not small and not any(begin < m.start() < end for begin, end in least):
            found.append((m.start(), m.end(), SWAP[op], f"{op} becomes {SWAP[op]}"))
        number, name = NUMBER.match(code, m.end()), NAME.match(code, m.end())
        if number and op not in ("&&", "||"):
            for by in (1, -1):
                if by > 0 or int(re.match(r"0x[0-9a-fA-F]+|\d+", number[1])[0], 0):
                    new = step(number[1], by)
                    found.append((number.start(1), number.end(1), new,
                                  f"{number[1]} becomes {new}"))
        elif name and op in RELATIONS:
            for by in ("+ 1", "- 1"):
                found.append((name.start(1), name.end(1), f"({name[1]} {by})",
                              f"{name[1]} becomes {name[1]} {by}"))
    for m in NOT.finditer(code):
        found.append((m.start(), m.end(), "", "! is dropped"))
    for m in TRUTH.finditer(code):
        new = "false" if m[1] == "true" else "true"
        found.append((m.start(1), m.end(1), new, f"return {m[1]} becomes return {new}"))
    return found


def mutant(file, text, start, end, new, what):
    line = text.count("\n", 0, start) + 1
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    old = text[begin:stop]
    return Mutant(file, line, old.strip(), (text[begin:start] + new + text[end:stop]).strip(), what)


def sources(tree):
    for layer in LAYERS:
        for folder, _, names in sorted(os.walk(os.path.join(tree, layer))):
            path = os.path.relpath(folder, tree)
            if not (path + "/").startswith("lua/vm/"):
                yield from (os.path.join(path, n) for n in sorted(names) if n.endswith(".c"))


def all_mutants(tree, only):
    found = []
    for file in sources(tree):
        if only and not file.startswith(only):
            continue
        with open(os.path.join(tree, file)) as f:
            text = f.read()
        found += [mutant(file, text, *c) for c in changes(text)]
    return found


# ---- lists of mutants: equivalent.txt, survivors.txt ----

def read_list(path):
    """The {(file, old line, new line): (line, reason)} of a file of blocks."""
    found, file, line, old, new, reason = {}, None, 0, "", "", []
    with open(path) as f:
        text = f.read()
    for block in re.split(r"\n\s*\n", text):
        file, old, new, reason = None, None, None, []
        for row in block.splitlines():
            m = re.match(r"@ (\S+?)(?::(\d+))?$", row)
            if m:
                file, line = m[1], int(m[2] or 0)
            elif row.startswith("- "):
                old = row[2:]
            elif row.startswith("+ "):
                new = row[2:]
            elif row.startswith("# "):
                reason.append(row[2:])
        if file:
            found[(file, old, new)] = (line, " ".join(reason))
    return found


def write_list(path, mutants):
    with open(path, "w") as f:
        for m in mutants:
            f.write(f"@ {m.file}:{m.line}\n- {m.old}\n+ {m.new}\n\n")


# ---- programs ----

def descendants(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = [int(c) for c in f.read().split()]
    except OSError:
        return []
    return children + [d for c in children for d in descendants(c)]


def end_children():
    """Ends what a program left behind: orphans come to this process (a subreaper)."""
    for _ in range(100):
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)


def end_all(pid):
    """The program and all that it started, in other sessions, too."""
    for one in [pid] + descendants(pid):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run(argv, cwd, limit, env=None, stop=None):
    """(status, output); the status of a program that took too long is "timeout", that of one that
    was ended by the event `stop` is "stopped"."""
    p = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT,
                         env=env, start_new_session=True, text=True, errors="replace")
    until = time.monotonic() + limit
    while True:
        try:
            out, _ = p.communicate(timeout=0.5)
            return p.returncode, out
        except subprocess.TimeoutExpired:
            if time.monotonic() < until and not (stop and stop.is_set()):
                continue
        end_all(p.pid)
        p.communicate()
        return "stopped" if stop and stop.is_set() else "timeout", ""


class Tree:
    """A tree of its own that is built and tested."""

    def __init__(self, path, cc):
        self.path, self.cc = os.path.abspath(path), cc
        self.build = os.path.join(self.path, "build")
        self.took = {}
        sys.path.insert(0, os.path.join(self.path, "tests"))
        import run as groups
        self.groups = groups

    def make(self, *targets, limit=1200):
        return run(["make", "-s", "-j2", f"CC={self.cc}", "CFLAGS=-O2", *targets], self.path, limit)

    def commands(self, group):
        return [(group, name, argv) for name, argv in self.groups.commands(group, self.build)]

    def units(self, layers):
        return sorted("build/" + p[len(self.path) + 1:-2] for layer in layers
                      for p in glob.glob(f"{self.path}/tests/unit/{layer}/**/test_*.c",
                                         recursive=True))

    def replays(self, layer):
        for p in sorted(glob.glob(f"{self.path}/tests/fuzz/fuzz_*.c")):
            with open(p) as f:
                if re.search(rf'#include "{layer}/', f.read()):
                    yield os.path.basename(p)[5:-2]

    def stages(self, layer):
        """[(targets to build, commands)] in the order in which they run; commands are made after
        the build."""
        above = [x for x in ("core", "net", "harbor", "conf", "lua", "daemon") if x != layer and
                 (layer in ("core",) or x == "daemon"
                  or (layer == "net" and x in ("harbor", "lua")))]
        fuzz = list(self.replays(layer))
        own = self.units([layer])
        yield own + [f"build/tests/fuzz/replay_{n}" for n in fuzz], lambda: \
            [("unit", p, [os.path.join(self.path, p)]) for p in own] + \
            [("fuzz", n, [f"{self.build}/tests/fuzz/replay_{n}", f"{self.path}/tests/fuzz/{n}.in"])
             for n in fuzz]
        upper = self.units(above)
        yield upper, lambda: [("unit", p, [os.path.join(self.path, p)]) for p in upper]
        mods = [f"build/tests/cmod/{os.path.basename(p)[:-2]}.so"
                for p in glob.glob(f"{self.path}/tests/lua/cmod/*.c")]
        yield ["all"] + mods, lambda: self.commands("lua")
        yield [], lambda: self.commands("conformance") + self.commands("cluster")

    def test(self, command, stop=None):
        """None, or how it failed."""
        group, name, argv = command
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONPATH=self.path + "/tests/cluster")
        began = time.monotonic()
        status, out = run(argv, self.path, min(LIMIT, 15 + 8 * self.took.get(name, LIMIT)), env,
                          stop)
        self.took.setdefault(name, time.monotonic() - began)
        if status == "stopped" or status == 0 and not re.search(r"^\s*not ok", out, re.M):
            return None
        m = re.search(r"^\s*not ok[^\n]*", out, re.M)
        return "took too long" if status == "timeout" else m[0].strip() if m else f"status {status}"

    def measure(self, kept):
        """Everything without a change: what fails or is slow is left out, and how long the rest
        takes is kept, in a file for the next run on the same commit."""
        self.out = set()
        status, text = self.make("tests-bin")
        if status != 0:
            sys.exit(f"mutants: the tree does not build\n{text[-2000:]}")
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=self.path,
                                         text=True).strip()
        if os.path.exists(kept):
            with open(kept) as f:
                old = json.load(f)
            if old["commit"] == commit:
                self.took, self.out = old["took"], set(old["out"])
                return
        self.measure_all()
        with open(kept, "w") as f:
            json.dump({"commit": commit, "took": self.took, "out": sorted(self.out)}, f)

    def measure_all(self):
        seen = set()
        for layer in LAYERS:
            for _, commands in self.stages(layer):
                for c in commands():
                    if c[1] in seen:
                        continue
                    seen.add(c[1])
                    why = self.test(c) and self.test(c)
                    slow = c[0] in ("cluster", "conformance") and self.took[c[1]] > QUICK
                    if why or slow:
                        self.out.add(c[1])
                        print(f"# left out: {c[1]}: {why or 'it takes %.0f s' % self.took[c[1]]}",
                              flush=True)


# ---- a mutant's life ----

def near(command, file):
    """Tests with the file's name in theirs come first, then the quick ones."""
    return os.path.splitext(os.path.basename(file))[0] not in command[1]


def build_object(tree, file):
    """(status, the object's bytes)."""
    target = f"build/{file[:-2]}.o"
    status, _ = tree.make(target, limit=120)
    if status != 0:
        return status, b""
    with open(os.path.join(tree.path, target), "rb") as f:
        return 0, f.read()


def first_failure(tree, commands):
    """The first of them that fails, and alone once more: "name: how". None: all pass."""
    stop, failed = threading.Event(), []

    def one(c):
        why = None if stop.is_set() else tree.test(c, stop)
        if why:
            failed.append((c, why))
            stop.set()

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, commands))
    end_children()
    for c, why in failed:
        if tree.test(c):
            return f"{c[1]}: {why}"
    if not failed:
        return None
    # they were stopped by a failure that was none
    rest = [c for c in commands if c not in [f[0] for f in failed]]
    return first_failure(tree, rest)


def suites(tree, m):
    """Who noticed, or None."""
    for targets, commands in tree.stages(m.file.split("/")[0]):
        if targets and tree.make(*targets)[0] != 0:
            return "the build"
        todo = [c for c in commands() if c[1] not in tree.out]
        who = first_failure(tree, sorted(todo,
                                         key=lambda c: (near(c, m.file), tree.took.get(c[1], 0))))
        if who:
            return who
    return None


def find_place(text, m):
    """Where the old line stands, the nearest to where it stood."""
    lines = text.split("\n")
    at = [i for i, row in enumerate(lines) if row.strip() == m.old]
    if not at:
        return None
    i = min(at, key=lambda i: abs(i + 1 - m.line))
    indent = lines[i][:len(lines[i]) - len(lines[i].lstrip())]
    return "\n".join(lines[:i] + [indent + m.new] + lines[i + 1:])


def live(tree, m):
    """(outcome, detail): noticed, survived, equal (the same code), broken (does not compile),
    gone."""
    path = os.path.join(tree.path, m.file)
    with open(path) as f:
        text = f.read()
    changed = find_place(text, m)
    if changed is None:
        return "gone", ""
    status, before = build_object(tree, m.file)
    if status != 0:
        sys.exit(f"mutants: {m.file} does not build without a change")
    try:
        with open(path, "w") as f:
            f.write(changed)
        status, after = build_object(tree, m.file)
        if status != 0:
            return "broken", ""
        if after == before:
            return "equal", ""
        who = suites(tree, m)
        return ("noticed", who) if who else ("survived", "")
    finally:
        with open(path, "w") as f:
            f.write(text)


def prepare(tree, cc):
    """A worktree at HEAD, with the Lua source that was fetched already."""
    if not os.path.exists(os.path.join(tree, ".git")):
        os.makedirs(os.path.dirname(tree), exist_ok=True)
        subprocess.run(["git", "worktree", "add", "-q", "--force", "--detach", tree], cwd=ROOT,
                       check=True)
    else:
        subprocess.run(["git", "checkout", "-q", "--force", "--detach",
                        subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT,
                                                text=True).strip()],
                       cwd=tree, check=True)
    if os.path.isdir(f"{ROOT}/build/lua-source") and not os.path.isdir(f"{tree}/build/lua-source"):
        shutil.copytree(f"{ROOT}/build/lua-source", f"{tree}/build/lua-source", symlinks=True)


def choose(a, tree, known):
    if a.again:
        return [Mutant(f, line, old, new, "again") for (f, old, new),
                (line, _) in read_list(a.again).items()]
    every = all_mutants(tree.path, a.only)
    random.Random(a.seed).shuffle(every)
    print(f"# {len(every)} changes are possible, {len(known)} are known to change nothing; seed "
          f"{a.seed}", flush=True)
    return every


def table(results):
    rows = collections.defaultdict(collections.Counter)
    for m, outcome in results:
        rows[m.file.split("/")[0]][outcome] += 1
        rows["all"][outcome] += 1
    print(f"\n{'':8}{'noticed':>9}{'survived':>10}{'':>6}   "
          "not counted: same code, no build, known")
    for layer in LAYERS + ["all"]:
        c = rows[layer]
        n = c["noticed"] + c["survived"]
        if n or c:
            print(f"{layer:8}{c['noticed']:>9}{c['survived']:>10}"
                  f"{100 * c['noticed'] // max(n, 1):>5}%   "
                  f"{c['equal']:>24}{c['broken']:>10}{c['known']:>7}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--count", type=int, default=100)
    ap.add_argument("--tree")
    ap.add_argument("--cc", default="gcc")
    ap.add_argument("--only", default="")
    ap.add_argument("--again")
    ap.add_argument("--out", default=os.path.join(ROOT, "build/mutants"))
    a = ap.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.makedirs(a.out, exist_ok=True)
    if not a.tree:
        a.tree = os.path.join(a.out, "tree")
        prepare(a.tree, a.cc)
    tree = Tree(a.tree, a.cc)
    known = read_list(os.path.join(HERE, "equivalent.txt"))
    chosen = choose(a, tree, known)
    tree.measure(os.path.join(a.out, "times.json"))
    results, survivors, counted = [], [], 0
    for m in chosen:
        if counted >= a.count and not a.again:
            break
        if (m.file, m.old, m.new) in known and not a.again:
            results.append((m, "known"))
            continue
        began = time.monotonic()
        outcome, detail = live(tree, m)
        results.append((m, outcome))
        counted += outcome in ("noticed", "survived")
        if outcome == "survived":
            survivors.append(m)
            write_list(os.path.join(a.out, "survivors.txt"), survivors)
        if outcome in ("noticed", "survived"):
            print(f"{counted:4} {outcome:8} {m.file}:{m.line}: {m.what} "
                  f"({time.monotonic() - began:.0f} s) {detail}", flush=True)
        if outcome == "survived":
            print(f"       - {m.old}\n       + {m.new}", flush=True)
    print("\nsurvivors:" if survivors else "\nno survivors")
    for m in survivors:
        print(f"  {m.file}:{m.line}: {m.what}\n    - {m.old}\n    + {m.new}")
    table(results)


if __name__ == "__main__":
    main()
