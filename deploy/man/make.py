#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a manual page: fills its template beside this file with what the programs know of
themselves.

usage: make.py --keys PROGRAM --version VERSION --out DIR --page NAME

Options come from the tables options.def of both programs, commands from daemon/admin/commands.def,
keys of the configuration from PROGRAM, keys.c beside this file.
"""
import argparse, os, re, subprocess, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STRING = r'"(?:[^"\\]|\\.)*"'
TEXTS = rf"(?:{STRING}\s*)+"
# What harborctl does without a node (daemon/ctl/main.c).
LOCAL = [("local", "", "The nodes of this host."),
         ("key", "new [FILE] | show FILE",
          "Makes a key for a cluster (cluster.key_file), or names those of a file."),
         ("fleet", "render FILE DIR | check FILE | status FILE | history FILE | "
          "roll FILE [OPTION]... | rollback FILE [OPTION]...",
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
    rows = re.findall(rf"^OPTION\(('.'|\w+),\s*({STRING}),\s*(NULL|{STRING}),\s*({TEXTS})\)",
                      read(f"daemon/{program}/options.def"), re.M)
    return [(letter[1] if letter[0] == "'" else None, text(name),
             None if argument == "NULL" else text(argument), text(what))
            for letter, name, argument, what in rows]


def commands():
    """(name as people write it, usage, help) of each."""
    rows = re.findall(rf"^(?:LUA_)?COMMAND\((\w+), \d+, \d+, ({STRING}),\s*({TEXTS})\)",
                      read("daemon/admin/commands.def"), re.M)
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


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--keys", required=True)
    p.add_argument("--version", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--page", required=True, choices=PAGES)
    a = p.parse_args()
    marks = {"harbord.8": lambda: {"options": options_roff("node")},
             "harborctl.1": lambda: {"options": options_roff("ctl"), "commands": commands_roff()},
             "harbor.yaml.5": lambda: {"keys": keys_roff(a.keys)}}[a.page]()
    source = read(f"deploy/man/{a.page}.in")
    for mark, value in {**marks, "version": a.version, "date": date(f"{HERE}/{a.page}.in")}.items():
        source = source.replace(f"@{mark}@", value)
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, a.page), "w", encoding="utf-8") as f:
        f.write(source)


if __name__ == "__main__":
    main()
