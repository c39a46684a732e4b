#!/usr/bin/python3
"""What an operator asks and does by harborctl: top, sockets, timers, call with types, send, kill,
registry and config; of one node and of all."""
import fcntl, json, os, pty, re, resource, select, signal, socket, struct, subprocess, termios, time
from harness import Cluster, eventually, main, up

HERE = os.path.dirname(os.path.abspath(__file__))


def two(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True, args="M")
    c.a = c.node("a", 2, args="A")
    for n in c.nodes:
        n.ready()
        eventually(f"{n.name} sees both", lambda: sum(
            x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]) == 2)
    return c


def raw(n, *args, stdin=None):
    """harborctl for people: (status, stdout, stderr)."""
    p = subprocess.run([n.cluster.build + "/harborctl", "--socket", n.socket, *args],
                       capture_output=True, text=True, timeout=30, input=stdin)
    return p.returncode, p.stdout, p.stderr


def refused(n, *args):
    status, out, err = raw(n, *args)
    assert status == 1 and not out and err.startswith("harborctl: ") and err.count("\n") == 1, \
        (args, status, out, err)
    return err[len("harborctl: "):].strip()


def the_busiest_services(build):
    """top: who floods, who hoards and who loops stands first, by the column that is asked for"""
    with two(build) as c:
        flood, hoard = [c.a.call(".shop", "child", what)[0] for what in ("flood", "hoard")]
        c.a.ctl("send", flood, "lua", "flood", "200")
        c.a.ctl("call", hoard, "hoard", "8")
        top = eventually("the flood is seen", lambda: (
            lambda t: t["services"][0]["handle"] == flood
            and t["services"][0]["messages_per_second"] > 1000 and t)(
                c.a.ctl("top", "--sort", "messages_per_second")))
        row = top["services"][0]
        assert row["node"] == "a" and row["service"] == "snlua main A flood", row
        assert row["cpu_percent"] > 0 and row["memory_bytes"] > 1000, row
        total, = top["nodes"]
        assert total["node"] == "a" and total["messages_per_second"] >= row["messages_per_second"]
        assert total["services"] == len(top["services"]) and top["left_off"] == 0, top
        assert total["resident_bytes"] > total["memory_bytes"] > 8 << 20, total
        row = c.a.ctl("top", "--sort", "memory_bytes", "--limit", "1", "--interval", "0.1")
        assert row["services"][0]["handle"] == hoard and len(row["services"]) == 1, row
        assert row["left_off"] == row["nodes"][0]["services"] - 1, row
        # of another node, and of all in one order
        assert c.m.ctl("--node", "a", "top", "--sort", "memory_bytes")["nodes"][0]["node"] == "a"
        both = c.m.ctl("top", "--all", "--sort", "messages_per_second", "--limit", "12")
        assert {n["node"] for n in both["nodes"]} == {"m", "a"}, both["nodes"]
        assert both["services"][0]["handle"] == flood and len(both["services"]) == 12, both
        rates = [r["messages_per_second"] for r in both["services"]]
        assert rates == sorted(rates, reverse=True) and {r["node"] for r in both["services"]} \
            == {"m", "a"}, rates
        status, out, _ = raw(c.m, "top", "--all", "--once", "--sort", "memory_bytes")
        head, *rows = out.split("\n\n")[1].splitlines()
        assert status == 0 and re.match(r"node +cpu_percent +messages_per_second", head), out
        assert re.search(r"8\.\d+M", rows[0]) and rows[0].startswith("a "), rows
        for key in set(both["services"][0]) - {"node", "handle", "name", "service"}:
            assert "services" in c.a.ctl("top", "--sort", key, "--interval", "0.1"), key
        for words, why in ((("--sort", "beauty"), "--sort takes one of: cpu_percent messages_per"),
                           (("--sort", "cpu"), "memory_bytes_per_second messages_refused errors_"),
                           (("--sort", ""), "--sort takes one of: "),
                           (("--limit", "0"), "1 to 10000"), (("--limit", "x"), "1 to 10000"),
                           (("--interval", "99"), "0.1 to 5"), (("--what", "1"), "unknown option")):
            assert why in refused(c.a, "top", *words), words


def top_goes_on_a_terminal(build):
    """top on a terminal paints again and again what fits it; elsewhere it ends after once"""
    with two(build) as c:
        p = subprocess.Popen(["script", "-qec", f"stty rows 12 cols 60; exec {c.build}/harborctl "
                              f"--socket {c.a.socket} top --interval 0.2", "/dev/null"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        text, until = b"", time.monotonic() + 20
        while text.count(b"\x1b[H") < 4 and time.monotonic() < until:
            text += os.read(p.stdout.fileno(), 65536)
        p.kill()
        p.wait()
        p.stdout.close()
        screens = text.decode().split("\x1b[H\x1b[J")[1:4]
        assert len(screens) == 3, text
        for s in screens:
            lines = re.sub(r"\x1b\[\d*m", "", s).replace("\r", "").split("\n")
            assert len(lines) <= 12 and all(len(x) <= 60 for x in lines), lines
            assert any("messages_per_second" in x for x in lines), lines


class Terminal:
    """harborctl top on a terminal with so many lines and columns."""

    def __init__(self, node, *args, size=(30, 240)):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        self.process = subprocess.Popen(
            [node.cluster.build + "/harborctl", "--socket", node.socket, "top", *args],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def screen(self, pattern):
        """Waits for a whole screen in which the pattern is found, and forgets it."""
        def find():
            while select.select([self.master], [], [], 0)[0]:
                self.text += os.read(self.master, 65536).decode()
            for s in self.text.split("\x1b[H\x1b[J")[1:]:
                found = re.search(pattern, s.replace("\r", ""), re.M)
                if found:
                    self.text = ""
                    return found
        return eventually(f"the screen has {pattern}", find)

    def press(self, keys):
        os.write(self.master, keys)

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def keys_of_top(build):
    """top on a terminal takes keys: the column, the next node, all nodes, the end, without waiting
    for an answer; the terminal is left as it was, whatever ends it"""
    last = r"^by %s of %s; < > column, n node, a all, q quit$"
    with two(build) as c:
        c.m.call(".shop", "hoard", "8")
        with Terminal(c.a, "--interval", "0.2") as t:
            t.screen(last % ("cpu_percent", "a"))
            assert not t.is_as_before(), "keys would be shown"
            t.press(b">")
            t.screen(last % ("messages_per_second", "a"))
            t.press(b"\x1b[C")
            t.screen(last % ("mailbox_messages", "a"))
            t.press(b"\x1b[D")
            t.screen(last % ("messages_per_second", "a"))
            t.press(b"<")
            t.screen(last % ("cpu_percent", "a"))
            t.press(b"<") # round the end
            t.screen(last % ("turn_seconds", "a"))
            for _ in range(2):
                t.press(b"<")
                t.screen(r"^by \w+ of a;")
            t.press(b"n")
            t.screen(last % ("memory_bytes", "m"))
            first = t.screen(r"^node +cpu_percent +messages_per.*mail.*refused.*\n(.*)$")[1]
            assert first.startswith("m ") and "snlua main M" in first, first
            t.press(b"a")
            t.screen(last % ("memory_bytes", "all nodes"))
            t.press(b"n")
            t.screen(last % ("memory_bytes", "a"))
            t.press(b"xyz \x1b\x1b[Z\t") # these mean nothing
            t.screen(last % ("memory_bytes", "a"))
            t.press(b"q")
            assert t.process.wait(20) == 0 and t.is_as_before()
        with Terminal(c.a, "--interval", "5") as t: # before the first answer
            eventually("it takes keys", lambda: not t.is_as_before())
            begun = time.monotonic()
            t.press(b"q")
            assert t.process.wait(20) == 0 and time.monotonic() - begun < 4 and t.is_as_before()
        for keys, signum in ((b"\x03", signal.SIGINT), (None, signal.SIGTERM)):
            with Terminal(c.a, "--interval", "0.2") as t:
                t.screen(last % ("cpu_percent", "a"))
                if keys:
                    t.press(keys)
                else:
                    t.process.send_signal(signum)
                assert t.process.wait(20) == -signum and t.is_as_before()
        with Terminal(c.a, "--interval", "0.2") as t:
            t.screen(last % ("cpu_percent", "a"))
            c.a.kill()
            assert t.process.wait(20) == 69 and t.is_as_before()


def nodes_that_differ(build):
    """config --diff: each key in which nodes differ, with the place in the file of each; what each
    has for itself comes last; no secrets; of a node that is dead it says so"""
    with Cluster(build, HERE) as c:
        c.n = [c.node(name, i + 1, master=i == 0, args=name.upper(), start_now=False)
               for i, name in enumerate("mab")]
        for n in c.n:
            with open(n.config, "a") as f:
                f.write("env: { color: red, db_password: hush }\n" if n.name != "a" else
                        "env: { color: blue, shape: round, db_password: hush }\n"
                        "net: { backpressure: 2MiB }\n")
            n.start()
        up(c)
        rows = c.n[1].ctl("config", "--diff")["differences"]
        keys = list(dict.fromkeys(r["key"] for r in rows))
        own = ["cluster.listen", "lua.args", "node.harbor", "node.name"]
        assert keys == ["env.color", "env.shape", "master.listen", "master.state_dir",
                        "net.backpressure"] + own, keys
        for key in keys:
            assert [r["node"] for r in rows if r["key"] == key] == ["m", "a", "b"], rows
        said = {(r["key"], r["node"]): (r["value"], r["place"]) for r in rows}
        assert said["env.color", "a"][0] == "blue" and said["env.color", "b"][0] == "red"
        assert said["env.color", "b"][1].startswith(c.n[2].config + ":"), said
        assert said["env.shape", "m"] == (None, "not set") and said["env.shape", "a"][0] == "round"
        assert said["net.backpressure", "a"] == ("2MiB", f"{c.n[1].config}:5:22"), said
        assert said["net.backpressure", "b"][1] == "default", said
        assert "hush" not in str(rows)
        status, out, err = raw(c.n[0], "config", "--diff")
        assert status == 0 and not err and re.search(
            rf"^net\.backpressure +a +2MiB +{re.escape(c.n[1].config)}:5:22$", out, re.M), out
        c.n[2].kill()
        eventually("b is gone", lambda: c.n[0].ctl("nodes")["nodes"][2]["state"] == "down")
        status, out, err = raw(c.n[1], "--json", "config", "--diff")
        assert status == 3 and err.startswith("harborctl: node b (harbor 3): "), err
        assert err.count("\n") == 1, err
        assert {r["node"] for r in json.loads(out)["differences"]} == {"m", "a"}
        with open(c.n[1].config) as f, open(c.n[0].config, "w") as to:
            to.write(f.read()) # a file beside it is compared as ever
        assert raw(c.n[1], "config", "--diff", c.n[1].config)[1] == "no differences\n"


def the_sockets(build):
    """sockets: id, kind, both addresses, owner, bytes, age; by owner, sorted, cut"""
    with two(build) as c:
        shop = c.a.ctl("names")["names"]
        shop = next(n["handle"] for n in shop if n["name"] == ".shop")
        _, port = c.a.call(".shop", "listen")
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for i, s in enumerate(clients):
            s.sendall(b"x" * (i + 1))
        mine = eventually("all are read", lambda: (
            lambda t: sum(r["received_bytes"] for r in t["sockets"]) == 210 and t)(
                c.a.ctl("sockets", "--owner", ".shop", "--sort", "received_bytes")))
        assert mine["left_off"] == 0 and len(mine["sockets"]) == 21
        first = mine["sockets"][0]
        own = "%s:%d" % clients[19].getsockname()
        assert first["kind"] == "tcp" and first["state"] == "open" and first["peer"] == own, first
        assert first["address"] == f"127.0.0.1:{port}" and first["received_bytes"] == 20, first
        assert first["handle"] == shop and first["name"] == ".shop" \
            and first["service"] == "snlua main A", first
        assert first["sent_bytes"] == first["queued_bytes"] == 0
        assert 0 <= time.time() - first["since"] < 60, first
        listener, = [r for r in mine["sockets"] if r["kind"] == "listen"]
        assert listener["connections"] == 20 and listener["address"] == first["address"]
        cut = c.m.ctl("--node", "a", "sockets", "--sort", "received_bytes", "--limit", "5")
        assert len(cut["sockets"]) == 5 and cut["left_off"] >= 18, cut
        rest = {r["service"] for r in c.a.ctl("sockets")["sockets"]}
        assert {"link", "control", "snlua main A"} <= rest, rest
        _, out, _ = raw(c.a, "sockets", "--owner", shop, "--limit", "3")
        assert out.splitlines()[-1] == "... and 18 more (--limit)", out
        assert "address of a service" in refused(c.a, "sockets", "--owner", "nobody")
        for s in clients:
            s.close()
        eventually("they are seen to end", lambda: all(
            r["state"] == "closing" for r in c.a.ctl("sockets", "--owner", ".shop")["sockets"]
            if r["kind"] != "listen"))


def the_timers(build):
    """timers: how many a service waits for, the next and the longest"""
    with two(build) as c:
        kid = c.a.call(".shop", "child", "waits")[0]
        c.a.ctl("send", kid, "lua", "wait", "1000", "6000")
        row = eventually("they are there", lambda: (
            lambda t: t and t[0]["timers"] == 1000 and t[0])(
                c.a.ctl("timers", "--owner", kid)["timers"]))
        assert 55 < row["next_seconds"] < 60.1 < row["longest_seconds"] < 70.1, row
        assert row["service"] == "snlua main A waits", row
        first = c.m.ctl("--node", "a", "timers", "--limit", "1")
        assert first["timers"][0]["handle"] == kid and first["left_off"] >= 1, first
        soon = c.a.ctl("timers", "--sort", "next_seconds")["timers"]
        assert soon[0]["next_seconds"] < 55 and any(r["service"] == "harbord" for r in soon), soon
        c.a.ctl("kill", kid)
        eventually("they are gone with it",
                   lambda: not c.a.ctl("timers", "--owner", "." + "shop")["timers"])


def calls_with_types(build):
    """call and send --json-args: each argument is a JSON value, of any type"""
    with two(build) as c:
        for n in (c.a, c.m):
            values = n.ctl("--node", "a", "call", "--json-args", ".shop", "echo", "1.5", "7",
                           "true", "null", '"7"', "[1, null, 3]",
                           '{"a": {"b": [2]}, "c": false}')["values"]
            assert values[:5] == [1.5, 7, True, None, "7"], values
            assert values[6] == {"a": {"b": [2]}, "c": False}, values
            kinds = n.ctl("--node", "a", "call", "--json-args", ".shop", "types", "1e3", "1",
                          "false", "null", '"x"', "[]", "{}")["values"]
            assert kinds == ["float", "integer", "boolean", "nil", "string", "table",
                             "table"], kinds
        assert 'its quotes: \'"x"\'' in refused(c.a, "call", "--json-args", ".shop", "echo", "x")
        assert "address and a command" in refused(c.a, "call", "--json-args", ".shop")
        assert c.a.call(".shop", "types", "true", "1.5", "7", "n:1") == [
            "string", "string", "integer", "string"]
        assert c.m.ctl("send", "ASHOP", "lua", "keep", "7", "x")["sent"] == "ASHOP"
        c.a.ctl("send", "--json-args", ".shop", "lua", '"keep"', "true", '{"k": 1}')
        kept = eventually("both came", lambda: (
            lambda v: len(v) == 2 and v)(c.a.call(".shop", "kept")[0]))
        assert [[x["1"], x["2"]] for x in kept] == [[7, "x"], [True, {"k": 1}]], kept
        assert "as lua or as text" in refused(c.a, "send", ".shop", "carrier-pigeon", "x")
        assert refused(c.a, "send", ".nobody", "lua", "x") == "no such service"


def killing(build):
    """kill: ends a service of any node, by any address; the node's own only with --force"""
    with two(build) as c:
        kid = c.a.call(".shop", "child", "victim")[0]
        assert c.m.ctl("kill", kid) == {"killed": kid, "handle": kid,
                                        "service": "snlua main A victim"}
        assert refused(c.a, "call", kid, "echo") == "no such service"
        assert "no such service" in refused(c.a, "kill", kid)
        assert c.m.ctl("kill", "ASHOP")["service"] == "snlua main A"
        own = ["." + x for x in ("launcher", "daemon", "cslave", "service")] + [":02000001"]
        for who in own:
            why = refused(c.a, "kill", who)
            assert why.startswith(who + " is a service of the node itself"), why
            assert "--force" in why, why
        assert "Not a valid name" in refused(c.a, "kill", ".nobody")
        assert "kill takes --force" in refused(c.a, "kill", ".service", "--now")
        assert c.a.ctl("kill", ".service", "--force")["service"] == "snlua service_mgr"


def what_the_master_keeps(build):
    """registry: nodes, ids, names, groups' members, fences and revision, as the disk has them"""
    with two(build) as c:
        kept = eventually("both names are kept", lambda: (
            lambda k: {"MSHOP", "ASHOP"} <= {n["name"] for n in k["names"]} and k)(
                c.m.ctl("registry")))
        assert kept["registry"] == "embedded" and kept["left_off"] == 0, kept
        assert [(n["harbor"], n["name"], n["state"]) for n in kept["nodes"]] \
            == [(1, "m", "up"), (2, "a", "up")], kept
        seen = {n["name"]: n for n in c.a.ctl("names")["names"] if n["scope"] == "global"}
        for n in kept["names"]:
            if n["scope"] == "global":
                assert seen[n["name"]]["handle"] == n["handle"], n
                assert 0 < n["fence"] <= kept["revision"], n
        a = next(n for n in c.m.ctl("nodes")["nodes"] if n["name"] == "a")
        assert kept["nodes"][1]["incarnation"] == a["incarnation"], kept
        cut = c.a.ctl("--node", "m", "registry", "--limit", "1")
        assert len(cut["names"]) == len(cut["nodes"]) == 1 and cut["left_off"] >= 2, cut
        assert "not the master" in refused(c.a, "registry")
        _, out, _ = raw(c.m, "registry")
        assert re.search(r"^harbor +name +address", out, re.M) and re.search(
            r"^scope +name +handle +fence$", out, re.M), out


def the_configuration_in_force(build):
    """config: each value with the place that said it, what the environment and the command line
    gave, what was reloaded and what waits; --diff: in what a file differs; no secrets"""
    with Cluster(build, HERE) as c:
        path, own = c.tmp + "/n.yaml", c.tmp + "/n.sock"

        def write(text, file=path):
            with open(file, "w") as f:
                f.write(text)
        first = (f"node: {{ name: n, threads: 2 }}\nlua: {{ start: main, args: N, "
                 f'service_path: ["{HERE}/?.lua"],\n  mailbox_max: "${{BOXES:-7}}" }}\n'
                 f'admin: {{ listen: "unix:{own}" }}\nlog: {{ level: info }}\n'
                 "env: { db_password: hush, url: redis://me:pw@h/1, color: red }\n")
        write(first)
        with open(c.tmp + "/log", "w") as log:
            p = subprocess.Popen([build + "/harbord", "--node", "other", path], stdout=log,
                                 stderr=log, env=dict(os.environ, BOXES="9"))

        def ctl(*words, status=0):
            r = subprocess.run([build + "/harborctl", "--socket", own, "--json", *words],
                               capture_output=True, text=True, timeout=20)
            assert r.returncode == status, (words, r)
            return json.loads(r.stdout)

        def rows():
            return {x["key"]: x for x in ctl("config")["config"]}
        try:
            eventually("it is well", lambda: subprocess.run(
                [build + "/harborctl", "--socket", own, "status"],
                capture_output=True).returncode == 0)
            said = rows()
            assert (said["node.name"]["value"], said["node.name"]["place"]) == ("other", "--node")
            assert said["node.threads"]["place"] == f"{path}:1:27", said["node.threads"]
            box = said["lua.mailbox_max"]
            assert (box["value"], box["written"], box["place"]) == ("9", "${BOXES:-7}",
                                                                  f"{path}:3:16"), box
            assert said["net.threads"]["place"] == "default" and said["net.threads"]["value"] == "1"
            assert said["env.db_password"]["value"] == "(hidden)"
            assert said["env.url"]["value"] == "redis://me:(hidden)@h/1"
            assert said["env.color"]["value"] == "red" \
                and said["env.color"]["place"].startswith(f"{path}:6:"), said["env.color"]
            assert not any(x["changed"] for x in said.values()), said
            assert not ctl("config", "--diff", path)["differences"] or {
                x["key"] for x in ctl("config", "--diff", path)["differences"]} == {
                    "lua.mailbox_max"}
            # another file
            other = c.tmp + "/other.yaml"
            write(first.replace("threads: 2", "threads: 3").replace("color: red", "shape: round")
                  .replace("info", "debug").replace("hush", "quiet"), other)
            diff = {x["key"]: x for x in ctl("config", "--diff", other)["differences"]}
            assert set(diff) - {"lua.mailbox_max"} == {
                "node.threads", "log.level", "env.color", "env.shape", "env.db_password"}, diff
            assert (diff["node.threads"]["value"], diff["node.threads"]["file_value"],
                    diff["node.threads"]["takes"]) == ("2", "3", "restart"), diff
            assert diff["node.threads"]["file_place"] == f"{other}:1:27"
            assert diff["log.level"]["takes"] == "reload"
            assert diff["env.color"]["file_value"] is None
            assert "hush" not in str(diff) and "quiet" not in str(diff)
            write("node: { nam: x }\n", other)
            r = subprocess.run([build + "/harborctl", "--socket", own, "config", "--diff", other],
                               capture_output=True, text=True, timeout=20)
            assert r.returncode == 1 and f"{other}:1:9: unknown key" in r.stderr, r
            # a reload
            write(first.replace("threads: 2", "threads: 3").replace("info", "warning"))
            ctl("reload")
            said = rows()
            assert (said["log.level"]["value"], said["log.level"]["before"],
                    said["log.level"]["changed"]) == ("warning", "info", "reloaded"), said
            assert (said["node.threads"]["value"], said["node.threads"]["changed"]) == (
                "2", "restart_needed"), said["node.threads"]
        finally:
            p.terminate()
            p.wait(20)


def the_exit_status_says_how_it_is(build):
    """status: 0 for a node that is well; 4 and one line why, of one that waits, lost its master or
    has a worker that does not come back"""
    with two(build) as c:
        assert raw(c.a, "status")[0] == 0 and c.a.ctl("status")["healthy"] is True

        def sick(n, why):
            def look():
                status, out, err = raw(n, "status")
                return status == 4 and why in err and err.startswith(
                    "harborctl: the node is not healthy: ") and err.count("\n") == 1 \
                    and "healthy" in out
            return look
        c.m.kill()
        eventually("the master is missed", sick(c.a, "master"))
        lost = c.a.ctl("status")
        assert lost["healthy"] is False and lost["unhealthy"], lost
        c.m.start().ready()
        eventually("it is well again", lambda: raw(c.a, "status")[0] == 0)
        c.a.ctl("drain", "a")
        assert raw(c.a, "status")[0] == 0
        c.a.ctl("drain", "a", "--undo")
        # ThreadSanitizer holds back the signal by which such a loop is left
        if "san-thread" not in build:
            kid = c.a.call(".shop", "child", "loops")[0]
            c.a.ctl("send", kid, "lua", "loop")
            eventually("the loop is seen", sick(c.a, "in one message of service " + kid), 30)
            c.a.ctl("kill", kid)
            eventually("the loop has ended", lambda: raw(c.a, "status")[0] == 0)
        lone = c.node("lone", "auto", start_now=False, port=None)
        with open(lone.config) as f:
            text = f.read().replace(str(c.master_port), "1")
        with open(lone.config, "w") as f:
            f.write(text)
        lone.start()
        eventually("it is there", lambda: lone.ctl("status")["state"] == "joining")
        eventually("it waits", sick(lone, "joining"))


def what_piles_up(build):
    """status warns of what piles up or runs out, though the node goes on: mailboxes, descriptors"""
    with two(build) as c:
        def warned(text):
            shown = c.a.ctl("status")
            return shown["healthy"] and [w for w in shown["warnings"] if text in w]
        before = len(os.listdir(f"/proc/{c.a.process.pid}/fd"))
        assert not warned("wait for service") and not warned("descriptors")
        kids = [c.a.call(".shop", "child", f"full{i}")[0] for i in range(5)]
        for kid in kids:
            c.a.ctl("send", kid, "lua", "flood", "100000")
        eventually("five have long mailboxes", lambda: len(warned("wait for service ")) == 3 and
                   warned("wait for each of 2 other services"), 60)
        assert all(re.match(r"\d{5,} messages wait for service :\w{8} main: .*harborctl why :\w{8}",
                            w) for w in warned("wait for service "))
        for kid in kids:
            c.a.ctl("kill", kid)
        eventually("they are gone", lambda: warned("wait for") == [])
        port = int(c.a.call(".shop", "listen")[1])
        most = resource.prlimit(c.a.process.pid, resource.RLIMIT_NOFILE)
        # all are in use, so it cannot even open the folder that says how many there are
        resource.prlimit(c.a.process.pid, resource.RLIMIT_NOFILE, (before - 1, most[1]))
        full = eventually("no descriptor is left", lambda: warned("descriptors are in use"))
        assert re.match(r"(\d+) of \1 descriptors .*LimitNOFILE=", full[0]), full
        with socket.create_connection(("127.0.0.1", port)) as s:
            assert s.recv(1) == b""
        eventually("it is a warning", lambda: re.search(
            r" warning .* socket: accept error: Too many open files", open(c.a.log).read()))
        assert c.a.ctl("status")["accepts_refused"] == 1
        resource.prlimit(c.a.process.pid, resource.RLIMIT_NOFILE, most)
        eventually("there are enough", lambda: warned("descriptors") == [])


def errors_without_colours(build):
    """the red of an error's text, which is skynet's, is not in a log file, nor in harborctl logs"""
    with two(build) as c:
        c.a.ctl("send", ".shop", "lua", "fails")
        eventually("the error is logged", lambda: c.a.logged("on purpose"))
        assert not c.a.logged("\x1b")
        p = subprocess.run([build + "/harborctl", "-s", c.a.socket, "-n", "a", "logs"],
                           capture_output=True, text=True, timeout=10)
        assert "on purpose" in p.stdout and "[31m" not in p.stdout, p.stdout


def one_vocabulary(build):
    """every key of every answer is a snake_case noun, and says its unit as commands.def has it"""
    wrong = re.compile(r"(_ms|_us|_ns|_kib|_mb|_kb|_sec|_secs|_size|_len|_pct|_rate|_count)$"
                       r"|^(time|bytes|seconds|size|length|count|mqlen|kib)$")

    def walk(value, where):
        if isinstance(value, list):
            for x in value:
                walk(x, where)
        if not isinstance(value, dict):
            return
        for key, v in value.items():
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key), (where, key)
            assert not wrong.search(key), (where, key)
            if key.endswith("_bytes") and v is not None:
                assert isinstance(v, int), (where, key, v)
            walk(v, where)

    with two(build) as c:
        for words in (["status"], ["nodes"], ["names"], ["names", "--waiting"], ["groups"],
                      ["services"], ["master"], ["list"], ["list", "--waiting"], ["stat"], ["mem"],
                      ["task", ".shop"], ["clusters"], ["drain", "m", "--status"], ["log-level"],
                      ["top"], ["sockets"], ["timers"], ["registry"], ["config"],
                      ["why", ".shop"], ["calls"], ["dump"], ["reload"]):
            walk(c.m.ctl(*words), words)


if __name__ == "__main__":
    main([the_busiest_services, top_goes_on_a_terminal, keys_of_top, nodes_that_differ,
          the_sockets, the_timers, calls_with_types, killing, what_the_master_keeps,
          the_configuration_in_force, the_exit_status_says_how_it_is, what_piles_up,
          errors_without_colours, one_vocabulary])
