#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a completion of harborctl: fills its template beside this file from the lists of commands
and options, and the keys by which lists are sorted.

usage: make.py --out DIR --shell harborctl.bash|_harborctl
"""
import os, re, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "deploy/man"))
from make import LOCAL, arguments, commands, fill, options, read

# What a placeholder of a usage stands for, if that can be listed.
KINDS = {"ADDRESS": "name", "SERVICE": "name", "NAME": "name", "HANDLE": "name", "NODE": "node",
         "FILE": "file", "PATH": "file", "KEY": "key", "TYPE": "lua|text", "CONFIG": "file"}


def keys(name):
    """The columns that `harborctl NAME --sort` takes."""
    path = os.path.join(ROOT, f"daemon/admin/{name}.c")
    if not os.path.exists(path):
        return []
    found = re.search(r'keys\[\] = "--sort takes one of: (.*?)";', read(path), re.S)
    return re.findall(r"\w+", found[1]) if found else []


def kind(word):
    """What completes a word of a usage: a list of words, or node, name, file, key; "": nothing."""
    if word[0].islower():
        return word
    return "|".join(dict.fromkeys(filter(None, (KINDS.get(w, "") for w in word.split("|")))))


def grammar(usage):
    """({flag: [kind of each value]}, [kind of each position], do the last go on?)"""
    flags, positions, on = {}, [], usage.rstrip("] ").endswith("...")
    for alternative in usage.replace("...", "").split(" | "):
        flag, at = None, 0
        for token in re.findall(r"[^\s\[\]]+|\]", alternative):
            parts = token.split("|")
            if token == "]": # what follows is not the flag's
                flag = None
            elif parts[0].startswith("--"):
                for flag in parts:
                    flags.setdefault(flag, [])
            elif flag and token.isupper():
                flags[flag].append(kind(token))
            elif kind(token) or not re.search(rf"\[{token}\] \S", usage):
                while len(positions) <= at:
                    positions.append([])
                positions[at] += [kind(token)] if kind(token) else []
                flag, at = None, at + 1
    return flags, ["|".join(dict.fromkeys(p)) for p in positions], on


def rows():
    for name, usage, what in commands() + LOCAL:
        flags, positions, on = grammar(usage)
        sort = keys(name)
        if sort:
            flags = {f: ["|".join(sort) if v == "key" else v for v in vs]
                     for f, vs in flags.items()}
        yield name, flags, positions, on, what


def quoted(s):
    return "'" + s.replace("'", "'\\''") + "'"


def table():
    """The lines of the case statement: what a command takes."""
    lines = []
    for name, flags, positions, on, _ in rows():
        pattern = name + ("|" + name.replace("-", "_") if "-" in name else "")
        values = " ".join(f"{f}={':'.join(v or '-' for v in vs)}" for f, vs in flags.items())
        places = " ".join(p or "-" for p in positions)
        lines.append(f"\t{pattern})\n\t\tflags={quoted(values)}\n\t\tplaces={quoted(places)}\n"
                     f"\t\tgoes_on={int(on)}\n\t\t;;")
    return "\n".join(lines)


def first_sentence(what):
    return re.split(r"(?<=[a-z)])[.:;](?: |$)", what)[0].rstrip(".")


def marks():
    own = [(letter, f"--{long}", argument, what) for letter, long, argument, what in options("ctl")]
    valued = {f: kind(a) if a != "NAME" else "node" for l, f, a, _ in own if a}
    short = {f"-{l}": f for l, f, a, _ in own if l and a}
    return {"table": table(),
            "commands": " ".join(r[0] for r in rows()),
            "described": "\n".join(f"\t\t{quoted(r[0] + ':' + first_sentence(r[4]))}"
                                   for r in rows()),
            "options": " ".join(f for _, f, _, _ in own),
            "short": "|".join(short), "valued": "|".join(valued),
            "cases": "\n".join(f"\t\t\t{s + '|' if s else ''}{f}) option={f} expect={k} ;;"
                               for f, k in valued.items()
                               for s in [next((s for s in short if short[s] == f), "")])}


if __name__ == "__main__":
    a = arguments(__doc__, "--shell", ("harborctl.bash", "_harborctl"))
    fill("deploy/completion", a.name, a.out, marks())
