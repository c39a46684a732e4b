#!/usr/bin/python3
"""skynet.cluster between real nodes without harbor: every function, names,
configuration, what happens to calls when a node is killed, declared down, moved, or absent; and
what is ours: deadlines, heartbeat, reconnecting."""
import os, re, signal, time
from harness import Cluster, Node, eventually, free_port, main
import wire

HERE = os.path.dirname(os.path.abspath(__file__))


class Peer(Node):
    """A node with a cluster file of its own."""

    def __init__(self, cluster, name, table="", testing=False):
        self.file = f"{cluster.tmp}/{name}.cluster.lua"
        self.port = free_port()
        word = ", testing: true" if testing else ""
        text = [f"node: {{ name: {name}, harbor: 0, threads: 2{word} }}",
                f'lua: {{ start: main, service_path: ["{HERE}/?.lua"] }}',
                f'env: {{ cluster: "{self.file}" }}']
        super().__init__(cluster, name, "\n".join(text) + "\n")
        self.table(table)
        cluster.nodes.append(self)

    def table(self, text):
        with open(self.file, "w") as f:
            f.write(text)

    def eval(self, text, *args, limit=60):
        return self.call(".probe", "eval", text, *[str(a) for a in args], limit=limit)

    def one(self, text, *args, **kw):
        values = self.eval(text, *args, **kw)
        return values[0] if values else None

    def fails(self, text, *args, **kw):
        """Runs a call that is to raise; gives the error's text."""
        ok, why = self.eval(f"local ok, why = pcall(function(...) {text} end, ...) return ok, "
                            f"tostring(why)", *args, **kw)
        assert not ok, (text, why)
        return re.sub(r"^\S+:\d+: ", "", why)  # where it was raised

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def says(self, text, times=1):
        eventually(f"{self.name} logs {text!r}", lambda: self.log_text().count(text) >= times)


def nodes(c, *names, options="", testing=False):
    """Nodes that know each other and listen by their own names."""
    all = [Peer(c, n, testing=testing) for n in names]
    for p in all:
        p.table(options + "".join(f'{q.name} = "127.0.0.1:{q.port}"\n' for q in all))
        p.start()
    for p in all:
        p.ready()
        assert p.eval("return cluster.open(...)", p.name) == ["127.0.0.1", p.port]
    return all


def calls_sends_names(build):
    """call, send, query, register, unregister, get_sender: by handle, by @name, by local name"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        handle = b.one("return skynet.self()")
        assert a.eval('return cluster.call("b", ".probe", "echo", 1, "two", nil, true, 1.5)') == [1,
                "two", None, True, 1.5]
        assert a.one('return cluster.call("b", tonumber(...), "self")', handle) == handle
        assert a.eval('return cluster.call("b", ".probe", "echo")') == []
        assert a.one('return (cluster.call("b", ".launcher", '
                     '"LIST")[skynet.address(tonumber(...))])', handle) == "snlua main"
        assert "call failed: " in a.fails('cluster.call("b", "@probe", "echo")')
        assert a.fails('cluster.query("b", "probe")') == "call failed: name not found"
        assert a.fails('cluster.call("b", "@probe", "echo")') == "call failed: Invalid name"
        b.eval('cluster.register "probe"')
        b.says(f"Register [probe] :{handle:08x}")
        assert a.one('return cluster.query("b", "probe")') == handle
        assert a.eval('return cluster.call("b", "@probe", "echo", "by name")') == ["by name"]
        a.eval('for i = 1, 20 do cluster.send("b", "@probe", "keep", i) end')
        want = ",".join(map(str, range(1, 21)))
        eventually("20 sends in order", lambda: b.call(".probe", "kept") == [want])
        # one name a handle: a new one replaces the old; a name in use is refused
        b.eval('cluster.register "other"')
        assert a.fails('cluster.call("b", "@probe", "echo")') == "call failed: Invalid name"
        assert a.eval('return cluster.call("b", "@other", "echo", 7)') == [7]
        assert "in use" in b.fails('cluster.register("other", 4711)')
        b.eval('cluster.unregister "other" cluster.unregister "other"')
        b.says(f"Unregister [other] :{handle:08x}")
        assert a.fails('cluster.query("b", "other")') == "call failed: name not found"
        a.eval('cluster.send("b", "@other", "keep", "nobody")')
        a.says("socket: unknown session : 0")
        b.eval('cluster.register("third", tonumber(...))', handle)
        assert a.one('return cluster.query("b", "third")') == handle
        sender = a.one('return cluster.get_sender "b"')
        assert a.one('return skynet.call("clusterd" and skynet.uniqueservice "clusterd", "lua", '
                     '"senders").b') == sender
        assert sender == \
            a.one('return skynet.call(skynet.uniqueservice "clusterd", "lua", "sender", "b")')
        b.says("socket accept from 127.0.0.1:")
        assert b.log_text().count("socket accept from") == 1


def reasons(build):
    """the caller learns why: the callee's error, no such service, too long a name, a bad address"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        why = a.fails('cluster.call("b", ".probe", "raise", "no more gold")')
        assert why.startswith("call failed: ") and "no more gold" in why \
            and why.count("call failed") == 1, why
        assert a.fails('cluster.call("b", 0xfffff, "x")') \
            == "call failed: call to invalid address :000fffff"
        assert a.fails('cluster.call("b", ".nobody", "x")') \
            == "call failed: call to invalid address .nobody"
        assert "name is too long" in a.fails('cluster.call("b", ("n"):rep(256), "x")')
        assert len(a.fails('cluster.call("b", ("n"):rep(1 << 20), "x")')) < 2000
        assert "name is empty (1 to 255 bytes are allowed)" in a.fails('cluster.call("b", "", "x")')
        assert "must be a string or number" in a.fails('cluster.call("b", nil, "x")')
        assert a.eval('return cluster.call("b", ".probe", "echo", "still fine")') == ["still fine"]
        assert "is in use" in b.fails('cluster.register("n", 1) cluster.register("n", 2)')
        why = a.fails('cluster.call("b", ".probe", function() end)').lower()
        assert any(word in why for word in ("unserialize", "can't serialize", "type")), why


def large(build):
    """requests and answers of 32 KiB around the limit of one frame, and of 20 MiB, many at once,
    among small ones"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        largest = 2 << 20 if "thread" in build else 20 << 20  # TSan's time
        for n in (32700, 32758, 32759, 32760, 32768, 32769, 65536, 100000, largest):
            assert a.one('return cluster.call("b", ".probe", "size", ("x"):rep(tonumber(...)))',
                         n) == n
            assert a.one('return #cluster.call("b", ".probe", "big", tonumber(...))', n) == n
            assert a.one('local s = ("xyz"):rep(tonumber(...) // 3) return s == cluster.call("b", '
                         '".probe", "echo", s)', n)
        a.eval('cluster.send("b", ".probe", "keep", ("k"):rep(50000))')
        eventually("a large send", lambda: b.one("return #(kept[1] or '')") == 50000)
        if "thread" in build:
            return  # minutes of TSan's time
        good = a.one("""local left, good, me = 60, 0, coroutine.running()
            for i = 1, 60 do
                skynet.fork(function()
                    local n = i % 3 == 0 and 100 or i * 40000
                    local s = (string.char(65 + i % 26)):rep(n)
                    if cluster.call("b", ".probe", "echo", s) == s then good = good + 1 end
                    left = left - 1
                    if left == 0 then skynet.wakeup(me) end
                end)
            end
            skynet.wait(me)
            return good""", limit=60)
        assert good == 60, good


def in_order(build):
    """what one caller sends arrives in order, from the very first, when nobody is connected yet"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        answer = a.one("""for i = 1, 10 do cluster.send("b", ".probe", "keep", i) end
            skynet.fork(function() cluster.call("b", ".probe", "keep", 11) end)
            skynet.yield()
            for i = 12, 20 do cluster.send("b", ".probe", "keep", i) end
            return cluster.call("b", ".probe", "kept")""")
        assert answer == ",".join(map(str, range(1, 21))), answer
        # names that must be looked up hold back what comes behind them
        b.eval('cluster.register "p"')
        b.eval("for i = 1, #kept do kept[i] = nil end")
        answer = a.one("""cluster.send("b", "@p", "keep", 1)
            cluster.send("b", ".probe", "keep", 2)
            cluster.send("b", "@p", "keep", 3)
            return cluster.call("b", ".probe", "kept")""")
        assert answer == "1,2,3", answer


def proxies(build):
    """proxy: calls and sends through a local handle, in all its forms"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        b.eval('cluster.register "p"')
        handle = b.one("return skynet.self()")
        a.eval('kept.p = cluster.proxy("b", "@p")')
        assert a.eval('return skynet.call(kept.p, "lua", "echo", 1, "x")') == [1, "x"]
        a.eval('skynet.send(kept.p, "lua", "keep", "sent")')
        eventually("the send", lambda: b.call(".probe", "kept") == ["sent"])
        for i, form in enumerate(('"b@p"', '"b.probe"', '"b", ".probe"', f'"b", {handle}')):
            call = f'return skynet.call(cluster.proxy({form}), "lua", "echo", {i})'
            assert a.eval(call) == [i], form
        assert a.one('return cluster.proxy("b@p") == kept.p')
        why = a.fails('skynet.call(kept.p, "lua", "raise", "from afar")')
        assert why.startswith("call failed: ") and "from afar" in why \
            and why.count("call failed") == 1, why
        assert a.one('return #skynet.call(kept.p, "lua", "echo", ("l"):rep(200000))') == 200000
        assert "Invalid name" in a.fails('cluster.proxy "nonsense"')


def snax_objects(build):
    """cluster.snax: the unique snax service of the other node, or any by its handle"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        for n in (a, b):
            n.eval('skynet.setenv("snax", ...)', HERE + "/?_snax.lua")
        b.eval('snax = require "skynet.snax"; kept.s = snax.uniqueservice("thing", 4)')
        a.eval('kept.s = cluster.snax("b", "thing")')
        assert a.eval('kept.s.post.add(3) return kept.s.req.get("x")') == [7, "x"]
        assert "on purpose" in a.fails('kept.s.req.fail()')
        assert "thing:nosuch no exist" in a.fails('kept.s.req.nosuch()')
        other = b.one('return snax.newservice("thing", 100).handle')
        assert a.eval(f'return cluster.snax("b", "thing", {other}).req.get()') == [100]


def a_node_is_killed(build):
    """kill -9: pending calls fail at once, later ones fail with the reason, and work again when it
    is back; sends are lost"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        assert a.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        a.eval('skynet.fork(function() kept.ok, kept.why = pcall(cluster.call, "b", ".probe", '
               '"hang") end)')
        eventually("the call is there",
                   lambda: b.one("local n = 0 for _ in pairs(kept) do n = n + 1 end return "
                                 "skynet.task() > 0"))
        b.kill()
        eventually("the pending call fails", lambda: a.one("return kept.why ~= nil"))
        why = a.one("return kept.why")
        assert f"call failed: cluster node [b] 127.0.0.1:{b.port}: the connection was lost" \
            in why, why
        began = time.monotonic()
        why = a.fails('cluster.call("b", ".probe", "echo", 2)')
        assert why.startswith("call failed: ") and "Connection refused" in why, why
        assert time.monotonic() - began < 5
        a.eval('cluster.send("b", ".probe", "keep", "lost")')
        b.start().ready()
        b.eval("cluster.open(...)", "b")
        assert a.one('return cluster.call("b", ".probe", "echo", 3)') == 3
        assert b.call(".probe", "kept") == [""]


def a_sender_is_killed(build):
    """the service that carries requests to a node is killed: another takes its place, for calls,
    sends and proxies"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        a.eval('kept.p = cluster.proxy("b", ".probe")')
        assert a.one('return skynet.call(kept.p, "lua", "echo", 1)') == 1
        for call in ('cluster.call("b", ".probe", "echo", 2)',
                     'skynet.call(kept.p, "lua", "echo", 2)',
                     'cluster.calltimeout(500, "b", ".probe", "echo", 2)'):
            a.eval('skynet.kill(cluster.get_sender "b")')
            if "timeout" in call:  # its time is not for a second try
                assert "call to invalid address" in a.fails(call)
            assert a.one(f"return {call}") == 2
        a.eval('skynet.kill(cluster.get_sender "b"); cluster.send("b", ".probe", "keep", "sent")')
        eventually("the send arrives", lambda: b.call(".probe", "kept") == ["sent"])


def a_proxy_is_killed(build):
    """a proxy is killed: who asks for it again gets another, which reaches the service"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        a.eval('kept.p = cluster.proxy("b", ".probe")')
        for i in range(3):
            a.eval("skynet.kill(kept.p)")
            eventually("another", lambda: a.one('local p = cluster.proxy("b", ".probe") '
                                                "return p ~= kept.p and p"))
            a.eval('kept.p = cluster.proxy("b", ".probe")')
            assert a.one(f'return skynet.call(kept.p, "lua", "echo", {i})') == i
            assert a.one('return cluster.proxy("b", ".probe") == kept.p')


def down_and_moved(build):
    """reload: a node becomes false, comes back elsewhere, the file is read again; names that are
    absent there stay"""
    with Cluster(build, HERE) as c:
        a, b, d = nodes(c, "a", "b", "d")
        assert a.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        a.eval("cluster.reload { b = false }")
        a.says(f"Close cluster sender 127.0.0.1:{b.port}")
        eventually("b is down",
                   lambda: "cluster node [b] is down" in a.fails('cluster.call("b", ".probe", '
                                                            '"echo", 1)'))
        assert a.one('return cluster.call("d", ".probe", "echo", 2)') == 2
        a.eval("cluster.reload { e = false }")
        why = a.fails('cluster.call("e", ".probe", "echo", 1)')
        assert why.startswith("dest address type (nil) must be a string or number.") \
            and "[e] is down" in why, why
        a.eval('cluster.send("e", ".probe", "keep", "dropped")')
        # b's name for d's address
        d.eval('cluster.register "d"')
        a.eval("cluster.reload { b = ... }", f"127.0.0.1:{d.port}")
        eventually("b is at d", lambda: a.one('return cluster.query("b", "d")'))
        a.table(f'b = "127.0.0.1:{b.port}"\nf = "127.0.0.1:{d.port}"')
        a.eval("cluster.reload()")
        eventually("b is b again",
                   lambda: "name not found" in a.fails('return cluster.query("b", "d")'))
        assert a.one('return cluster.call("f", ".probe", "echo", 3)') == 3
        assert a.one('return cluster.call("d", ".probe", "echo", 4)') == 4
        for bad in ('{ g = "nonsense" }', "{ g = 1 }", '{ [1] = "127.0.0.1:1" }'):
            assert "call failed: " in a.fails(f"cluster.reload {bad}")
        a.table("b = = 1")
        assert "call failed: " in a.fails("cluster.reload()")
        assert a.one('return cluster.call("b", ".probe", "echo", 5)') == 5


def waiting(build):
    """an unknown node is waited for until a reload defines it, in order; with __nowaiting it is
    absent at once"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        a.eval("""for i = 1, 3 do cluster.send("later", ".probe", "keep", i) end
            skynet.fork(function() kept.answer = cluster.call("later", ".probe", "keep", 4)
                or "done" end)""")
        a.says("Waiting for cluster node [later]")
        assert "timeout" in a.fails('cluster.calltimeout(20, "later", ".probe", "echo", 1)')
        assert a.one("return kept.answer") is None
        a.eval("cluster.reload { later = ... }", f"127.0.0.1:{b.port}")
        a.says(f"Cluster node [later] resloved : 127.0.0.1:{b.port}")
        eventually("the call is answered", lambda: a.one("return kept.answer") == "done")
        assert b.call(".probe", "kept") == ["1,2,3,4"]
        a.eval("""skynet.fork(function()
            kept.never = select(2, pcall(cluster.call, "never", ".probe", "x")) end)""")
        a.says("Waiting for cluster node [never]")
        a.eval("cluster.reload { __nowaiting = true }")
        a.says("Config nowaiting = true")
        a.says("cluster node [never] is absent.")
        eventually("the waiting call fails", lambda: "absent" in a.one("return kept.never"))
        why = a.fails('cluster.call("nobody", ".probe", "x")')
        assert why.startswith("dest address type (nil) must be a string or number."), why
        a.says("cluster node [nobody] is absent.")
        a.eval('cluster.send("nobody", ".probe", "x")')


def refused_then_there(build):
    """a node that refuses: the call raises, the send is dropped; the next call tries again"""
    with Cluster(build, HERE) as c:
        a, = nodes(c, "a")
        b = Peer(c, "b")
        b.table(f'b = "127.0.0.1:{b.port}"')
        a.eval("cluster.reload { b = ... }", f"127.0.0.1:{b.port}")
        a.eval('cluster.send("b", ".probe", "keep", "dropped")')
        why = a.fails('cluster.call("b", ".probe", "echo", 1)')
        assert why.startswith("dest address type (nil) must be a string or number.") \
            and "Connection refused" in why, why
        b.start().ready()
        b.eval("cluster.open(...)", "b")
        assert a.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        assert b.call(".probe", "kept") == [""]


def opening(build):
    """open: by port, 0 for any, by name; unknown names, down names and taken ports raise;
    maxclient"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        ip, port = b.eval("return cluster.open(0)")
        assert ip == "0.0.0.0" and port > 0
        a.eval("cluster.reload { again = ... }", f"127.0.0.1:{port}")
        assert a.one('return cluster.call("again", ".probe", "echo", 1)') == 1
        assert "has no address" in b.fails('cluster.open "unknown"')
        assert "Listen error" in b.fails("cluster.open(tonumber(...))", port)
        ip, port = b.eval("return cluster.open(0, 1)")
        a.eval("cluster.reload { one = ..., two = ... }", f"127.0.0.1:{port}")
        assert a.one('return cluster.call("one", ".probe", "echo", 1)') == 1
        assert "call failed" in a.fails('cluster.call("two", ".probe", "echo", 1)')
        assert a.one('return cluster.call("one", ".probe", "echo", 2)') == 2
        # an agent ends with its connection
        before = b.one("""local n = 0
            for _, text in pairs(skynet.call(".launcher", "lua", "LIST")) do
            if text:find "clusteragent" then n = n + 1 end end return n""")
        assert before == 2, before
        a.kill()
        eventually("no agents",
                   lambda: b.one("""local n = 0
            for _, text in pairs(skynet.call(".launcher", "lua", "LIST")) do
            if text:find "clusteragent" then n = n + 1 end end return n == 0"""))


def deadlines(build):
    """calltimeout raises after its time; a late answer hurts nobody; an answer in time is an
    answer"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b")
        assert a.eval('return cluster.calltimeout(500, "b", ".probe", "slow", 1, "x")') == ["x"]
        began = time.monotonic()
        assert a.fails('cluster.calltimeout(20, "b", ".probe", "slow", 60, "late")') \
            == "call failed: timeout"
        assert time.monotonic() - began < 5
        assert a.one('return cluster.call("b", ".probe", "slow", 80, "after")') == "after"
        assert "unknown session" not in a.log_text()
        assert a.fails('cluster.calltimeout(20, "b", ".probe", "slow", 60, ("late"):rep(50000))') \
            == "call failed: timeout"
        assert a.one('return cluster.call("b", ".probe", "slow", 80, "after")') == "after"
        assert "unknown session" not in a.log_text()


def a_frozen_node(build):
    """with __heartbeat a node that stops answering is given up and its calls fail; without traffic
    a live one is not"""
    with Cluster(build, HERE) as c:
        a, b = nodes(c, "a", "b", options="__heartbeat = 0.3\n")
        assert a.one('return cluster.call("b", ".probe", "slow", 150, "long")') == "long"
        a.eval('skynet.fork(function() kept.ok, kept.why = pcall(cluster.call, "b", ".probe", '
               '"hang") end)')
        assert a.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        assert a.one("return kept.why == nil")
        b.signal(signal.SIGSTOP)
        try:
            eventually("the call fails", lambda: a.one("return kept.why ~= nil"))
            a.says("no heartbeat for")
        finally:
            b.signal(signal.SIGCONT)
        assert a.one('return cluster.call("b", ".probe", "echo", 2)') == 2


def a_frozen_node_by_default(build):
    """without a word in the configuration a call to a frozen node ends after twenty seconds of
    silence, and one to a live node does not; with __heartbeat = false it waits"""
    with Cluster(build, HERE) as c:
        a, b, d = nodes(c, "a", "b", "d", options="", testing=True)
        d.eval("cluster.reload { __heartbeat = false }")
        for n in a, d:
            assert n.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        hang = ('skynet.fork(function() local ok, why = pcall(cluster.call, "b", ".probe", "hang") '
                'kept.why = ok and "answered" or why end)')
        a.eval(hang)
        ask = 'return skynet.call(cluster.get_sender "b", "debug", "STAT").message'
        for _ in range(4): # asked once in ten seconds, and it answers
            before = a.one(ask)
            a.ctl("clock", "+10s")
            # the timer, the answer; and the last look itself is a message
            eventually("it was asked and has answered", lambda: a.one(ask) > before + 3)
        assert a.one("return kept.why == nil") and "no heartbeat" not in a.log_text()
        b.signal(signal.SIGSTOP)
        try:
            d.eval(hang)
            seconds = 0
            while a.one("return kept.why == nil"):
                seconds += 1
                assert seconds < 120
                for n in a, d:
                    n.ctl("clock", "+1s")
            why = a.one("return kept.why")
            assert why.endswith("call failed: heartbeat timeout"), why
            assert seconds >= 10, seconds
            a.says("no heartbeat for 20 s")
            d.ctl("clock", "+1h")
            assert d.one("return kept.why == nil")
        finally:
            b.signal(signal.SIGCONT)
        assert d.one('return cluster.call("b", ".probe", "echo", 3)') == 3
        assert a.one('return cluster.call("b", ".probe", "echo", 2)') == 2


def a_slow_reader(build):
    """a node that reads slowly what it is asked is not given up while it reads on; one that does
    not is"""
    with Cluster(build, HERE) as c:
        a, = nodes(c, "a", options="", testing=True)

        def queued():
            return max(x["queued_bytes"] for x in a.ctl("sockets")["sockets"])

        for reads in True, False:
            far = wire.Listener()
            a.eval("cluster.reload { far = ... }", f"127.0.0.1:{far.port}")
            wire.start(a, 'return cluster.call("far", 7, ("x"):rep(32 << 20))')
            w = far.accept()
            eventually("the kernel takes no more", lambda: queued() > 16 << 20)
            for _ in range(5):
                before = queued()
                if reads:
                    w.exactly(2 << 20)
                    eventually("more has gone out", lambda: queued() < before)
                a.ctl("clock", "+10s")
            if reads:
                assert a.one("return kept.done == nil")
                while queued():
                    w.socket.recv(1 << 20)
                w.send(wire.u32(1) + b"\x01" + wire.number(5))
                assert wire.finish(a) == 5
            else:
                assert wire.finish(a, "why").endswith("call failed: heartbeat timeout")
            w.close()


def reconnecting(build):
    """with __reconnect a lost connection comes back by itself; without, nobody tries until somebody
    calls"""
    with Cluster(build, HERE) as c:
        a, d = nodes(c, "a", "d", options="")
        a.eval("cluster.reload { __reconnect = true }")
        b, = nodes(c, "b")
        for n in (a, d):
            n.eval("cluster.reload { b = ... }", f"127.0.0.1:{b.port}")
            assert n.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        b.kill()
        b.start().ready()
        b.eval("cluster.open(...)", "b")
        b.says("socket accept from", times=3)
        time.sleep(0.3)  # that nobody comes can only be waited for
        assert b.log_text().count("socket accept from") == 3
        assert d.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        b.says("socket accept from", times=4)


def traces(build):
    """a trace tag crosses, rewritten once, over two hops; the lines name node and session"""
    with Cluster(build, HERE) as c:
        a, b, d = nodes(c, "a", "b", "d")
        tag, far = a.eval('skynet.trace() return skynet.tracetag(), cluster.call("b", ".probe", '
                          '"trace")')
        assert far.startswith("(") and far.endswith(")" + tag) and far.count("-b-") == 1, (tag, far)
        a.says(f"<TRACE {tag}>")
        assert f"cluster b" in a.log_text() and f"session {far}" in a.log_text()
        b.says(f"<TRACE {far}>")
        second = a.one("""skynet.trace()
            return cluster.call("b", ".probe", "eval",
                'return cluster.call("d", ".probe", "trace")')""")
        assert second.count("(") == 1 and second.count("-b-") == 1 and "-d-" not in second, second
        assert a.one('return cluster.call("b", ".probe", "trace")') is None


def three_nodes_under_load(build):
    """three nodes call each other at once while one is killed and started again; all that is
    answered is right"""
    with Cluster(build, HERE) as c:
        a, b, d = nodes(c, "a", "b", "d")
        load = """local to = { ... }
            kept.good, kept.bad, kept.failed, kept.stop = 0, 0, 0, false
            for t = 1, 8 do
                skynet.fork(function()
                    local i = 0
                    while not kept.stop do
                        i = i + 1
                        local text = ("%d-%d-"):format(t, i)
                            .. ("x"):rep(i % 5 == 0 and 70000 or 20)
                        local ok, got = pcall(cluster.call, to[i % #to + 1], ".probe", "echo", text)
                        if not ok then kept.failed = kept.failed + 1 skynet.sleep(1)
                        elseif got == text then kept.good = kept.good + 1
                        else kept.bad = kept.bad + 1 end
                    end
                end)
            end"""
        a.eval(load, "b", "d")
        b.eval(load, "a", "d")
        for n in (a, b):
            eventually("calls go", lambda: n.one("return kept.good") > 200)
        d.kill()
        for n in (a, b):
            eventually("some fail", lambda: n.one("return kept.failed") > 0)
        d.start().ready()
        d.eval("cluster.open(...)", "d")
        for n in (a, b):
            failed = n.one("return kept.failed")
            eventually("d answers again",
                       lambda: n.one('return (pcall(cluster.call, "d", ".probe", "echo"))'))
            good = n.one("return kept.good")
            eventually("calls go", lambda: n.one("return kept.good") > good + 200)
            n.eval("kept.stop = true")
            assert n.one("return kept.bad") == 0 and n.one("return kept.failed") >= failed


def a_shared_key(build):
    """with __key nodes that know it talk; a stranger, another key and a node without one are
    refused, and told why"""
    with Cluster(build, HERE) as c:
        a, b, other, without = (Peer(c, n) for n in ("a", "b", "other", "without"))
        for p, key in ((a, '__key = "secret"'), (b, '__key = "secret"'),
                       (other, '__key = "guessed"'), (without, "")):
            p.table(key + "\n" + "".join(f'{q.name} = "127.0.0.1:{q.port}"\n'
                                         for q in (a, b, other, without)))
            p.start()
        for p in (a, b, other, without):
            p.ready()
            assert p.eval("return cluster.open(...)", p.name) == ["127.0.0.1", p.port]
        assert a.one('return cluster.call("b", ".probe", "echo", "with a key")') == "with a key"
        assert b.one('return #cluster.call("a", ".probe", "big", 300000)') == 300000
        assert "does not take our cluster key" in a.fails('cluster.call("without", ".probe", '
                                                          '"echo")')
        assert "another cluster key" in a.fails('cluster.call("other", ".probe", "echo")')
        for stranger in (without, other):
            stranger.fails('cluster.call("a", ".probe", "keep", "not this")')
            stranger.eval('pcall(cluster.send, "a", ".probe", "keep", "nor that")')
        a.says("clusteragent: a cluster key is needed, fd = ")
        assert a.one("return #kept") == 0
        assert "secret" not in a.log_text() + b.log_text() + other.log_text()
        w = wire.connect(a.port)
        w.send(b"\x80\x06.probe" + wire.u32(1) + wire.text("echo"))
        w.expect(wire.u32(1) + b"\x00a cluster key is needed")
        w.closed()
        address = b"\x80\x0c.cluster key"
        for proof in (wire.text("proof") + wire.text("x" * 32),
                      wire.text("hello") + wire.text("short"), b"\xff\xff", b""):
            w = wire.connect(a.port)
            w.send(address + wire.u32(1) + proof)
            w.expect(wire.u32(1) + b"\x00wrong cluster key")
            w.closed()
        w = wire.connect(a.port)
        w.send(address + wire.u32(1) + wire.text("hello") + wire.text("n" * 32))
        assert w.frame()[:5] == wire.u32(1) + b"\x01"
        w.send(address + wire.u32(2) + wire.text("proof") + wire.text("p" * 32))
        w.expect(wire.u32(2) + b"\x00wrong cluster key")
        w.closed()
        # a key that changes is for the connections that come
        a.eval('cluster.reload { __key = "next" }')
        assert a.one('return cluster.call("b", ".probe", "echo", 1)') == 1
        other.eval('cluster.reload { __key = "next" }')
        assert other.one('return cluster.call("a", ".probe", "echo", "now")') == "now"
        a.eval('cluster.reload { __key = false }')
        assert without.one('return cluster.call("a", ".probe", "echo", "open")') == "open"
        assert "__key: a string or false is wanted" in a.fails('cluster.reload { __key = 5 }')


def on_the_wire(name, what):
    """A test of wire.py with a node of its own."""
    def test(build):
        with Cluster(build, HERE) as c:
            what(c, *nodes(c, "a"))
    test.__doc__ = name
    return test


main([calls_sends_names, reasons, large, in_order, proxies, snax_objects, a_node_is_killed,
      a_sender_is_killed, a_proxy_is_killed, down_and_moved, waiting, refused_then_there,
      opening, deadlines, a_frozen_node, a_frozen_node_by_default, a_slow_reader,
      reconnecting, a_shared_key,
      traces, three_nodes_under_load,
      on_the_wire("wire: requests in one frame, by handle and name; queries; error texts",
                  wire.serves_single_frames),
      on_the_wire("wire: pushes in one frame", wire.serves_pushes),
      on_the_wire("wire: requests, pushes and answers in parts", wire.serves_parts),
      on_the_wire("wire: what is wrong is answered once or ends the connection, and costs little",
                  wire.refuses),
      on_the_wire("wire: a trace tag comes with a request", wire.serves_traces),
      on_the_wire("wire: what a node sends and what it takes for an answer", wire.asks),
      on_the_wire("wire: a trace tag goes with a request", wire.asks_with_a_tag)])
