#!/usr/bin/python3
"""tests/lua/INDEX.md and the tests belong together: it names only what exists, and all of it."""
import glob, os, re, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def path_of(word):
    """The file that a word in the index stands for."""
    if word.startswith("cluster/"):
        return f"tests/{word}/test.py"
    if word.startswith("unit/"):
        return f"tests/{word}.c"
    return f"tests/lua/{word}.lua"


def main():
    index = read("tests/lua/INDEX.md")
    rows = [line for line in index.splitlines() if line.startswith("| ")
            and not line.startswith(("| Row", "| ---"))]
    named = {path_of(word) for row in rows for word in re.findall(r"`([\w/]+)`", row)}
    there = {os.path.relpath(f, ROOT)
             for pattern in ("tests/lua/test_*.lua", "tests/cluster/*/test.py")
             for f in glob.glob(f"{ROOT}/{pattern}")}
    functions = re.findall(r"^API\((\w+)\)", read("lua/api/api.def"), re.M)
    words = set(re.findall(r"\w+", " ".join(rows)))
    wrong = {
        "the index names only tests that exist": sorted(f for f in named
                                                        if not os.path.exists(f"{ROOT}/{f}")),
        "every test of tests/lua and tests/cluster is in the index": sorted(there - named),
        "every function of the skynet table is in the index": [f for f in functions
                if f not in words],
        "every row names a test, or where to look": [r for r in rows
                                                     if not re.search(r"`|\bsee\b", r)],
    }
    for i, (what, bad) in enumerate(wrong.items(), 1):
        print(f"{'not ok' if bad else 'ok'} {i} - {what}" + "".join(f"\n#   {b}" for b in bad))
    print(f"1..{len(wrong)}")
    sys.exit(1 if any(wrong.values()) else 0)


main()
