#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a manual page: fills its template beside this file with what the programs know of
themselves.

usage: make.py --keys PROGRAM --version VERSION --out DIR --page NAME

Options come from the tables options.def of both programs, commands from daemon/admin/commands.def,
keys of the configuration from PROGRAM, keys.c beside this file.
"""
import argparse, os, re, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STRING = r'"(?:[^"\\]|\\.)*"'
TEXTS = rf"(?:{STRING}\s*)+"
# What harborctl does without a node (daemon/ctl/main.c).
LOCAL = [("local", "", "The nodes of this host."),
         ("key", "new [FILE] | show FILE",
          "Makes a key for a cluster (cluster.key_file), or names those of a file."),
         ("fleet", "render FILE DIR | check FILE | status FILE | history FILE | "
          "roll FILE [OPTION]... | rollback FILE [OPTION]... | rotate FILE",
          "The hosts of a cluster by one file: renders, checks, installs and upgrades.")]
PAGES = ("harbord.8", "harborctl.1", "harbor.yaml.5")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def text(literals):
    """The text of C string literals, with lines joined."""
    parts = re.findall(STRING, literals)
    return "".join(p[1:-1] for p in parts).replace("\\n", " ").replace('\\"', '"')


def options(program):
    """(letter or None, name, argument or None, what it does) of each."""
    rows = entries(read(f"daemon/{program}/options.def"), "OPTION",
                   rf"('.'|\w+),\s*({STRING}),\s*(NULL|{STRING}),\s*({TEXTS})")
    return [(letter[1] if letter[0] == "'" else None, text(name),
             None if argument == "NULL" else text(argument), text(what))
            for letter, name, argument, what in rows]


def entries(source, word, fields):
    """The entries WORD(...) of a table, a tuple of its fields each; one that does not look like its
    fields is an error, for it would be missing in what is made."""
    rows = re.findall(rf"^{word}\({fields}\)", source, re.M)
    names = re.findall(rf"^{word}\(([^,]*)", source, re.M)
    if len(rows) != len(names):
        sys.exit("not understood: " + ", ".join(set(names) - {row[0] for row in rows}))
    return rows


def commands(source=None):
    """(name as people write it, usage, help) of each."""
    rows = entries(source or read("daemon/admin/commands.def"), "(?:LUA_)?COMMAND",
                   rf"(\w+),\s*\d+,\s*\d+,\s*({TEXTS}),\s*({TEXTS})")
    return [(name.replace("_", "-"), text(usage), text(what)) for name, usage, what in rows]


def keys(program):
    """(name, [(fact, value)], [line of text]) of each, as the program tells."""
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    result = []
    for line in out.splitlines():
        if line.startswith("    "):
            result[-1][2].append(line.strip())
        elif line.startswith("  "):
            fact, _, value = line.strip().partition(": ")
            result[-1][1].append((fact, value))
        elif line:
            result.append((line, [], []))
    return result


def roff(s, literal=False):
    """Text for a line of its own or an argument; literal: what is typed, so a hyphen is a minus
    sign."""
    s = s.replace("\\", "\\e")
    s = s.replace("-", "\\-") if literal else s
    return "\\&" + s if s[:1] in (".", "'") else s


def bold(s):
    return f"\\fB{roff(s, True)}\\fR"


def sentence(s):
    return roff(s[0].upper() + s[1:] + ("" if s.endswith(".") else "."))


def options_roff(program):
    lines = []
    for letter, name, argument, what in options(program):
        short = bold("-" + letter) + ", " if letter else ""
        lines += [".TP", short + bold("--" + name)
                  + (f" \\fI{roff(argument, True)}\\fR" if argument else ""), sentence(what)]
    return "\n".join(lines)


def commands_roff():
    lines = []
    for name, usage, what in commands() + LOCAL:
        lines += [".TP", bold(name) + (f" \\fI{roff(usage, True)}\\fR" if usage else ""),
                  sentence(what)]
    return "\n".join(lines)


def keys_roff(program):
    lines, section = [], None
    for name, facts, what in keys(program):
        if name.split(".")[0] != section:
            section = name.split(".")[0]
            lines.append(f".SS {roff(section, True)}")
        lines += [".TP", bold(name), *[roff(line) for line in what], ".RS", ".PD 0"]
        for fact, value in facts:
            lines += [f".IP \"{fact}:\" 10", roff(value, True)]
        lines += [".PD", ".RE"]
    return "\n".join(lines)


def date(template):
    """The day of the source: what SOURCE_DATE_EPOCH says, else of the template's last change."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or os.stat(template).st_mtime)
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def arguments(doc, which, choices, *more):
    """The command line of a program that fills a template: --out, the option `which` that names the
    template, and more options that it must have."""
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    for option in ("--out", *more):
        p.add_argument(option, required=True)
    p.add_argument(which, required=True, choices=choices, dest="name")
    return p.parse_args()


def fill(folder, name, out, marks):
    """Writes the template folder/name.in into out, each @mark@ replaced."""
    source = read(f"{folder}/{name}.in")
    for mark, value in marks.items():
        source = source.replace(f"@{mark}@", value)
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, name), "w", encoding="utf-8") as f:
        f.write(source)


def main():
    a = arguments(__doc__, "--page", PAGES, "--keys", "--version")
    marks = {"harbord.8": lambda: {"options": options_roff("node")},
             "harborctl.1": lambda: {"options": options_roff("ctl"), "commands": commands_roff()},
             "harbor.yaml.5": lambda: {"keys": keys_roff(a.keys)}}[a.name]()
    fill("deploy/man", a.name, a.out,
         {**marks, "version": a.version, "date": date(f"{HERE}/{a.name}.in")})


if __name__ == "__main__":
    main()
