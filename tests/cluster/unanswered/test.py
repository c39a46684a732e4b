#!/usr/bin/python3
"""Who gave no answer: every command of harborctl is asked of all nodes of a cluster, one of which
was killed and one is frozen. Both are named, on stderr and in JSON, and the exit status is 3."""
import json, os, re, signal, subprocess
from harness import Cluster, eventually, main, up

HERE = os.path.dirname(os.path.abspath(__file__))
AT_ONCE = 16

# How each command is asked of all nodes: with --node '*', or in a way of its own (ALL). A command
# that is not here fails the test: whoever makes a new one says how it is asked. ONE: of one node
# only. REFUSED: those that do answer refuse it, so there is no answer at all.
ALL, ONE, REFUSED = "all", "one", "refused"
FORMS = {
    "status": [[]], "nodes": [[]], "names": [[], ["--waiting"]], "clusters": [[]], "groups": [[]],
    "services": [[]],
    "top": [["--once", "--interval", "0.1"], ["--once", "--all", "--interval", "0.1", ALL]],
    "sockets": [[]], "timers": [[]], "calls": [[]],
    "config": [[], ["--diff", ALL], ["--diff", "FILE"]],
    "forget": [["nobody", REFUSED]], "master": [[]], "registry": [["backup", "x", REFUSED]],
    "call": [[".shop", "echo", "x"]], "send": [[".shop", "lua", "echo"]],
    "kill": [[".nobody", REFUSED]],
    "events": [[ALL], ["--last", "1"]], "logs": [[ALL], ["--last", "1"]],
    "log-level": [[]], "log-reopen": [[]], "reload": [[]],
    "clock": [[], ["--all", ALL]], "record": [[]],
    "drain": [["m", "--status"]], "move": [[".nobody", REFUSED]],
    "list": [[]], "stat": [[]], "mem": [[]], "task": [[".shop"]], "why": [[".shop"]],
    "flame": [[".shop", ONE]], "dump": [[]], "inject": [[".shop", "FILE"]],
    "log": [[".shop", "off"]], "trace": [[".shop", "default"], [".shop", "--last"]],
    "trace-records": [["x"]],
    "stop": [[]], # the last one
}
MISSING = {("b", 154), ("d", 5)}


def town(build):
    c = Cluster(build, os.path.dirname(HERE) + "/trace_trees")
    c.m, c.a, c.b, c.d = [c.node(name, i, master=i == 1, args=name.upper(), start_now=False)
                          for name, i in (("m", 1), ("a", 2), ("b", 154), ("d", 5))]
    for n in c.nodes:
        with open(n.config, "a") as f:
            f.write(f'env: {{ logpath: "{c.tmp}" }}\n')
        n.start()
    c.file = c.tmp + "/file.yaml"
    with open(c.m.config) as f, open(c.file, "w") as to:
        to.write("--[[\n" + f.read() + "]]\n") # a Lua file; as a configuration it is refused
    return c


def begin(entry, *words):
    return subprocess.Popen([entry.cluster.build + "/harborctl", "--socket", entry.socket, *words],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(p):
    out, err = p.communicate(timeout=30)
    return p.returncode, out, err


def said(err):
    """{(name, id): why} of the lines about nodes."""
    rows = re.findall(r"^harborctl: node (\S+) \(harbor (\d+)\): (.+)$", err, re.M)
    return {(name, int(i)): why for name, i, why in rows}


def commands(build):
    text = subprocess.run([build + "/harborctl", "--help"], capture_output=True, text=True).stdout
    names = re.findall(r"^  ([a-z][a-z-]*)\b", text.partition("\nCommands:\n")[2], re.M)
    usages = dict(zip(names, re.split(r"^  (?=[a-z])", text.partition("\nCommands:\n")[2],
                                      flags=re.M)[1:]))
    for local in ("local", "key", "fleet"):
        del usages[local]
    for name, usage in usages.items(): # each is told of alone, without a node
        for words in (["help", name], [name, "--help"], [name, "-h"]):
            p = subprocess.run([build + "/harborctl", *words], capture_output=True, text=True)
            assert p.returncode == 0 and not p.stderr, p
            assert p.stdout == "  " + usage.partition("\n  local ")[0].rstrip("\n") + "\n", p
    for words in (["help"], ["local", "--help"], ["help", "nothing-of-that-name"]):
        p = subprocess.run([build + "/harborctl", *words], capture_output=True, text=True)
        assert p.returncode == 0 and p.stdout == text, p
    return usages


def questions(c):
    for name, forms in FORMS.items():
        for form in forms:
            words = [c.file if w == "FILE" else w for w in form if w not in (ALL, ONE, REFUSED)]
            yield [name, *words], form[-1] if form and form[-1] in (ALL, ONE, REFUSED) else None


def lists_of(out):
    """The list of a JSON answer: of an object, or of a line of its own."""
    found = [json.loads(line).get("unanswered") for line in out.splitlines()]
    return [x for x in found if x is not None]


def check(words, kind, status, out, err):
    what = (words, kind, status, out[:2000], err)
    if kind == ONE:
        assert status == 2 and "of one node" in err, what
        return
    told = said(err)
    assert MISSING <= set(told) and len(err.splitlines()) == len(told), what
    assert not re.search(r"\S\.lua:\d+:", err), what
    lists = lists_of(out)
    assert len(lists) == 1 and {(r["node"], r["harbor"], r["error"]) for r in lists[0]} == {
        (*who, why) for who, why in told.items()}, what
    if kind == REFUSED or words[1:] == ["--diff", words[-1]] and words[-1] != "--diff":
        assert status == 1 and len(told) == 4, what
    else:
        assert status == 3 and set(told) == MISSING, what


def every_command_names_who_is_missing(build):
    """each command for several nodes, one killed and one frozen: both are named, status 3"""
    usages = commands(build)
    assert set(usages) == set(FORMS), set(usages) ^ set(FORMS)
    for name, usage in usages.items():
        assert ("--all" in usage.split("  ")[0]) <= any("--all" in f for f in FORMS[name]), usage
    with town(build) as c:
        up(c)
        c.b.kill()
        eventually("b is down", lambda: [n for n in c.m.ctl("nodes")["nodes"]
                                         if n["name"] == "b" and n["state"] == "down"])
        assert any(w.startswith("node b (harbor 154) is down: ")
                   for w in c.m.ctl("status")["warnings"]), c.m.ctl("status")
        *asked, last = questions(c)
        for batch in [*(asked[i:i + AT_ONCE] for i in range(0, len(asked), AT_ONCE)), [last]]:
            eventually("d is up", lambda: [n for n in c.m.ctl("nodes")["nodes"]
                                           if n["name"] == "d" and n["state"] == "up"])
            c.d.signal(signal.SIGSTOP) # it is up, as far as the others know
            some = [(words, kind, begin(c.m, *(() if kind == ALL else ("--node", "*")), "--json",
                                        *words)) for words, kind in batch]
            for words, kind, p in some:
                check(words, kind, *end(p))
            c.d.signal(signal.SIGCONT)


def errors_of_one_node_name_it(build):
    """each command for one node that was killed: the error names it, and no line of a file"""
    with town(build) as c:
        up(c)
        c.b.kill()
        eventually("b is down", lambda: [n for n in c.m.ctl("nodes")["nodes"]
                                         if n["name"] == "b" and n["state"] == "down"])
        asked = [words for words, kind in questions(c)
                 if words[0] not in ("flame", "logs", "events") and "--all" not in words]
        asked.remove(["config", "--diff"])
        for i in range(0, len(asked), AT_ONCE):
            some = [(words, begin(c.m, "--node", "b", *words)) for words in asked[i:i + AT_ONCE]]
            for words, p in some:
                status, out, err = end(p)
                assert status == 1 and not out and ("b", 154) in said(err) \
                    and err.count("\n") == 1, (words, status, out, err)
        for words in (["drain", "b"], ["drain", "154", "--status"], ["kill", ":9a000009"],
                      ["trace", ":9a000009", "--last"]):
            status, out, err = end(begin(c.m, *words))
            assert status == 1 and ("b", 154) in said(err) and err.count("\n") == 1, (words, err)


def a_tree_without_a_node(build):
    """trace: the node whose part of the tree is missing is named; one that has left in order is
    missed by nobody"""
    with town(build) as c:
        up(c)
        c.m.ctl("trace", ".shop", "on")
        shop = next(n["handle"] for n in c.d.ctl("names")["names"] if n["name"] == ".shop")
        assert c.m.call(".shop", "ask", shop, "echo", "x") == ["x"]
        c.b.stop()
        assert end(begin(c.m, "trace", ".shop", "--last"))[::2] == (0, "")
        eventually("b has left", lambda: [n for n in c.m.ctl("nodes")["nodes"]
                                          if n["name"] == "b" and n["state"] == "left"])
        assert end(begin(c.m, "--node", "*", "log-level"))[::2] == (0, "")
        c.d.signal(signal.SIGSTOP)
        status, out, err = end(begin(c.m, "--json", "trace", ".shop", "--last"))
        assert status == 3 and set(said(err)) == {("d", 5)}, (status, out, err)
        answer = json.loads(out)
        assert answer["unanswered"][0]["node"] == "d", answer
        assert answer["traces"][0]["trace"], answer


if __name__ == "__main__":
    main([every_command_names_who_is_missing, errors_of_one_node_name_it, a_tree_without_a_node])
