#!/usr/bin/python3
"""The documentation for those who write games is true.

usage: check.py [--build DIR]

The reference in lua/doc is what its source says, describes all modules and functions that a service
of a real node finds and no others; links lead somewhere; the examples (```lua run=NAME, with
```output behind them, and ```lua file=NAME.lua for those that they need) print what they say; the
Chinese pages have the sections and the texts of the English ones.
"""
import argparse, glob, os, re, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOC = f"{ROOT}/lua/doc"
sys.path.insert(0, DOC)
sys.dont_write_bytecode = True
import generate

LIMIT = 20 # seconds for the node
OTHERS_OWN = """attempt to yield from outside a coroutine
not enough memory
assertion failed!
certificate verify failed
wrong version number
http request
tlsv1 alert unknown ca
""" # texts of the virtual machine and of OpenSSL
FENCE = re.compile(r"^```(\w+)?[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def short(path):
    return os.path.relpath(path, ROOT)


def pages():
    return sorted(glob.glob(f"{DOC}/*.md") + glob.glob(f"{DOC}/zh/*.md"))


# ---- text against text ----

def without_code(text):
    return FENCE.sub("", text)


def headings(text):
    return re.findall(r"^(#{1,6}) (.+?)\s*$", without_code(text), re.M)


def anchors(path):
    found = [generate.anchor(title) for _, title in headings(read(path))]
    return found + [f"{a}-{n}" for a in set(found) for n in range(1, found.count(a))]


def wrong_links(files):
    bad = []
    for path in files:
        text = re.sub(r"`[^`\n]*`", "", without_code(read(path)))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"\w+:", target):
                continue
            name, _, part = target.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(there):
                bad.append(f"{short(path)}: {target}: no such file")
            elif part and there.endswith(".md") and part not in anchors(there):
                bad.append(f"{short(path)}: {target}: no such heading")
    return bad


def unlisted(files):
    """The index links every page."""
    index = read(f"{DOC}/README.md")
    return [f"lua/doc/README.md does not name {os.path.relpath(f, DOC)}" for f in files
            if f"({os.path.relpath(f, DOC)})" not in index and f != f"{DOC}/README.md"]


def wrong_headings(files):
    """A heading that is there twice has no link of its own."""
    bad = []
    for path in files:
        titles = [generate.anchor(t) for _, t in headings(read(path))]
        bad += [f"{short(path)}: two headings {t}" for t in sorted(set(titles))
                if titles.count(t) > 1]
    return bad


def outline(path):
    """Per section its level, and the code in it: what a translation has as well."""
    text, rows = read(path), []
    for block in re.split(r"^(?=#{1,6} )",
                          re.sub(r"^```.*?^```$", lambda m: m[0].replace("\n#", "\n "), text,
                                 flags=re.M | re.S), flags=re.M):
        level = re.match(r"#{1,6}(?= )", block)
        code = sorted(re.findall(r"`([^`\n]+)`", FENCE.sub("", block)))
        rows.append((level[0] if level else "", code, block.split("\n", 1)[0]))
    return rows


def untranslated(english, chinese):
    """What two pages differ in: headings by their level and order, and the code spans of each
    section."""
    a, b = outline(english), outline(chinese)
    bad = []
    if [x[0] for x in a] != [x[0] for x in b]:
        bad.append(f"{short(chinese)}: its headings are not those of {short(english)}: "
                   f"{len(a)} and {len(b)} sections" + next(
                       (f", from \"{x[2]}\" and \"{y[2]}\" on" for x,
                        y in zip(a, b) if x[0] != y[0]), ""))
        return bad
    for x, y in zip(a, b):
        for name, p, q in (("lacks", x[1], y[1]), ("has more:", y[1], x[1])):
            missing = [c for c in dict.fromkeys(p) if p.count(c) > q.count(c)]
            if missing:
                bad.append(f"{short(chinese)}: \"{y[2]}\" {name} "
                           + " ".join(f"`{c}`" for c in missing))
    return bad


def translations():
    pairs = [(f"{DOC}/{os.path.basename(z)}", z) for z in sorted(glob.glob(f"{DOC}/zh/*.md"))]
    if os.path.exists(f"{ROOT}/README.zh.md"):
        pairs.append((f"{ROOT}/README.md", f"{ROOT}/README.zh.md"))
    return [line for e, z in pairs for line in untranslated(e, z)]


# ---- the texts of errors ----

def texts_in(path):
    """All that a source file may print or raise, with what it fills in as %."""
    text = read(path)
    if path.endswith(".lua"):
        text = re.sub(r'"\s*\.\.\s*[^"\n]+?("[^"\n]*"\))?\s*\.\.\s*"', "%", text)
    else:
        text = re.sub(r'"\s*"', "", text)
    found = [a or b for a, b in re.findall(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'', text)]
    return [t.replace('\\"', '"').replace("\\n", " ") for t in found]


def unknown_texts(page):
    """Texts of the tables that no source file has."""
    files = [f for top in ("core", "net", "harbor", "lua", "daemon") for end in ("c", "h", "lua")
             for f in glob.glob(f"{ROOT}/{top}/**/*.{end}", recursive=True)
             if not f.startswith(DOC)]
    every = "\n".join(t for f in files for t in texts_in(f) if len(t) > 5) + "\n" + OTHERS_OWN
    bad = []
    for text in re.findall(r"^\| `([^`]+)` \|", read(page), re.M):
        words = re.sub(r"(?<![A-Za-z])[A-Z]+(?![A-Za-z])", "\0", text)
        pattern = ".{0,60}?".join(re.escape(w) for w in words.split("\0"))
        if not re.search(pattern, every):
            bad.append(f"{short(page)}: no source has the text `{text}`")
    return bad


# ---- the examples ----

def examples(files):
    """(files of Lua by name, expected output by name, what is wrong)"""
    sources, expected, bad = {}, {}, []
    for path in files:
        last = None
        for language, info, body in FENCE.findall(read(path)):
            if language == "lua" and info:
                kind, _, name = info.partition("=")
                name = name if kind == "file" else name + ".lua"
                if name in sources and sources[name] != body:
                    bad.append(f"{short(path)}: two examples are called {name}")
                sources[name] = body
                last = name[:-4] if kind == "run" else None
            elif language == "output" and last:
                expected[last] = body
            elif language == "output":
                bad.append(f"{short(path)}: an output without an example before it")
    return sources, expected, bad


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def printed(out):
    """Per service what it has printed."""
    result = {}
    for line in out.splitlines():
        if line.startswith("print\t"):
            _, name, text = line.split("\t", 2)
            result[name] = result.get(name, "") + text + "\n"
    return result


def run_node(build, modules, probes, sources, expected):
    """Runs the modules, probes and examples in a node; what it printed, and its log."""
    with tempfile.TemporaryDirectory(prefix="harbor-doc-") as tmp:
        for name, text in sources.items():
            with open(f"{tmp}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
        with open(f"{tmp}/node.yaml", "w") as f:
            f.write(f'node: {{ threads: 2, name: doc }}\n'
                    f'lua: {{ start: main, service_path: ["{tmp}/?.lua", '
                    f'"{ROOT}/tests/doc/?.lua"], path: ["{tmp}/?.lua"],\n'
                    f'  preload: "{ROOT}/tests/doc/preload.lua" }}\n'
                    f'log: {{ sink: file, file: "{tmp}/log", format: plain }}\n'
                    f'admin: {{ listen: "unix:{tmp}/doc.sock" }}\n'
                    f'env: {{ doc_folder: "{tmp}", doc_modules: {quote(" ".join(modules))}, '
                    f'doc_probes: {quote(chr(10).join(probes))},\n'
                    f'  doc_examples: {quote(" ".join(expected))} }}\n')
        with open(f"{tmp}/out", "wb") as out:
            node = subprocess.Popen([f"{build}/harbord", f"{tmp}/node.yaml"], stdout=out,
                                    stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL)
        end, text = time.monotonic() + LIMIT, ""
        try:
            while time.monotonic() < end and node.poll() is None:
                text = open(f"{tmp}/out", encoding="utf-8", errors="replace").read()
                if text.endswith("end\n") and printed(text) == expected or "\nend\n" in text and \
                        all(len(printed(text).get(n, "")) >= len(e) for n, e in expected.items()):
                    break
                time.sleep(0.02)
        finally:
            node.kill()
            node.wait()
        text = open(f"{tmp}/out", encoding="utf-8", errors="replace").read()
        log = read(f"{tmp}/log") if os.path.exists(f"{tmp}/log") else ""
        return text, log


def modules_there():
    """All that `require` finds: the table of C modules, the shared objects, and the files of
    lua/lib."""
    c = re.findall(r'^\t\{ "([\w.]+)", luaopen_', read(f"{ROOT}/lua/load/modules.c"), re.M)
    c += [m.replace("/", ".") for m in re.findall(r"^\$\(eval \$\(call LIBRARY,([\w/]+),",
                                                  read(f"{ROOT}/Makefile"), re.M)]
    files = (os.path.relpath(f, f"{ROOT}/lua/lib")
             for f in glob.glob(f"{ROOT}/lua/lib/**/*.lua", recursive=True))
    return sorted(set(c + [f[:-4].replace("/", ".") for f in files
                           if not f.startswith("compat10/")]))


def compare(parts, rows):
    """What the reference says against what the node found. rows: its lines, split."""
    bad = []
    documented = {p.module: p for p in parts if p.module}
    internal = generate.internal()
    there = modules_there()
    bad += [f"module {m} is not described: add lua/doc/ref/NAME.ref and name it in "
            f"lua/doc/ref/pages.ref, or a line in "
            f"lua/doc/ref/internal.ref if programs do not need it" for m in there
            if m not in documented and m not in internal]
    bad += [f"module {m} is described, but `require` does not find it"
            for m in [*documented, *internal] if m not in there]
    found = {}
    for row in rows:
        if row[0] == "failed":
            bad.append(f"{row[1]}: {row[2]}")
        elif row[0] == "field":
            found.setdefault(row[1], {})[row[2]] = row[3]
    base = found.get("skynet", {})
    for name, part in documented.items():
        items = {i.name: i for i in part.items() if i.owner == part.var and i.separator != ":"}
        fields = found.get(name, {})
        if name == "skynet.manager":
            own = {i.name for i in documented["skynet"].items() if i.owner == "skynet"}
            fields = {k: v for k, v in fields.items() if k not in own}
        bad += [f"{name}.{k} is not described in lua/doc/{part.short}" for k in fields
                if k not in items and not k.startswith("__") and k != "_proto" and
                not (name == "skynet"
                     and k in {i.name for i in documented["skynet.manager"].items()} | {"queue"})]
        bad += [f"{i.where}: there is no {i.title}" for k,
                i in items.items() if k not in fields and k != "_proto"
                and i.title != part.var and not (name == "skynet" and k in base)]
        bad += [f"{i.where}: {i.title} is a {fields[k]}" for k, i in items.items()
                if k in fields and i.kind == "function" and fields[k] not in ("function", "table")]
    return bad


def compare_objects(parts, rows, probes):
    bad, found = [], {}
    for row in rows:
        if row[0] == "object":
            found.setdefault(int(row[1]), set()).add(row[2])
    for n, (part, var) in enumerate(probes, 1):
        described = {i.name: i for i in part.items() if i.owner == var and i.separator == ":"}
        there = {k for k in found.get(n, set()) if not k.startswith("__")}
        bad += [f"{i.where}: there is no {i.title}" for k, i in described.items() if k not in there]
        bad += [f"{var}:{k} is not described in lua/doc/{part.short}" for k in there
                if k not in described]
    return bad


def wrong_api(parts):
    functions = re.findall(r"^API\((\w+)\)", read(f"{ROOT}/lua/api/api.def"), re.M)
    described = {i.title for p in parts for i in p.items()}
    return [f"skynet.{f} of lua/api/api.def is not described in lua/doc/ref/skynet.ref"
            for f in functions
            if f"skynet.{f}" not in described]


def unknown_keys(files, functions):
    """Keys of the configuration that the pages name are those of conf/schema.def, and all of
    section lua are named."""
    keys = {f"{a}.{b}" for a, b in re.findall(r"^(?:LIVE_)?KEY\((\w+), (\w+),",
                                              read(f"{ROOT}/conf/schema.def"), re.M)}
    sections, named, bad = {k.split(".")[0] for k in keys}, set(), []
    for path in files:
        for key in re.findall(r"`(\w+\.\w+)`", read(path)):
            named.add(key)
            if key.split(".")[0] in sections and key not in keys and key not in functions:
                bad.append(f"{short(path)}: there is no key {key}")
    return bad + [f"lua/doc/ref/collector.ref does not tell of {k}" for k in sorted(keys - named)
                  if k.startswith("lua.")]


def wrong_waits(parts):
    """In C a function that waits asks first whether it may (task_blocking)."""
    described, bad = {i.title: i for p in parts for i in p.items() if i.kind == "function"}, []
    for folder, prefix, table in (("lua/api", "api_", "skynet."),
                                  ("lua/modules/cluster", "harbor_", "harbor.")):
        bodies = {}
        for path in glob.glob(f"{ROOT}/{folder}/*.c"):
            bodies.update(re.findall(rf"^(?:static )?\w+ \**(\w+)\([^;{{]*\)\n{{\n(.*?)^}}",
                                     read(path), re.M | re.S))
        waits = {f for f, body in bodies.items() if re.search(r"\btask_blocking\(", body)}
        waits |= {f for f, body in bodies.items()
                  if any(re.search(rf"\b{w}\(", body) for w in waits)}
        for f in bodies:
            item = described.get(table + f.removeprefix(prefix))
            if item and f.startswith(prefix) and f != "api_checkwait" and \
                    (f in waits) != (item.waits != "no") and \
                    not (item.waits.startswith("sometimes") and "callk(" in bodies[f]):
                bad.append(f"{item.where}: {item.title} "
                           f"{'waits' if f in waits else 'does not wait'}, as {folder} has it")
    return bad


def not_lua(files):
    bad = []
    for path in files:
        p = subprocess.run(["luac5.4", "-p", path], capture_output=True, text=True)
        if p.returncode:
            bad.append(p.stderr.strip())
    return bad


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default=f"{ROOT}/build")
    a = ap.parse_args()
    try:
        files, (_, by_name) = generate.output(), generate.load()
    except generate.Wrong as e:
        print(f"not ok 1 - the reference can be made\n# {e}\n1..1")
        sys.exit(1)
    parts = list(by_name.values())
    probes = [(p, var) for p in parts for var, (_, probe) in p.objects.items() if probe]
    sources, expected, wrong_examples = examples(pages())
    out, log = run_node(os.path.abspath(a.build), [p.module for p in parts if p.module],
                        [p.objects[var][1] for p, var in probes], sources, expected)
    rows = [line.split("\t") for line in out.splitlines()]
    got = printed(out)
    wrong = {
        "the pages and types are those of lua/doc/ref (`make doc` writes them)":
            generate.stale(files),
        "every function of the skynet table is described": wrong_api(parts),
        "every module and function is described, and there": compare(parts, rows),
        "every method of an object is described, and there": compare_objects(parts, rows, probes),
        "the keys of the configuration are those of conf/schema.def": unknown_keys(
            pages(), {i.title for p in parts for i in p.items()}),
        "what waits is said to wait": wrong_waits(parts),
        "the types for editors are Lua": not_lua(glob.glob(f"{DOC}/library/**/*.lua",
                                                           recursive=True)),
        "every link leads to a file and a heading": wrong_links(pages()
                + [f"{ROOT}/README.md", f"{ROOT}/tests/README.md"]),
        "the index names every page": unlisted(pages()),
        "no page has two headings of one name": wrong_headings(pages()),
        "the Chinese pages have the sections and texts of the English ones": translations(),
        "every text of errors.md is one of the sources": unknown_texts(f"{DOC}/errors.md"),
        "the node ran to its end": [] if "\nend\n" in "\n" + out
        else [*out.splitlines()[-5:], *log.splitlines()[-20:]],
    }
    failed = {row[1]: "\t".join(row[2:]) for row in rows if row[0] == "failed"}
    for name, text in expected.items():
        wrong[f"example {name}"] = [] if got.get(name) == text else \
            [f"printed: {line}" for line in got.get(name, "").splitlines()] + \
            [f"expected: {line}" for line in text.splitlines()] + [f"raised: {failed[n]}"
                    for n in failed if n == name]
    wrong["examples have names of their own"] = wrong_examples
    for i, (what, bad) in enumerate(wrong.items(), 1):
        print(f"{'not ok' if bad else 'ok'} {i} - {what}" + "".join(f"\n#   {b}" for b in bad))
    print(f"1..{len(wrong)}")
    sys.exit(1 if any(wrong.values()) else 0)


if __name__ == "__main__":
    main()
