#!/usr/bin/python3
"""harborctl why: what a service does, what its tasks wait for and for whom; of one that answers, of
one that never comes back, of one in C code, of one on another node."""
import os, re, subprocess, threading
from harness import Cluster, eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
with open(HERE + "/main.lua") as f:
    LOOP = 1 + f.read().split("-- the loop")[0].count("\n") # the line of it
# ThreadSanitizer holds a signal back until the thread calls the C library: Lua's loops never do.
TSAN = "san-thread" in os.path.abspath(__import__("sys").argv[-1])


class One(Cluster):
    """A node alone, with `threads` workers."""

    def __init__(self, build, threads=2):
        super().__init__(build, HERE)
        self.a = self.node("a", 0, start_now=False)
        with open(self.a.config, "w") as f:
            f.write(f"node: {{ name: a, harbor: 0, threads: {threads} }}\n"
                    f'lua: {{ start: main, args: A, service_path: ["{HERE}/?.lua"], '
                    f'cpath: ["{self.build}/tests/cmod/?.so"] }}\n')
        self.a.start().ready()

    def child(self, *args):
        return self.a.call(".shop", "child", *args)[0]


def begin(node, *args):
    """A call that need not come back."""
    t = threading.Thread(target=lambda: subprocess.run(
        [node.cluster.build + "/harborctl", "--socket", node.socket, "call", *args],
        capture_output=True), daemon=True)
    t.start()


def waiting(node, who, n=1):
    """`why`, when n tasks are there."""
    return eventually(f"{who} has {n} tasks", lambda: (
        lambda w: len(w["stacks"]) == n and w)(node.ctl("why", who)))


def busy(node, who):
    return eventually(f"{who} is busy", lambda: (
        lambda w: w["state"] != "answers" and w["stacks"] and w)(node.ctl("why", who)))


def what_tasks_wait_for(build):
    """a call, one with a limit, a sleep, a queue, a socket, a wake-up: each is named, with whom it
    asks, how long it waits, whom it serves, and its stack"""
    with One(build) as c:
        child = c.child()
        assert c.a.ctl("why", child)["stacks"] == []
        begin(c.a, ".shop", "ask", child, "hang")
        w = waiting(c.a, ".shop")
        assert w["state"] == "answers" and w["tasks"] == 1 and w["service"] == "snlua main A", w
        s, = w["stacks"]
        kind = c.a.ctl("why", child)["service"]
        assert (s["state"], s["waits_for"], s["to"], s["to_service"]) == \
            ("waits", "call", child, kind), s
        assert (s["protocol"], s["command"]) == ("lua", "hang") and s["session"] > 0, s
        assert s["asked_by_service"] == "snlua harboradmin" and s["asked_command"] == "ask", s
        assert s["asked_protocol"] == "lua" and s["asked_session"] > 0, s
        assert "in function 'call'" in s["stack"] and "main.lua:13: in" in s["stack"], s
        t, = waiting(c.a, child)["stacks"]
        assert t["asked_by"] == w["handle"] and t["asked_session"] == s["session"], (s, t)
        assert t["asked_command"] == "hang" and t["waits_for"] == "wakeup", t
        eventually("the wait grows old",
                   lambda: c.a.ctl("why", child)["stacks"][0]["wait_seconds"] > 1)
        old = c.a.ctl("why", child)["stacks"][0]
        assert old["wait_seconds"] < 20 and abs(old["wait_seconds"] - old["task_seconds"]) < 1, old

        kinds = {"limited": ("call", [child, "hang"]), "nap": ("sleep", ["6000"]),
                 "queued": ("queue", []), "read": ("socket", [])}
        for command, (kind, args) in kinds.items():
            other = c.child()
            n = 1
            if command == "queued":
                begin(c.a, other, command)
                waiting(c.a, other)
                n = 2
            begin(c.a, other, command, *args)
            w = waiting(c.a, other, n)
            assert any(s["waits_for"] == kind for s in w["stacks"]), (command, w)
            if command == "nap":
                assert 30 < w["stacks"][0]["until_seconds"] <= 60, w
            if command == "limited":
                s, = w["stacks"]
                assert 5 < s["limit_seconds"] <= 30 and s["command"] == "hang", s
        other = c.child("vararg")


def busy_services(build):
    """a service in an endless loop: in a function, in a coroutine, below a C function, in
    __tostring, with a hook of nobody; its stack has the line of the loop, at once"""
    if TSAN:
        return
    with One(build, threads=12) as c:
        for command in ("loop", "coroutine", "pcalled", "tostring", "vararg"):
            child = c.child()
            begin(c.a, child, "hang")
            waiting(c.a, child)
            begin(c.a, child, command)
            # a worker that gets no processor for long is looked at where it stands
            w = eventually("it is at a step of its program", lambda: (
                lambda w: w["stacks"][0]["code"] == "Lua" and w)(busy(c.a, child)))
            assert w["state"] == "busy" and w["turn_seconds"] >= 0 and w["tasks"] == 2, w
            assert w["message_type"] == "lua" and w["message_session"] > 0, w
            s, t = w["stacks"]
            assert s["state"] == "runs" and s["asked_command"] == command, s
            # the loop has two lines at which it may be
            assert re.match(rf"\S*main\.lua:({LOOP - 1}|{LOOP}): in ", s["stack"]), s["stack"]
            assert "main.lua" in s["stack"].splitlines()[-2], s["stack"]
            if command == "pcalled":
                assert s["stack"].count("[C]: in") == 3, s["stack"]
            assert t["state"] == "waits" and t["waits_for"] == "wakeup", t
            assert c.a.ctl("why", child)["stacks"][0]["stack"].count("main.lua") == \
                s["stack"].count("main.lua")


def in_c_code(build):
    """a service in a C function that computes, sleeps, or is in the kernel: the stack ends there"""
    if TSAN:
        return
    with One(build, threads=8) as c:
        for args, last in ((["gsub"], "gsub"), (["crash", "nap", "60"], "nap"),
                           (["crash", "spin", "60"], "spin")):
            child = c.child()
            begin(c.a, child, *args)
            s = eventually(f"{last} runs", lambda: in_function(busy(c.a, child), last))
            assert s["state"] == "runs" and s["code"] == "C", s
            assert "main.lua" in s["stack"], s["stack"]


def in_function(w, name):
    """The stack, if that is where the service is; it may be loading the module still."""
    s = w["stacks"][0]
    first = s["stack"].splitlines()[0]
    return first.startswith("[C]: in ") and (name if name == "gsub" else "crash.so") in first and s


def all_workers_busy(build):
    """with every worker in a loop the node still says why"""
    if TSAN:
        return
    with One(build, threads=2) as c:
        first, second, third = c.child(), c.child(), c.child()
        c.a.call(third, "echo", "x")
        begin(c.a, first, "loop")
        busy(c.a, first)
        begin(c.a, second, "loop")
        for who in (first, second):
            w = eventually("it is busy", lambda: (lambda w: w["state"] == "busy" and w)
                           (c.a.ctl("why", who)))
            assert f"main.lua:{LOOP}" in w["stacks"][0]["stack"] or \
                f"main.lua:{LOOP - 1}" in w["stacks"][0]["stack"], w
        w = c.a.ctl("why", third)
        assert w["state"] == "silent" and "no worker" in w["note"], w


def many_and_deep(build):
    """10,000 coroutines are a few entries with their sums, in a bounded answer; a stack of 150,000
    frames has its ends"""
    with One(build, threads=4) as c:
        child = c.child()
        c.a.call(child, "many", "10000")
        # it answers before they begin
        w = eventually("all wait", lambda: (lambda w: w["state"] == "answers" and w)
                       (c.a.ctl("why", child)))
        assert w["tasks"] == 10000 and sum(s.get("count", 1) for s in w["stacks"]) == 10000, w
        assert len(w["stacks"]) == 2, w
        assert {(s["waits_for"], s["count"]) for s in w["stacks"]} == \
            {("wakeup", 9000), ("sleep", 1000)}, w
        p = subprocess.run([build + "/harborctl", "--socket", c.a.socket, "--json", "why", child],
                           capture_output=True)
        assert len(p.stdout) < 100000, len(p.stdout)
        if TSAN:
            return
        deep = c.child()
        begin(c.a, deep, "deep", "150000")
        w = busy(c.a, deep)
        w = eventually("it is down there", lambda: (lambda w: "left out" in w["stacks"][0]["stack"]
                                                    and w)(c.a.ctl("why", deep)))
        stack = w["stacks"][0]["stack"].splitlines()
        assert len(stack) == 41 and "main.lua" in stack[0] and "[C]" in stack[-1], stack
        eventually("all of it", lambda: 150000 - 50 < int(re.search(
            r"\((\d+) levels", c.a.ctl("why", deep)["stacks"][0]["stack"])[1]) < 150010)


def errors_in_tostring(build):
    """an error whose __tostring raises is no obstacle"""
    with One(build) as c:
        child = c.child()
        try:
            c.a.call(child, "bad_tostring")
        except Failed:
            pass
        assert c.a.ctl("why", child)["stacks"] == []


def other_nodes(build):
    """--node asks another node, and so does the name of a service of the cluster, or its handle"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="M").ready()
        b = c.node("b", 2, args="B").ready()
        eventually("the link is up", lambda: m.call("BSHOP", "echo", "x") == ["x"])
        begin(b, ".shop", "hang")
        waiting(b, ".shop")
        handle = b.ctl("why", ".shop")["handle"]
        for args in (("--node", "b", "why", ".shop"), ("why", "BSHOP"), ("why", handle)):
            w = m.ctl(*args)
            assert w["handle"] == handle and w["service"] == "snlua main B", (args, w)
            assert w["stacks"][0]["waits_for"] == "wakeup", (args, w)
        for who in (".nobody", "NOBODY", ":01ffffff", ":02ffffff"):
            try:
                m.ctl("why", who)
                raise AssertionError(who)
            except Failed as e:
                assert "no such service" in str(e), (who, e)
        daemon = m.ctl("why", ".daemon")
        assert "C module" in daemon["note"], daemon


def for_people(build):
    """a table of what is known, then a block for each stack"""
    with One(build) as c:
        begin(c.a, ".shop", "hang")
        waiting(c.a, ".shop")
        p = subprocess.run([build + "/harborctl", "--socket", c.a.socket, "why", ".shop"],
                           capture_output=True, text=True)
        assert p.returncode == 0 and not p.stderr, p
        lines = p.stdout.splitlines()
        assert lines[0].split() == ["handle", c.a.ctl("why", ".shop")["handle"]], p.stdout
        at = lines.index("")
        assert lines[at + 1].startswith("state waits  wait_seconds "), p.stdout
        assert lines[at + 2].startswith("  [C]: in function 'wait'"), p.stdout


main([what_tasks_wait_for, busy_services, in_c_code, all_workers_busy, many_and_deep,
      errors_in_tostring, other_nodes, for_people])
