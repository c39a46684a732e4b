#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The manual pages: every option that the programs take, every command and every key is in them,
and groff has nothing to say.

What ought to be there is asked of the programs themselves, not read from the tables that the pages
are made of.
"""
import os, re, shutil, subprocess, sys, tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, "deploy/man")
import make

BUILD = sys.argv[sys.argv.index("--build") + 1]
PAGES = ("harbord.8", "harborctl.1", "harbor.yaml.5")


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})


def page(name):
    """The page as people see it: no bold, no italics, words whole."""
    p = run("groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-u", "-rHY=0", f"{BUILD}/man/{name}")
    return re.sub(r"\s+", " ", p.stdout.replace("\u2212", "-").replace("\u2010", "-"))


def options(program, name):
    said, shown = run(f"{BUILD}/{program}", "--help").stdout, page(name)
    wanted = re.findall(r"^ +(-\w, --[\w-]+|--[\w-]+)", said, re.M)
    assert len(wanted) >= 5, wanted
    for option in wanted:
        assert option in shown, option


def harbord():
    """harbord(8) has every option of harbord"""
    options("harbord", "harbord.8")


def harborctl():
    """harborctl(1) has every option of harborctl"""
    options("harborctl", "harborctl.1")


def commands():
    """harborctl(1) has every command with its usage and its sentence"""
    said, shown = run(f"{BUILD}/harborctl", "--help").stdout, page("harborctl.1")
    said = re.sub(r"\n {36}", " ", said.split("Commands:")[1]) # what is wrapped
    rows = re.findall(r"^  (\S.*?) +([A-Z][a-z]+ .*\.)$", said, re.M)
    assert len(rows) >= 16, rows
    for usage, sentence in rows:
        assert f"{usage} " in shown and re.sub(r"\s+", " ", sentence) in shown, usage


def tables():
    """however a command is laid out in its table it is found, or is an error"""
    table = 'COMMAND(one, 0, 1,\n\t"[ARG] "\n\t"more", "Does "\n\t"it.")\n'
    table += 'LUA_COMMAND(two_words, 1, 2, "A", "Does that.")\n'
    assert make.commands(table) == [("one", "[ARG] more", "Does it."),
                                    ("two-words", "A", "Does that.")], make.commands(table)
    try:
        make.commands(table + "COMMAND(three, MIN, 2, \"\", HELP)\n")
        raise AssertionError("one is left out")
    except SystemExit as e:
        assert str(e) == "not understood: three", e


def keys():
    """harbor.yaml(5) has every key with its default"""
    said, shown = run(f"{BUILD}/harbord", "--help-config").stdout, page("harbor.yaml.5")
    wanted = re.findall(r"^(\w\S+)\n(?:  .*\n)*?  default: (.*)$", said, re.M)
    assert len(wanted) >= 40 and len(wanted) == len(re.findall(r"^\w", said, re.M)), wanted
    for key, default in wanted:
        assert re.search(rf"(?<!\S){re.escape(key)} .*?default: {re.escape(default)}", shown), (key,
                default)


def groff():
    """groff warns of nothing, and no mark of a template is left"""
    for name in PAGES:
        p = run("groff", "-man", "-Tutf8", "-ww", "-z", f"{BUILD}/man/{name}")
        assert p.returncode == 0 and not p.stderr, (name, p.stderr)
        with open(f"{BUILD}/man/{name}") as f:
            text = f.read()
        assert not re.search(r"@\w+@", text) and "harbord 0" in text, name


def mandoc():
    """mandoc finds no error"""
    for name in PAGES:
        p = run("mandoc", "-T", "lint", "-W", "warning", f"{BUILD}/man/{name}")
        assert "ERROR" not in p.stdout + p.stderr and "WARNING" not in p.stdout + p.stderr, (name,
                p.stdout, p.stderr)


def catalog():
    """the catalog of journalctl -x has every event with its id, and journalctl can read it"""
    with open("core/log/events.def") as f:
        events = re.findall(r'^EVENT\((\w+), \w+, "(\w{32})"', f.read(), re.M)
    with open("systemd/harbor.catalog") as f:
        text = f.read()
    assert len(events) >= 30, events
    assert re.findall(r"^# (\w+)\n-- (\w{32})\nSubject: .+$", text, re.M) == events
    assert text.count("\nWhat to do:\n") == len(events)
    with tempfile.TemporaryDirectory() as root:
        folder = f"{root}/usr/lib/systemd/catalog"
        os.makedirs(folder)
        shutil.copy("systemd/harbor.catalog", folder)
        p = run("journalctl", f"--root={root}", "--update-catalog")
        assert p.returncode == 0 and not p.stderr, p.stderr
        listed = run("journalctl", f"--root={root}", "--list-catalog").stdout
    assert sorted(re.findall(r"^(\w{32}) harbord: ", listed, re.M)) == sorted(i for _, i in events)


failed = 0
for i, (test, program) in enumerate(((harbord, "groff"), (harborctl, "groff"), (commands, "groff"),
                                     (tables, "python3"),
                                     (keys, "groff"), (groff, "groff"),
                                     (mandoc, "mandoc"), (catalog, "journalctl")), 1):
    if not shutil.which(program):
        print(f"ok {i} - {test.__doc__} # SKIP there is no {program}")
        continue
    try:
        test()
        print(f"ok {i} - {test.__doc__}")
    except AssertionError as e:
        failed += 1
        print(f"not ok {i} - {test.__doc__}\n# {e}")
print(f"1..{i}")
sys.exit(1 if failed else 0)
