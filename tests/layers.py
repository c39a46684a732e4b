#!/usr/bin/python3
"""Who may know whom: the arrows between the rooms of the tree, and that no arrows form a circle.

A file X.c with its header X.h is one file here. It has an arrow to each file whose header it
includes, and, where its object has been built, to each file that defines a symbol which it uses.
Arrows inside a layer may not form a circle; arrows between rooms go down only. Prints TAP.

    layers.py [--root DIR] [--build DIR]     check a tree
    layers.py --self-test                    make small trees that break each rule, and see each of
    them found
"""
import argparse, collections, os, re, subprocess, sys, tempfile

LAYERS = ["core", "net", "conf", "harbor", "lua", "daemon"]

# A folder, and what its files may not include. All rules that fit a file hold.
SYSTEM = r"lua\.h|lualib\.h|lauxlib\.h"
RULES = [
    ("core",
     rf"(net|harbor|lua|daemon|conf)/|{SYSTEM}|yaml\.h|sqlite3\.h|sys/(epoll|socket)\.h|systemd/"),
    ("core/base", r"core/(ds|actor|sched|log)/"),
    ("core/ds", r"core/(actor|sched|log)/"),
    ("core/log", r"core/(actor|sched)/"),
    ("core/actor", r"core/sched/"),
    ("net", rf"(harbor|lua|daemon|conf)/|{SYSTEM}|yaml\.h|sqlite3\.h|systemd/"),
    ("conf", rf"(net|harbor|lua|daemon)/|{SYSTEM}|sqlite3\.h|sys/(epoll|socket)\.h|systemd/"),
    ("harbor", rf"(lua|daemon|conf)/|{SYSTEM}|yaml\.h|sys/epoll\.h|systemd/"),
    ("harbor/protocol",
     r"net/|harbor/(link|registry/sqlite)|sys/socket\.h|time\.h|core/base/clock\.h"),
    ("lua", r"(harbor|daemon|conf)/|yaml\.h|sqlite3\.h|sys/epoll\.h|systemd/"),
    ("lua/vm", r"(core|net|harbor|daemon|conf)/|yaml\.h|sqlite3\.h|sys/(epoll|socket)\.h|systemd/"),
    ("daemon", rf"{SYSTEM}|yaml\.h|sqlite3\.h|sys/epoll\.h"),
    ("daemon/ctl", r"core/(actor|sched)/|net/|harbor/|lua/"),
]


def stem(path):
    return os.path.splitext(path)[0]


def files_of(root):
    found = []
    for layer in LAYERS:
        for folder, _, names in os.walk(os.path.join(root, layer)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names
                      if n.endswith((".c", ".h"))]
    return sorted(found)


def includes_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return [(n, m.group(1)) for n, line in enumerate(f, 1)
                for m in [re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)] if m]


def wrong_arrows(root, files):
    """{folder: [(place, what is included)]} of the rules that are broken."""
    wrong = {folder: [] for folder, _ in RULES}
    for path in files:
        for number, included in includes_of(root, path):
            for folder, pattern in RULES:
                if path.startswith(folder + "/") and re.match(pattern, included):
                    wrong[folder].append((f"{path}:{number}", included))
    return wrong


def symbols(root, build, files):
    """{symbol: the file that defines it}, {file: the symbols that it uses} of the objects that are
    there."""
    defined, used = {}, collections.defaultdict(set)
    objects = {os.path.join(build, stem(path) + ".o"): stem(path) for path in files
               if path.endswith(".c")}
    there = [obj for obj in objects if os.path.exists(obj)]
    # one process for all: where many others run, each costs
    told = subprocess.run(["nm", "-g", "-A", *there], capture_output=True, text=True,
                          check=True).stdout if there else ""
    for line in told.splitlines():
        path = objects[line.partition(":")[0]]
        kind, name = line.split()[-2:]
        if kind == "U":
            used[path].add(name)
        else:
            defined[name] = path
    return defined, used


def arrows(root, build, files):
    """{file: {file: reason}}, files as stems."""
    there = {stem(f) for f in files}
    edges = collections.defaultdict(dict)
    for path in files:
        for _, included in includes_of(root, path):
            if stem(included) in there and stem(included) != stem(path):
                edges[stem(path)][stem(included)] = f"includes {included}"
    if build:
        defined, used = symbols(root, build, files)
        for path, names in used.items():
            for name in sorted(names & defined.keys()):
                if defined[name] != path:
                    edges[path][defined[name]] = f"uses {name}"
    return edges


def circles(nodes, edges):
    """The strongly connected sets of more than one node (Tarjan's algorithm, without recursion)."""
    index, low, stack, on, found = {}, {}, [], set(), []
    for first in nodes:
        work = [(first, None, iter(()))] if first not in index else []
        while work:
            node, came_from, rest = work.pop()
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                on.add(node)
                rest = iter(sorted(edges.get(node, ())))
            for other in rest:
                if other not in index:
                    work += [(node, came_from, rest), (other, node, iter(()))]
                    break
                if other in on:
                    low[node] = min(low[node], index[other])
            else:
                if low[node] == index[node]:
                    group = stack[stack.index(node):]
                    del stack[stack.index(node):]
                    on -= set(group)
                    if len(group) > 1:
                        found.append(sorted(group))
                if came_from is not None:
                    low[came_from] = min(low[came_from], low[node])
    return found


def check(root, build):
    """[(what should hold, [what breaks it])]"""
    files = files_of(root)
    result = [(f"{folder} includes nothing above it",
               [f"{place} includes {what}" for place, what in bad])
              for folder, bad in wrong_arrows(root, files).items()]
    edges = arrows(root, build, files)
    for layer in LAYERS:
        nodes = sorted(s for s in {stem(f) for f in files} if s.startswith(layer + "/")
                       and not s.startswith("lua/vm/"))
        inside = {n: {o: r for o, r in edges[n].items() if o in nodes} for n in nodes if n in edges}
        bad = [f"{a} -> {b}: {inside[a][b]}" for group in circles(nodes, inside) for a in group
               for b in sorted(inside.get(a, ())) if b in group]
        result.append((f"{layer}: no files in a circle", bad))
        rooms = collections.defaultdict(dict)
        for a in inside:
            for b, reason in inside[a].items():
                if os.path.dirname(a) != os.path.dirname(b):
                    rooms[os.path.dirname(a)][os.path.dirname(b)] = f"{a} {reason}"
        bad = [f"{a} -> {b}: {rooms[a][b]}" for group in circles(sorted(rooms), rooms)
               for a in group
               for b in sorted(rooms.get(a, ())) if b in group]
        result.append((f"{layer}: no rooms in a circle", bad))
    return result


def tap(result):
    for i, (what, bad) in enumerate(result, 1):
        print(f"{'not ok' if bad else 'ok'} {i} - {what}" + "".join(f"\n#   {b}" for b in bad))
    print(f"1..{len(result)}")
    return 1 if any(bad for _, bad in result) else 0


BROKEN = {
    "an arrow that goes up": ({"core/base/a.h": '#include "net/b.h"\n', "net/b.h": ""},
                              "core includes nothing above it"),
    "an arrow up inside of core": ({"core/ds/a.c": '#include "core/actor/b.h"\n',
                                    "core/actor/b.h": ""},
                                   "core/ds includes nothing above it"),
    "a circle of two files": ({"net/a.c": '#include "net/b.h"\n', "net/a.h": "", "net/b.h": "",
                               "net/b.c": '#include "net/a.h"\n'}, "net: no files in a circle"),
    "a circle of three files": ({"conf/a.h": '#include "conf/b.h"\n',
                                 "conf/b.h": '#include "conf/c.h"\n',
                                 "conf/c.h": '#include "conf/a.h"\n'},
                                 "conf: no files in a circle"),
    "a circle of two rooms": ({"lua/a/one.c": '#include "lua/b/two.h"\n', "lua/b/two.h": "",
                               "lua/b/three.c": '#include "lua/a/four.h"\n', "lua/a/four.h": ""},
                              "lua: no rooms in a circle"),
    "a system header": ({"daemon/a.c": "#include <lua.h>\n"}, "daemon includes nothing above it"),
}


def self_test():
    result = []
    for what, (tree, rule) in BROKEN.items():
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            found = [name for name, bad in check(root, None) if bad]
            result.append((f"found: {what}", [] if rule in found else [f"found instead: {found}"]))
    return result


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    ap.add_argument("--build", help="where the objects are, to see calls as well as includes")
    ap.add_argument("--self-test", action="store_true")
    a = ap.parse_args()
    sys.exit(tap(self_test() + check(a.root, a.build) if a.self_test else check(a.root, a.build)))


main()
