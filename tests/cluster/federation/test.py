#!/usr/bin/python3
"""Harbor clusters that call each other through gateways: any service of one calls any service of
another by the cluster library, with nothing configured on game nodes; gateways and clusters that
die, names that move, large messages, a cluster that is slow, strangers."""
import json, os, signal, socket, subprocess, sys, threading, time
from harness import eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, HERE + "/../skynet_cluster")
from clusters import Federation, ev, fails, new_key, one
import wire

CALL = 'return cluster.call("east", "@probe", "node")'


def clusters(node):
    """The rows of harborctl clusters: also while a node that was killed gives no answer."""
    p = subprocess.run([node.cluster.build + "/harborctl", "--socket", node.socket, "--json",
                        "clusters"], capture_output=True, text=True, timeout=10)
    assert p.returncode in (0, 3), p
    return json.loads(p.stdout)["clusters"]


def outcome(node, key):
    """What the storm of calls that is kept under this key has come to: answered, failed, why."""
    return ev(node, "return table.unpack(kept[...] or {})", key)


def everybody_calls_everybody(build):
    """call, send, query, proxy, snax by any node to any cluster; names of the registry and of
    cluster.register"""
    with Federation(build, {"west": 1, "east": 1, "south": 1}) as f:
        f.ready().formed()
        for town in f.towns:
            ev(f[f"{town}-n1"], 'cluster.register "probe" harbor.register "GLOBAL"')
        for town in f.towns:
            for who in f.towns[town].nodes:
                for there in f.towns:
                    found = eventually(f"{who.name} calls {there}", lambda: one(who,
                            'return cluster.call(..., "@probe", "node")', there), 5)
                    assert found == f"{there}-n1", found
                    for form in ("GLOBAL", ".probe"):
                        assert one(who, 'local c, n = ... return cluster.call(c, n, "node")',
                                   there, form) == f"{there}-n1"
        n = f["west-n1"]
        handle = one(n, 'return cluster.query("east", "probe")')
        assert one(n, 'return cluster.call("east", tonumber(...), "node")', handle) == "east-n1"
        ev(n, 'for i = 1, 5 do cluster.send("east", "@probe", "keep", i) end')
        eventually("sends", lambda: f["east-n1"].call(".probe", "kept") == ["1,2,3,4,5"])
        assert one(n, 'return skynet.call(cluster.proxy("east@probe"), "lua", "echo", "p")') == "p"
        assert one(n, 'return skynet.call(cluster.proxy("east", "@probe"), "lua", "node")') \
            == "east-n1"
        # the snax service that is one in its cluster, whichever node has it
        there = f["east-n1"]
        for who in (n, *f.towns["east"].nodes):
            ev(who, 'skynet.setenv("snax", ...) snax = require "skynet.snax"',
               HERE + "/../skynet_cluster/?_snax.lua")
        ev(there, 'kept.s = snax.globalservice("thing", 4)')
        ev(n, 'kept.s = cluster.snax("east", "thing")')
        assert one(n, "return kept.s.req.get()") == one(there, "return kept.s.req.get()") == 4
        ev(n, "kept.s.post.add(3)")
        eventually("the post", lambda: one(there, "return kept.s.req.get()") == 7)
        other = one(there, 'return snax.newservice("thing", 100).handle')
        assert one(n, f'return cluster.snax("east", "thing", {other}).req.get()') == 100


def reasons(build):
    """what fails says why, and which cluster: no such cluster, no such service, an error there; a
    configuration of the program's own wins; calls that have a deadline"""
    with Federation(build, {"west": 1, "east": 1}) as f:
        f.ready().formed()
        n, there = f["west-n1"], f["east-n1"]
        ev(there, 'cluster.register "probe"')
        eventually("the first call", lambda: one(n, CALL))
        assert "no gateway of cluster west knows a cluster of that name" \
            in fails(n, 'cluster.call("atlantis", "@probe")')
        assert fails(n, 'cluster.call("east", "@nobody", "x")') \
            == "call failed: cluster east has no service @nobody"
        assert fails(n, 'cluster.query("east", "nobody")') == "call failed: name not found"
        assert fails(n, 'cluster.query("west", "nobody")') == "call failed: name not found"
        assert "has no service .launcher" in fails(n, 'cluster.call("east", ".launcher", "LIST")')
        assert "has no service .launcher" in fails(n, 'cluster.call("west", ".launcher", "LIST")')
        why = fails(n, 'cluster.call("east", "@probe", "raise", "sold out")')
        assert why == "call failed: error in callee: sold out", why
        why = fails(n, 'cluster.call("east", 0x14abcdef, "x")')
        assert why == "call failed: no such service", why
        why = fails(n, 'cluster.call("east", 0x63000009, "x")')
        assert why == "call failed: no such node", why
        assert "name is too long" in fails(n, 'cluster.call("east", ("n"):rep(256), "x")')
        assert fails(n, 'cluster.calltimeout(20, "east", "@probe", "slow", 60)') \
            == "call failed: timeout"
        assert one(n, 'return cluster.calltimeout(500, "east", "@probe", "echo", 1)') == 1
        ev(n, 'cluster.send("east", "@nobody", "x") cluster.send("atlantis", "@x", "x")')
        assert one(n, 'return cluster.call("east", "@probe", "echo", 2)') == 2
        rows = clusters(f["east-m"])
        row = next(r for r in rows if r["way"] == "from" and r["cluster"] == "west")
        assert row["refused"] >= 3 and row["there"] == "west-g1", row
        # what the program says itself comes first, for services that already call, too
        for who in (n, f["west-m"]):
            ev(who, 'cluster.reload { east = "127.0.0.1:1" }')
            eventually("the program's own address", lambda: "127.0.0.1:1" in fails(who,
                       'cluster.call("east", "@probe", "echo", 1)'))
            ev(who, "cluster.reload { east = false }")
            eventually("declared down", lambda: "[east] is down" in fails(who,
                       'cluster.call("east", "@probe", "echo", 1)'))
        # and then an unknown name is waited for, as without a federation
        assert fails(n, 'cluster.calltimeout(30, "atlantis", "@probe")') == "call failed: timeout"


def a_trace_goes_on(build):
    """a trace tag crosses the gateways with its request, small or large, rewritten once; a request
    beside it has none; to the cluster itself it goes as it is"""
    with Federation(build, {"west": 1, "east": 1}) as f:
        f.ready().formed()
        n = f["west-n1"]
        for town in "west", "east":
            ev(f[f"{town}-n1"], 'cluster.register "probe"')
            eventually(town, lambda: one(n, 'return cluster.call(..., "@probe", "node")', town))
        for size in 1, 100000:
            tag, far = ev(n, 'skynet.trace() return skynet.tracetag(), cluster.call("east", '
                          '"@probe", "trace", ("x"):rep(tonumber(...)))', size)
            assert far and far.startswith("(") and far.endswith(")" + tag) \
                and far.count("-east-") == 1, (tag, far)
            eventually("the far side logs it", lambda: f["east-n1"].logged(f"<TRACE {far}>"))
            eventually("and the gateway where it becomes that",
                       lambda: f["west-g1"].logged(f"session {far}"))
            assert one(n, 'return cluster.call("east", "@probe", "trace", 1)') is None
        tag, here = ev(n, 'skynet.trace() return skynet.tracetag(), cluster.call("west", "@probe", '
                          '"trace")')
        assert here == tag, (tag, here)


def a_gateway_is_killed(build):
    """kill -9 of a gateway: calls under way fail at once, each with one outcome; the next ones go
    by the other gateway. On the far side, too. With the last one they fail, until one is back"""
    with Federation(build, {"west": 2, "east": 2}) as f:
        f.ready().formed()
        n, there = f["west-n1"], f["east-n1"]
        ev(there, 'cluster.register "probe"')
        eventually("the first call", lambda: one(n, CALL))
        # which gateway this node uses: the one whose link has calls
        def used():
            rows = [r for r in clusters(n) if r.get("way") == "to"]
            return next((r for r in rows if r["calls_waiting"] >= 20), None)
        ev(n, 'skynet.fork(function() kept.storm = table.pack(command.storm(20, "east", "@probe", '
              '"hang")) end)')
        row = eventually("20 calls are under way", used)
        victim = f[row["gateway"]]
        began = time.monotonic()
        victim.kill()
        good, bad, why = eventually("all have failed", lambda: outcome(n, "storm"))
        assert (good, bad) == (0, 20) and ("link lost" in why or "node is down" in why), why
        assert time.monotonic() - began < 3
        eventually("by the other gateway", lambda: one(n, CALL) == "east-n1")
        # now that of the other cluster, to which this one is connected
        row = next(r for r in clusters(n) if r.get("way") == "to"
                   and r["state"] == "up")
        ev(n, 'skynet.fork(function() kept.again = table.pack(command.storm(20, "east", "@probe", '
              '"hang")) end)')
        eventually("20 calls are under way", used)
        f[row["there"]].kill()
        good, bad, why = eventually("all have failed", lambda: outcome(n, "again"))
        assert (good, bad) == (0, 20) and row["there"] in why, why
        eventually("by the far cluster's other gateway", lambda: one(n, CALL) == "east-n1")
        last = f[row["gateway"]]
        last.kill()
        eventually("no gateway", lambda: fails(n, CALL) is not None)
        eventually("no gateway is left", lambda: "no gateway of this cluster is there"
                   in fails(n, CALL), 10)
        last.start().ready()
        eventually("it is back", lambda: one(n, CALL) == "east-n1")


def a_gateway_comes_back(build):
    """the nodes that have lost their gateway use it again when it is back: who begins then does so
    at once, who paused soon after, and who sends all the time does not before it pauses, so that
    no pair loses its order"""
    with Federation(build, {"west": 2, "east": 1}) as f:
        f.ready().formed()
        n, there = f["west-n1"], f["east-n1"]
        ev(there, 'cluster.register "probe"')
        eventually("the first call", lambda: one(n, CALL))
        def calls():
            return {r["gateway"]: r["calls"] for r in clusters(n)
                    if r.get("way") == "to"}
        def more(before):
            """The gateway that has had a call since."""
            return next((g for g, count in calls().items() if count > before.get(g, 0)), None)
        def by(text):
            before = calls()
            assert one(n, text) == "east-n1"
            return more(before)
        first = by(CALL)
        f[first].kill()
        other = eventually("by the other gateway", lambda: by(CALL))
        assert other != first
        ev(n, 'skynet.fork(command.count, "east", "@probe")')
        eventually("numbers come", lambda: one(there, "return #kept") > 20)
        f[first].start().ready()
        fresh = ('return skynet.call(skynet.newservice "caller", "lua", "east", "@probe", '
                 '"node")')
        eventually("who begins goes by the first one", lambda: by(fresh) == first, 15)
        assert by(CALL) == other
        ev(n, "kept.enough = true")
        before = calls()
        ev(n, f"skynet.timeout(1300, function() {CALL} end)") # after two turns of the relay
        assert eventually("a call after the pause", lambda: more(before), 30) == first
        sent = one(n, "return kept.numbers")
        eventually("all are there", lambda: one(there, "return #kept") == sent)
        assert there.call(".probe", "kept")[0].split(",") == [str(i + 1) for i in range(sent)]


def an_owner_is_drained(build):
    """the node of a service that another cluster calls is drained and stopped: the calls go on, in
    order, none fails, by its name and by the handle that a query returned"""
    with Federation(build, {"west": 1, "east": 1}, plain=2) as f:
        f.ready().formed()
        n, there = f["west-n1"], f["east-n1"]
        ev(there, 'kept.shop = skynet.newservice "shop" cluster.register("shop", kept.shop)')
        eventually("the first call", lambda: one(n, 'return cluster.call("east", "@shop")'))
        ev(n, """local way = cluster.query("east", "shop")
            function command.buy()
                local last, node = cluster.call("east", way)
                while not kept.enough do
                    for _, to in ipairs { "@shop", way } do
                        local ok, sold, at = pcall(cluster.call, "east", to)
                        if not ok or sold ~= last + 1 then
                            kept.outcome = ("%s: %s after %d"):format(to, sold, last)
                            return
                        end
                        last, node = sold, at
                        kept.node, kept.last = node, last
                    end
                end
                kept.outcome = node
            end
            skynet.fork(command.buy)""")
        eventually("it buys", lambda: (one(n, "return kept.last") or 0) > 20)
        there.ctl("drain", "east-n1")
        eventually("drained", lambda: there.ctl("drain", "east-n1", "--status")["state"]
                   == "drained")
        moved = eventually("it buys elsewhere", lambda: (lambda node: node != "east-n1" and node)(
            one(n, "return kept.node")))
        there.ctl("stop")
        there.process.wait()
        before = one(n, "return kept.last")
        eventually("it goes on", lambda: one(n, "return kept.last") > before + 20)
        ev(n, "kept.enough = true")
        assert eventually("the end", lambda: one(n, "return kept.outcome")) == moved


def a_gateway_is_drained(build):
    """harborctl drain on a gateway: its node's name is gone from the registry, calls under way are
    answered, those that follow go by the other gateway, and none fails; --undo: it is one again"""
    with Federation(build, {"west": 2, "east": 1}) as f:
        f.ready().formed()
        n = f["west-n1"]
        ev(f["east-n1"], 'cluster.register "probe"')
        eventually("the first call", lambda: one(n, CALL))
        ev(n, 'skynet.fork(function() kept.storm = table.pack(command.storm(20, "east", "@probe", '
              '"slow", 150)) end)')
        row = eventually("calls are under way", lambda: next(
            r for r in clusters(n)
            if r["way"] == "to" and r["calls_waiting"] >= 20))
        f["west-m"].ctl("drain", row["gateway"])
        eventually("it is not found any more", lambda: all(
            r["gateway"] != row["gateway"] for r in clusters(n)))
        assert one(n, 'return (command.storm(200, "east", "@probe", "echo", 1))') == 200
        good, bad, *why = eventually("all are answered", lambda: outcome(n, "storm"))
        assert (good, bad) == (20, 0), why
        assert one(n, CALL) == "east-n1"
        f["west-m"].ctl("drain", row["gateway"], "--undo")
        eventually("it is a gateway again", lambda: any(
            r["gateway"] == row["gateway"] for r in clusters(n)))
        other = next(g for g in ("west-g1", "west-g2") if g != row["gateway"])
        f[other].kill()
        eventually("calls go by it", lambda: one(n, CALL) == "east-n1")


def a_dead_cluster(build):
    """a cluster that is gone: its calls fail at once and say where nobody answered, the others do
    not notice; it comes back. One whose gateway is frozen is given up after dead_after"""
    with Federation(build, {"west": 1, "east": 1, "south": 1}) as f:
        f.ready().formed()
        n = f["west-n1"]
        for t in ("east", "south"):
            ev(f[t + "-n1"], 'cluster.register "probe"')
            eventually(t, lambda: one(n, 'return cluster.call(..., "@probe", "node")', t))
        ev(n, 'skynet.fork(function() kept.storm = table.pack(command.storm(5, "east", "@probe", '
              '"hang")) end)')
        eventually("they hang", lambda: one(f["east-n1"], "return kept.hanging") == 5)
        f["east-g1"].signal(signal.SIGSTOP)
        try:
            good, bad, why = eventually("a frozen gateway is given up",
                                        lambda: outcome(n, "storm"), 5)
            assert bad == 5 and "it is silent for" in why, why
            assert one(n, 'return cluster.call("south", "@probe", "node")') == "south-n1"
        finally:
            f["east-g1"].signal(signal.SIGCONT)
        eventually("it moves again", lambda: one(n, CALL))
        for node in f.towns["east"].nodes:
            node.kill()
        def dead():
            why = fails(n, 'cluster.call("east", "@probe", "node")')
            return f"cluster east: 127.0.0.1:{f.ports['east'][0]}: " in why \
                and "Connection refused" in why
        eventually("it is known to be gone", dead)
        began = time.monotonic()
        assert one(n, 'return (command.storm(200, "south", "@probe", "echo", 1))') == 200
        for _ in range(5):
            assert dead()
        assert time.monotonic() - began < 3
        for node in f.towns["east"].nodes:
            node.start()
        f.ready()
        ev(f["east-n1"], 'cluster.register "probe"')
        eventually("it is back", lambda: one(n, CALL))


def an_owner_moves(build):
    """a name whose owner dies, or gives it up, is called where it is then; who registered it
    second comes after the first"""
    with Federation(build, {"west": 1, "east": 1}, plain=2) as f:
        f.ready().formed()
        n, a, b = f["west-n1"], f["east-n1"], f["east-n2"]
        ev(a, 'cluster.register "probe" harbor.register "G"')
        call = 'local n = ... return cluster.call("east", n, "node")'
        for name in ("@probe", "G"):
            eventually(name, lambda: one(n, call, name) == "east-n1")
        ev(b, 'cluster.register "probe"')
        ev(a, 'harbor.release "G"')
        ev(b, 'harbor.register "G"')
        eventually("G has moved", lambda: one(n, call, "G") == "east-n2")
        assert one(n, call, "@probe") == "east-n1"
        a.kill()
        eventually("@probe has moved", lambda: one(n, call, "@probe") == "east-n2")
        ev(b, 'cluster.unregister "probe"')
        eventually("@probe is gone", lambda: "has no service @probe" in fails(n, call, "@probe"))


def a_name_that_was_lost(build):
    """a node that was cut off has lost the name that it registered to another one: it has it again
    when that one gives it up"""
    with Federation(build, {"west": 1, "east": 1}, plain=2) as f:
        f.ready().formed()
        n, a, b = f["west-n1"], f["east-n1"], f["east-n2"]
        ev(a, 'cluster.register "probe"')
        eventually("a has it", lambda: one(n, CALL) == "east-n1")
        a.signal(signal.SIGSTOP)
        ev(b, 'cluster.register "probe"')
        eventually("b has it", lambda: one(n, CALL) == "east-n2")
        a.signal(signal.SIGCONT)
        eventually("a is told", lambda: a.logged("other clusters find another service as [probe]"))
        assert one(n, CALL) == "east-n2"
        ev(b, 'cluster.unregister "probe"')
        eventually("a has it again", lambda: one(n, CALL) == "east-n1")


def large_messages(build):
    """requests and answers of many sizes, many at once among small ones, in the order of each
    sender; what is larger than the queue is refused"""
    with Federation(build, {"west": 1, "east": 1}, extra=", queue_max: 24MiB") as f:
        f.ready().formed()
        n, there = f["west-n1"], f["east-n1"]
        ev(there, 'cluster.register "probe"')
        eventually("the first call", lambda: one(n, CALL))
        largest = 2 << 20 if "thread" in build else 20 << 20
        for size in (32758, 32768, 65536, 100000, largest):
            assert one(n, 'return cluster.call("east", "@probe", "size", ("x"):rep(tonumber(...)))',
                       size) == size
            assert one(n, 'return #cluster.call("east", "@probe", "big", tonumber(...))', size) \
                == size
        why = fails(n, 'cluster.call("east", "@probe", "size", ("x"):rep(25 << 20))')
        assert "cluster east: too many bytes wait for it" in why, why
        why = fails(n, 'cluster.call("east", "@probe", "big", 25 << 20)')
        assert "does not fit into the queue" in why, why
        assert one(n, """local left, good, me = 40, 0, {}
            for i = 1, 40 do
                skynet.fork(function()
                    local s = (string.char(65 + i % 26)):rep(i % 3 == 0 and 100 or i * 9000)
                    if cluster.call("east", "@probe", "echo", s) == s then good = good + 1 end
                    left = left - 1
                    if left == 0 then skynet.wakeup(me) end
                end)
            end
            skynet.wait(me)
            return good""") == 40
        # what one sender says stays in its order, large or small
        ev(there, "kept.order = {} function command.order(i) kept.order[#kept.order + 1] = i end")
        ev(n, """for i = 1, 60 do
                cluster.send("east", "@probe", "order", i, ("x"):rep(i % 4 == 0 and 300000 or 10))
            end""")
        assert eventually("all are there", lambda: (lambda o: len(o) == 60 and o)(
            one(there, "return kept.order"))) == list(range(1, 61))


def a_slow_cluster(build):
    """a cluster whose gateway does not read: what waits for it is bounded, then calls are refused
    with a reason; other clusters are served meanwhile, and it is served when it reads again"""
    with Federation(build, {"west": 1, "east": 1, "south": 1}, extra=", queue_max: 4MiB") as f:
        f.ready().formed()
        n, gate = f["west-n1"], f["west-g1"]
        for t in ("east", "south"):
            ev(f[t + "-n1"], 'cluster.register "probe"')
            eventually(t, lambda: one(n, 'return cluster.call(..., "@probe", "node")', t))
        before = memory(gate)
        f["east-g1"].signal(signal.SIGSTOP)
        try:
            good, bad, why = ev(n, """local s = ("x"):rep(1 << 18)
                for i = 1, 60 do cluster.send("east", "@probe", "keep", s) end
                return command.storm(200, "east", "@probe", "size", s)""")
            assert bad == 200, (good, bad, why)
            assert "too many bytes wait for it" in why or "silent" in why, why
            assert one(n, 'return (command.storm(200, "south", "@probe", "echo", 1))') == 200
            assert memory(gate) - before < (512 << 10 if "san" in build else 24 << 10)
        finally:
            f["east-g1"].signal(signal.SIGCONT)
        eventually("it is served again",
                   lambda: one(n, CALL))


def memory(node):
    with open(f"/proc/{node.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def keys(build):
    """gateways with a key speak TLS: what they say cannot be read on its way, large or small; who
    has another key, or none, is refused, and both sides say so"""
    with Federation(build, {"west": 1, "east": 1}, key=True) as f:
        f.ready().formed()
        n, gate = f["west-n1"], f["west-g1"]
        ev(f["east-n1"], 'cluster.register "probe"')
        eventually("a call", lambda: one(n, CALL) == "east-n1")
        for size in (100, 100000, 4 << 20):
            assert one(n, 'return cluster.call("east", "@probe", "size", ("x"):rep(...))', size) \
                == size
            assert one(n, 'return #cluster.call("east", "@probe", "big", tonumber(...))', size) \
                == size
        w = wire.connect(f.ports["east"][0])
        w.send(hello(1, to="east"))
        assert wire.u32(1) not in w.socket.recv(100)
        w.close()
        eventually("it says so", lambda: f["east-g1"].logged("no TLS with our key"))
        # an eavesdropper between the two
        heard = Relay(f.ports["east"][0])
        with open(gate.config) as file:
            text = file.read()
        with open(gate.config, "w") as file:
            file.write(text.replace(f"east=127.0.0.1:{heard.port_there}",
                                    f"east=127.0.0.1:{heard.port}"))
        gate.stop()
        gate.start().ready()
        secret = "what nobody else may know"
        eventually("a call", lambda: one(n, 'return cluster.call("east", "@probe", "echo", ...)',
                                         secret) == secret)
        assert len(heard.bytes) > 200 and secret.encode() not in heard.bytes \
            and b"@probe" not in heard.bytes
        gate.stop()
        new_key(build, f.towns["west"].key)
        gate.start().ready()
        eventually("the reason", lambda: "no TLS with our key" in fails(n, CALL))


class Relay:
    """Passes a TCP connection on, and keeps what was said."""

    def __init__(self, port):
        self.listener, self.port_there, self.bytes = wire.Listener(), port, b""
        self.port = self.listener.port
        self.listener.socket.settimeout(None)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            one_end, _ = self.listener.socket.accept()
            other_end = socket.create_connection(("127.0.0.1", self.port_there))
            for a, b in ((one_end, other_end), (other_end, one_end)):
                threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()

    def pass_on(self, a, b):
        try:
            while data := a.recv(65536):
                self.bytes += data
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass # one of them is gone


def hello(session, own="far", to="west", node="far-g1", version=1):
    return (b"\x80\x11.federation hello" + wire.u32(session) + wire.text("hello")
            + wire.number(version) + wire.text(own) + wire.text(node) + wire.text(to))


def strangers_at_the_door(build):
    """who connects to a gateway and is no gateway of another cluster gets nothing else; a gateway
    that floods is refused, costs what is bounded, and is counted; nonsense ends its connection"""
    with Federation(build, {"west": 1}, extra=", queue_max: 4MiB") as f:
        f.ready()
        n, gate, port = f["west-n1"], f["west-g1"], f.ports["west"][0]
        ev(n, 'cluster.register "probe"')
        for first, why in ((b"\x80\x06@probe" + wire.u32(1) + wire.text("node"), b"a hello is"),
                           (b"\x00" + wire.u32(1, 1), b"a hello is needed"),
                           (hello(1, to="east"), b"of cluster west, not of east"),
                           (hello(1, own="west"), b"both clusters are called west"),
                           (hello(1, own="x" * 64), b"a hello is needed"),
                           (hello(1, version=2), b"speaks version 1")):
            w = wire.connect(port)
            w.send(first)
            got = w.frame()
            assert got[:5] == wire.u32(1) + b"\x00" and why in got, got
            w.closed()
        w = wire.connect(port)
        w.send(hello(1))
        w.expect(wire.u32(1) + b"\x01" + wire.text("west") + wire.text("west-g1"))
        def asked():
            w.send(b"\x80\x06@probe" + wire.u32(2) + wire.text("node"))
            return w.frame()
        eventually("it is served", lambda: asked() == wire.u32(2) + b"\x01" + wire.text("west-n1"))
        before = memory(gate)
        # more calls than may be under way, none of which is answered
        hang = b"".join(wire_frame(b"\x80\x06@probe" + wire.u32(10 + i) + wire.text("hang"))
                        for i in range(33000))
        w.socket.sendall(hang)
        got = w.frame()
        assert b"calls over this connection are under way" in got, got
        # messages of which only the beginning comes, as large as they may be, and larger
        for i in range(300):
            w.send(b"\x81\x06@probe" + wire.u32(50000 + i, 4 << 20),
                   b"\x02" + wire.u32(50000 + i) + b"x" * 32768)
        w.send(b"\x81\x06@probe" + wire.u32(60000, 5 << 20), b"\x03" + wire.u32(60000) + b"x")
        while True:
            got = w.frame()
            if got[:5] == wire.u32(60000) + b"\x00":
                break
        assert b"Invalid large req" in got, got
        used = memory(gate) - before # a sanitizer keeps books of its own beside it
        assert used < (800 << 10 if "san" in build else 200 << 10), used
        rows = clusters(n)
        row = next(r for r in rows if r["cluster"] == "far")
        assert row["there"] == "far-g1" and row["refused"] >= 200, row
        w.send(b"\x05nonsense")
        try:
            while w.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        eventually("the connection is forgotten", lambda: not clusters(n))
        assert one(n, 'return cluster.call("west", "@probe", "node")') == "west-n1"


def a_crowd_at_the_door(build):
    """a crowd from one host that does not say who it is takes the place of its own: who came before
    it from another host is not sent away, and is served"""
    with Federation(build, {"west": 1}) as f:
        f.ready()
        port = f.ports["west"][0]
        other = socket.create_connection(("127.0.0.1", port), 20, ("127.0.0.2", 0))
        crowd = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(600)]
        other.setblocking(False)

        def ended(s):
            s.setblocking(False)
            try:
                return not s.recv(1)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                return True
        eventually("the oldest of the crowd are ended", lambda: all(map(ended, crowd[:80])))
        assert not ended(other)
        assert not ended(crowd[-1])
        w = wire.Wire(other)
        w.send(hello(1))
        w.expect(wire.u32(1) + b"\x01" + wire.text("west") + wire.text("west-g1"))
        for s in crowd:
            s.close()
        with open(f["west-g1"].log, errors="replace") as log:
            assert "connections from 127.0.0.1 are ended: 512 have not said" in log.read()
        w.close()
        n = f["west-n1"]
        eventually("all are forgotten", lambda: not clusters(n))


def wire_frame(body):
    return len(body).to_bytes(2, "big") + body


def a_gateway_that_lies(build):
    """a far gateway that answers what nobody asked, lies about sizes, sends pointers or nonsense:
    the call fails and says so, the connection ends where it must"""
    far = wire.Listener()
    with Federation(build, {"west": 1}, others=[f"far=127.0.0.1:{far.port}"]) as f:
        f.ready()
        lies(far, f["west-n1"])
        ev(f["west-n1"], 'cluster.register "probe"')
        eventually("it serves", lambda: one(f["west-n1"], 'return cluster.call("west", "@probe", '
                                                         '"node")') == "west-n1")


def lies(far, n):
    def accept(as_cluster="far"):
        w = far.accept()
        got = w.frame()
        assert b".federation hello" in got, got
        w.send(got[19:23] + b"\x01" + wire.text(as_cluster) + wire.text("far-g1"))
        return w

    accept("another").closed()
    w = accept()
    eventually("the link is up", lambda: any(r["cluster"] == "far" and r["state"] == "up"
                                             for r in clusters(n)))
    def ask():
        ev(n, 'kept.r = nil skynet.fork(function() kept.r = table.pack(command.storm(1, "far", '
              '"@x", "y")) end)')
        while True:
            got = w.frame() # or a heartbeat
            if got[:4] == b"\x80\x02@x":
                return got[4:8]
            w.send(got[5:9] + b"\x00no")
    for reply, why in (([b"\x02" + wire.u32(0xffffffff)], "too large"),
                       ([b"\x03no begin"], "invalid answer"),
                       ([b"\x02" + wire.u32(2), b"\x03abc"], "invalid answer"),
                       ([b"\x02" + wire.u32(9), b"\x03abc", b"\x04abc"], "invalid answer"),
                       ([b"\x01\x03" + b"A" * 8], "pointer"),
                       ([b"\x00" + b"e" * 30000], "eee")):
        session = ask()
        w.send(*[session + r for r in reply])
        good, bad, text = eventually(f"the end of {why}", lambda: outcome(n, "r"))
        assert bad == 1 and why in text, (why, text[:200])
    for i in range(3):
        session = ask()
        if i == 0: # what nobody asked
            w.socket.sendall(wire_frame(wire.u32(12345) + b"\x01") * 1200)
        elif i == 1: # nonsense
            w.send(session + b"\x09")
        else:
            w.send(b"")
        good, bad, text = eventually("the end", lambda: outcome(n, "r"))
        assert bad == 1 and "was lost" in text, text
        assert ("nobody asked for" in text) == (i == 0) and ("invalid frame" in text) == (i > 0)
        w = accept()
    row = next(r for r in clusters(n) if r["cluster"] == "far")
    assert row["strays"] >= 1000 and row["losses"] >= 3 and row["errors"] >= 9, row


main([strangers_at_the_door, a_crowd_at_the_door, a_gateway_that_lies, everybody_calls_everybody,
      reasons, a_trace_goes_on, a_gateway_is_killed, a_gateway_comes_back, a_gateway_is_drained,
      an_owner_is_drained, a_dead_cluster,
      an_owner_moves, a_name_that_was_lost,
      large_messages, a_slow_cluster, keys])
