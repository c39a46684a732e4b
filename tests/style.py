#!/usr/bin/python3
"""The layout of what we write: C as .clang-format says, and lines of at most 100 columns (a tab is
eight) everywhere.

    style.py            check; TAP
    style.py --write    lay the C files out (make format)

Exempt from the columns: tables and links of Markdown, recorded results, corpora, checksums.
"""
import os, re, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = 100
EXEMPT = re.compile(r"\.in/|\.svg$|\.png$|RESULTS\.md$|plots/|SHA256SUMS$|\.patch$|LICENSE$|"
                    r"lua/doc/library/")


def files():
    """The files of the tree that git knows, or all of them where it is not a clone itself."""
    if os.path.exists(ROOT + "/.git"):
        found = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                               capture_output=True, text=True, check=True)
        return sorted(f for f in found.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f)))
    all_of_them = (os.path.relpath(os.path.join(folder, name), ROOT)
                   for folder, _, names in os.walk(ROOT) for name in names)
    return sorted(f for f in all_of_them if not f.startswith("build/") and "__pycache__" not in f)


def too_long(path):
    """The numbers of the lines that are too long. A text in JSON cannot be broken."""
    if path.endswith(".json"):
        return []
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            lines = f.read().splitlines()
    except (UnicodeDecodeError, IsADirectoryError):
        return []
    markdown = path.endswith((".md", ".ref"))
    return [n for n, line in enumerate(lines, 1) if len(line.expandtabs(8)) > COLUMNS
            and not (markdown and (line.lstrip().startswith("|") or re.search(r"\S{60}", line)))]


def laid_out_otherwise(paths):
    """The places where clang-format would write something else."""
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *paths], cwd=ROOT,
                          capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def main():
    c = [f for f in files() if f.endswith((".c", ".h"))]
    if "--write" in sys.argv:
        sys.exit(subprocess.run(["clang-format", "-i", *c], cwd=ROOT).returncode)
    bad = [f"{f}:{n}" for f in files() if not EXEMPT.search(f) for n in too_long(f)]
    print(("not ok" if bad else "ok") + f" 1 - no line has more than {COLUMNS} columns"
          + "".join(f"\n#   {b}" for b in bad))
    if shutil.which("clang-format"):
        other = laid_out_otherwise(c)
        print(("not ok" if other else "ok")
              + " 2 - C is laid out as .clang-format says (make format)"
              + "".join(f"\n#   {line}" for line in other[:50]))
    else:
        other = []
        print("ok 2 - C is laid out as .clang-format says # SKIP clang-format is not installed")
    print("1..2")
    sys.exit(1 if bad or other else 0)


main()
