#!/usr/bin/python3
"""harborctl on a cluster of three nodes: list, stat, mem, task, inject, log, trace and the other
commands, asked at one node of any node; tables and JSON; nodes that are not there, that die, that
are stuck."""
import json, os, re, signal, socket, subprocess, time
from harness import Cluster, eventually, main, up, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
HANDLE = r":[0-9a-f]{8}"
with open(HERE + "/main.lua") as f:
    LOOP = 1 + f.read().split("function command.loop()")[0].count("\n") # the line of its loop


def three(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, start_now=False, master=True, args="MAIN")
    c.a = c.node("a", 2, start_now=False, args="ALPHA")
    c.b = c.node("b", "auto", start_now=False, args="BETA")
    for n in c.nodes:
        with open(n.config, "a") as f:
            f.write(f'env: {{ logpath: "{c.tmp}" }}\n')
        n.start()
    return c


def at(entry, node, *args, limit=20):
    """Asks `node` through `entry`."""
    return entry.ctl("--node", node.name, *args, limit=limit)


def raw(entry, *args, stdin=None, env=None):
    """harborctl for people: (status, stdout, stderr)."""
    p = subprocess.run([entry.cluster.build + "/harborctl", "--socket", entry.socket, *args],
                       capture_output=True, text=True,
                       timeout=20, input=stdin, env=env)
    return p.returncode, p.stdout, p.stderr


def refused(entry, *args, **kw):
    status, out, err = raw(entry, *args, **kw)
    assert status == 1 and not out and err.startswith("harborctl: "), (args, status, out, err)
    return err[len("harborctl: "):].strip()


def every_node_from_every_node(build):
    """list, stat, mem of each node, asked at each node: the services that it has, in one table and
    in JSON"""
    with three(build) as c:
        up(c)
        for entry in c.nodes:
            eventually(f"{entry.name} knows who leads", lambda: ["m"] == [
                n["name"] for n in entry.ctl("nodes")["nodes"] if n["master"]])
            for node, args in ((c.m, "MAIN"), (c.a, "ALPHA"), (c.b, "BETA")):
                status = at(entry, node, "status")
                assert status["node"] == node.name
                services = {s["handle"]: s["service"] for s in at(entry, node, "list")["services"]}
                assert f"snlua main {args}" in services.values(), services
                assert all(re.fullmatch(HANDLE, h) and int(h[1:3], 16) == status["harbor"]
                           for h in services), services
                stat = at(entry, node, "stat")["services"]
                assert {s["handle"] for s in stat} == set(services)
                for s in stat:
                    assert list(s) == ["handle", "tasks", "mailbox_messages", "messages",
                                       "cpu_seconds", "state", "service"], s
                    assert s["state"] == "ok" and s["messages"] > 0 and s["cpu_seconds"] >= 0 \
                        and s["service"] == services[s["handle"]], s
                mem = at(entry, node, "mem")["services"]
                assert {s["handle"] for s in mem} == set(services)
                sizes = [s["memory_bytes"] for s in mem]
                assert sizes == sorted(sizes, reverse=True), mem
                assert all(s["memory_bytes"] > 1024 and s["state"] == "ok" for s in mem), mem
        status, out, err = raw(c.m, "--node", "b", "mem")
        assert status == 0 and not err, err
        lines = out.splitlines()
        assert re.fullmatch(r"handle +memory_bytes +state +shared_bytes +old_versions +old_bytes "
                            r"+service", lines[0]), out
        assert any(re.fullmatch(rf"{HANDLE} +[\d.]+[KM] +ok +[\d.]+[KM]? +0 +0 +snlua main BETA", x)
                   for x in lines), out
        # the name of the node that is asked is no detour
        assert at(c.a, c.a, "status")["node"] == "a"


def commands_of_the_node_itself(build):
    """status, nodes, names, services, call, log-level and stop work on another node as well"""
    with three(build) as c:
        up(c)
        assert [n["name"] for n in at(c.m, c.b, "nodes")["nodes"] if n["state"] == "self"] == ["b"]
        names = {n["name"]: n["handle"] for n in at(c.m, c.b, "names")["names"]}
        assert ".shop" in names and int(names[".shop"][1:3], 16) == at(c.m, c.b, "status")["harbor"]
        assert any(s["service"] == "snlua main BETA" for s in at(c.m, c.b, "services")["services"])
        assert at(c.m, c.b, "call", ".shop", "where", "here")["values"] == ["here", "BETA"]
        assert at(c.m, c.b, "call", ".shop", "echo", "", "two words", "100%", "ü",
                  "7")["values"] == ["", "two words", "100%", "ü", 7]
        assert at(c.m, c.b, "log-level", "debug")["log_level"] == "debug"
        assert c.b.ctl("log-level")["log_level"] == "debug" \
            and c.m.ctl("log-level")["log_level"] == "info"
        assert "the levels are" in refused(c.m, "--node", "b", "log-level", "loud")
        assert "no such service" in refused(c.m, "--node", "b", "call", ".nobody", "x")
        assert at(c.m, c.b, "stop")["state"] == "stopping"
        assert c.b.process.wait(20) == 0


def calls(build):
    """call: words as numbers and texts, every kind of answer, and every way to have none"""
    with three(build) as c:
        up(c)
        words = ["7", "-7", "007", "9223372036854775807", "-9223372036854775808",
                 "9223372036854775808", "-9223372036854775809",
                 "1.5", "0x10", "", "-", "+7", " 7", "1e3", "7 "]
        for entry in (c.a, c.m):
            types = at(entry, c.a, "call", ".shop", "types", *words)["values"]
            assert types == ["integer"] * 5 + ["string"] * 10, types
            values = at(entry, c.a, "call", ".shop", "values")["values"]
            assert values == [None, True, 1.5, None, {}, [1, 2], {"a": {"b": "c"}},
                              {"1": 7, "n": 1}, "\u00ff\n", None], values
            for kind, answer in (("nothing", []), ("hole", [[1, None, 3]])):
                assert at(entry, c.a, "call", ".shop", "raw", kind)["values"] == answer, kind
            for kind in ("no_type", "cut", "never_closed", "no_number", "deep"):
                assert refused(entry, "--node", "a", "call", ".shop", "raw",
                               kind) == "the answer is not in the lua protocol", kind
            for who in (".nobody", "NOBODY", ":02ffffff", ":zz", "", "02ffffff"):
                assert refused(entry, "--node", "a", "call", who, "x") == "no such service", who
            why = refused(entry, "--node", "a", "call", ".shop", "fails")
            assert why.startswith("call failed: ") and "on purpose" in why, why
            assert len(at(entry, c.a, "call", ".shop", "big", "1000000")["values"][0]) == 1000000
            assert refused(entry, "--node", "a", "call", ".shop", "big",
                           str(17 << 20)) == "the answer is too large to be shown"
            assert refused(entry, "--node", "a", "call", ".shop", "hang") == "no answer in time"


def tasks(build):
    """task: where the tasks of a service wait; one by its session; as blocks for people"""
    with three(build) as c:
        up(c)
        shop = at(c.m, c.a, "call", ".shop", "child", "x")["values"][0]
        assert at(c.m, c.a, "task", shop) == {"tasks": []}
        for _ in range(2):
            subprocess.Popen([c.build + "/harborctl", "--socket", c.a.socket, "call", shop, "hang"],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        list_ = eventually("two tasks",
                           lambda: len(at(c.m, c.a, "task", shop)["tasks"]) == 2
                           and at(c.m, c.a, "task", shop)["tasks"])
        for t in list_:
            assert list(t) == ["session", "thread", "stack"] and t["thread"].startswith("0x"), t
            assert "main.lua" in t["stack"] and t["stack"].startswith("stack traceback:\n"), t
        status, out, err = raw(c.m, "--node", "a", "task", shop)
        assert status == 0 and len(re.findall(r"^session \d+  thread 0x[0-9a-f]+$", out,
                                              re.M)) == 2, out
        assert "\n  stack traceback:\n  \t" in out and "\\n" not in out, out
        # from another node, by the handle of the service
        assert len(c.b.ctl("task", shop)["tasks"]) == 2
        assert refused(c.m, "--node", "a", "task", shop,
                       "123456") == "no task waits with session 123456"
        assert refused(c.m, "--node", "a", "task", shop, "x") == "x: not a session"
        assert "Not a valid name" in refused(c.m, "--node", "a", "task", "shop")
        assert "call to invalid address" in refused(c.m, "--node", "a", "task", ":02ffffff")
        assert "no such service" in refused(c.m, "--node", "a", "task", ":01ffffff")


def global_names_are_addresses(build):
    """task, stat, trace, log and call take a global name, of this node or another; names and nodes
    say since when"""
    with three(build) as c:
        up(c)
        eventually("m knows a's shop",
                   lambda: any(x["name"] == "ALPHASHOP" for x in c.m.ctl("names")["names"]))
        assert c.m.ctl("call", "ALPHASHOP", "where", "x")["values"] == ["x", "ALPHA"]
        assert c.m.ctl("task", "ALPHASHOP") == {"tasks": []}
        row, = c.m.ctl("stat", "ALPHASHOP")["services"]
        assert row["handle"].startswith(":02") and row["state"] == "ok" and row["messages"] > 0, row
        row, = c.m.ctl("stat", ".shop")["services"]
        assert row["handle"].startswith(":01") and row["service"].endswith("MAIN"), row
        assert c.m.ctl("trace", "MAINSHOP", "on")["trace"] == "on"
        assert c.m.ctl("log", "MAINSHOP", "on")["log"] is True
        assert "no such service on this node" in refused(c.m, "log", "ALPHASHOP", "on")
        assert "Not a valid name" in refused(c.m, "task", "NOBODY")
        for n in c.nodes:
            for kind in ("nodes", "names"):
                for row in n.ctl(kind)[kind]:
                    assert 0 <= time.time() - row["since"] < 300, (n.name, row)


def a_loop_is_endless_while_it_lasts(build):
    """services: endless is true while the loop lasts, and false again after it"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 0, args="SINGLE", start_now=False)
        with open(n.config) as f:
            text = "".join(line for line in f if not line.startswith("cluster:"))
        with open(n.config, "w") as f:
            f.write(text)
        n.start().ready()
        names = {x["name"]: x for x in n.ctl("names")["names"]}
        assert names["SINGLESHOP"]["scope"] == "global" \
            and names["SINGLESHOP"]["since"] == names[".shop"]["since"], names
        shop = n.call(".shop", "child", "x")[0]
        with subprocess.Popen([c.build + "/harborctl", "--socket", n.socket, "call", shop,
                               "loop_for", "8"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            state = lambda: {x["handle"]: x["endless"] for x in n.ctl("services")["services"]}[shop]
            assert state() is False
            eventually("it is endless", state)
            eventually("it is not any more", lambda: state() is False)


def wrong_words_get_a_usage_line(build):
    """a wrong number of words: a usage line and status 64 before any node is asked"""
    for words, line in ((["task"], "usage: harborctl task ADDRESS [SESSION]"),
                        (["list", "x", "y"], "usage: harborctl list [--waiting]"),
                        (["log-level", "a", "b", "c"],
                         "usage: harborctl log-level [debug|info|warning|error|default "
                         "[SERVICE]]")):
        p = subprocess.run([build + "/harborctl", "--socket", "/nonexistent", *words],
                           capture_output=True, text=True, timeout=20)
        assert p.returncode == 2 and p.stderr.splitlines()[-1].strip() == line, (words, p)


def scripts(build):
    """inject: a file of the operator's, or stdin, runs inside of a service of any node"""
    with three(build) as c:
        up(c)
        path = c.tmp + "/script.lua"
        with open(path, "w") as f:
            f.write('local a, b = ...\nprint("given", a, '
                    'b)\nprint(_P.lua.command.where("x"))\nprint("ü \\1 tab\\t%")\n'
                    '_P.lua.command.where = function() return "changed" end\n')
        text = at(c.m, c.b, "inject", ".shop", path, "1", "two words")["output"]
        assert text == "given\t1\ttwo words\nx\tBETA\nü \x01 tab\t%", text
        assert c.b.call(".shop", "where", "y") == ["changed"] and c.a.call(".shop", "where",
                "y") == ["y", "ALPHA"]
        status, out, err = raw(c.m, "--node", "b", "inject", ".shop", "-",
                               stdin='print("from stdin")\nprint("\\27[31m")\n')
        assert (status, out, err) == (0, "from stdin\n\\x1b[31m\n", ""), (status, out, err)
        assert "script.lua:1: oh no" in refused(c.m, "--node", "b", "inject", ".shop",
                                                write(c, 'error "oh no"'))
        assert "script.lua:1:" in refused(c.m, "--node", "b", "inject", ".shop",
                                          write(c, "this is no Lua"))
        big = write(c, "--" + "x" * 300000 + "\nprint(#arg0)".replace("#arg0", "'big'"))
        assert at(c.m, c.b, "inject", ".shop", big)["output"] == "big"
        status, _, err = raw(c.m, "inject", ".shop", write(c, "-" * (2 << 20)))
        assert status == 1 and "too long" in err, err
        status, _, err = raw(c.m, "inject", ".shop", write(c, "-- \n" * 200000))
        assert status == 2 and "too long" in err, err
        status, _, err = raw(c.m, "inject", ".shop", write(c, "a\0b"))
        assert status == 1 and "NUL" in err, err
        status, _, err = raw(c.m, "inject", ".shop", "/nowhere.lua")
        assert status == 1 and "/nowhere.lua: No such file" in err, err
        status, _, err = raw(c.m, "inject", ".shop")
        assert status == 2, err


def write(c, text):
    path = c.tmp + "/script.lua"
    with open(path, "w") as f:
        f.write(text)
    return path


def message_logs_and_traces(build):
    """log opens and closes the log of a service's messages; trace follows its requests"""
    with three(build) as c:
        up(c)
        shop = at(c.m, c.b, "call", ".shop", "child", "x")["values"][0]
        path = f"{c.tmp}/{shop[1:]}.log"
        assert at(c.m, c.b, "log", shop, "on") == {"handle": shop, "log": True, "file": path}
        c.b.call(shop, "echo", "logged")
        assert at(c.m, c.b, "log", shop, "off")["log"] is False
        text = eventually("the log",
                          lambda: "close time" in open(path).read() and open(path).read())
        assert b"logged".hex() in text, text
        assert refused(c.m, "--node", "b", "log", shop, "maybe") == "maybe: on or off"
        assert refused(c.m, "log", shop, "on") == f"no such service on this node: {shop}"
        assert at(c.m, c.b, "trace", shop, "on") == {"handle": shop, "protocol": "lua",
                                                     "trace": "on"}
        c.b.call(shop, "echo", "traced")
        eventually("a line", lambda: re.search(r"<TRACE [^>]*> \d+ request", open(c.b.log).read()))
        assert at(c.m, c.b, "trace", shop, "lua", "default")["trace"] == "default"
        assert at(c.m, c.b, "trace", shop, "off")["trace"] == "off"
        eventually("its word", lambda: c.b.logged("Turn trace log nil for lua")
                   and c.b.logged("Turn trace log false for lua"))
        assert "is not registered" in refused(c.m, "--node", "b", "trace", shop, "nosuch", "on")


def services_that_do_not_answer(build):
    """stat and mem say which services did not answer in time, and tell of the others"""
    with three(build) as c:
        up(c)
        shop = at(c.m, c.a, "call", ".shop", "child", "x")["values"][0]
        p = subprocess.Popen([c.build + "/harborctl", "--socket", c.a.socket, "call", shop, "loop"],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)

        def row(command):
            rows = {s["handle"]: s for s in at(c.m, c.a, command, "0.1")["services"]}
            assert sum(s["state"] == "ok" for s in rows.values()) >= 3, rows
            return rows[shop]
        stat = eventually("the loop", lambda: row("stat")["state"] == "timeout" and row("stat"))
        assert stat["tasks"] is None and stat["service"] == "snlua main ALPHA x", stat
        if "thread" not in build:  # ThreadSanitizer holds signals back
            # what it runs, also from another node; a break that comes later still breaks
            task, = at(c.m, c.a, "task", shop)["tasks"]
            assert task["thread"] == "running" and f"main.lua:{LOOP}: in" in task["stack"], task
            for _ in range(3):
                again = at(c.m, c.a, "task", shop)["tasks"][0]["stack"]
                assert again.splitlines()[1] == task["stack"].splitlines()[1]
        assert c.a.ctl("task", ".shop") == {"tasks": []}
        mem = row("mem")
        assert mem["state"] == "timeout" and mem["memory_bytes"] is None \
            and mem["service"] == "snlua main ALPHA x", mem
        status, out, _ = raw(c.m, "--node", "a", "mem", "0.1")
        assert status == 0 and re.search(rf"^{shop} +- +timeout +- +- +- +snlua main ALPHA x$", out,
                                         re.M), out
        others = [s for s in at(c.m, c.a, "mem", "0.1")["services"] if s["state"] == "ok"]
        assert others and all(s["shared_bytes"] >= 0 and s["old_versions"] == 0
                              and s["old_bytes"] == 0 for s in others), others
        for wrong in ("0", "-1", "x", "99"):
            assert "seconds to wait" in refused(c.m, "stat", wrong), wrong
        p.wait(20)


def nodes_that_are_not_there(build):
    """an unknown node, a node that was killed, one that is frozen: told, in time"""
    with three(build) as c:
        up(c)
        assert refused(c.m, "--node", "z",
                       "list") == "no such node in the cluster (harborctl nodes)"
        assert "no such node" in refused(c.m, "--node", "a.b", "status")
        c.b.signal(signal.SIGSTOP)
        began = time.monotonic()
        why = refused(c.m, "--node", "b", "list")
        assert time.monotonic() - began < 12, time.monotonic() - began
        assert "call failed: " in why or "no answer in time" in why, why
        c.b.signal(signal.SIGCONT)
        eventually("it is back", lambda: at(c.m, c.b, "status")["node"] == "b")
        c.b.kill()
        why = eventually("it is known to be gone", lambda: refused(c.m, "--node", "b", "list"))
        assert "call failed: " in why or "no such node" in why, why
        # an answer that was on its way when the connection went away hurts nobody
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(c.m.socket)
            s.sendall(b"@a list\n@a list\nlist\n")
        assert at(c.m, c.a, "list")["services"]


def wire(node, line):
    """One request over the socket by hand: (word, body)."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(node.socket)
        s.sendall(line + b"\n")
        f = s.makefile("rb")
        word, size = f.readline().split()
        return word, json.loads(f.read(int(size)))


def requests_by_hand(build):
    """what is no request is refused, here and by the other node"""
    with three(build) as c:
        up(c)
        for line, why in ((b"@a", "no command"), (b"@", "no command"),
                          (b"@ list", "no such node in the cluster (harborctl nodes)"),
                          (b"@a @m list", "malformed request"), (b"@a nonsense", "unknown command"),
                          (b"@a list 1 2",
                           "wrong number of arguments; usage: harborctl list [--waiting]"),
                           (b"@a @", "malformed request"),
                          (b"@a " + b" ".join([b"x"] * 80), "malformed request"),
                          (b"@a ", "unknown command")):
            assert wire(c.m, line) == (b"error", {"error": why}), (line, wire(c.m, line))
        assert wire(c.m, b"@a list")[0] == b"ok"
        # any service may write to the node itself; what it says is looked at, and answered
        script = write(c, 'local skynet = require "skynet"\n'
                       'skynet.register_protocol { name = "rawtext", id = 0, pack = function(s) '
                       'return s end, unpack = skynet.tostring }\n'
                       'for _, s in ipairs { "", "x", "sta%2tus", "@m list", "status", ("x '
                       '"):rep(100), "list", "status\\0" } do\n'
                       '  local ok, text = pcall(skynet.call, 0x02000000, "rawtext", s)\n'
                       '  print(ok, tostring(text):sub(1, 40))\nend\n')
        text = at(c.m, c.b, "inject", ".shop", script)["output"].splitlines()
        assert [x.split("\t")[1][:1] for x in text] == ["-", "-", "-", "-", "+", "-", "+",
                                                        "-"], text
        assert all(x.startswith("true") for x in text), text
        assert '"unknown command"' in text[0] and '"malformed request"' in text[5] \
            and '"malformed request"' in text[7], text


if __name__ == "__main__":
    main([every_node_from_every_node, commands_of_the_node_itself, calls, tasks,
          global_names_are_addresses,
          a_loop_is_endless_while_it_lasts, wrong_words_get_a_usage_line, scripts,
          message_logs_and_traces, services_that_do_not_answer,
          nodes_that_are_not_there, requests_by_hand])
