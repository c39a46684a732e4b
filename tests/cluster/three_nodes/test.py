#!/usr/bin/python3
"""Three real nodes: names, calls, kill -9, SIGSTOP, a master that dies."""
import os, signal, time
from harness import Cluster, eventually, main, up, Failed

HERE = os.path.dirname(os.path.abspath(__file__))


def three(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True, args="ONE")
    c.a = c.node("a", 2, args="TWO")
    c.b = c.node("b", "auto", args="THREE")
    return c


def calls_cross_nodes_by_name_and_handle(build):
    """calls cross nodes by name and by handle, large ones too"""
    with three(build) as c:
        up(c)
        for n in c.nodes:
            for name in ("ONE", "TWO", "THREE"):
                eventually(f"{n.name} calls {name}",
                           lambda: n.call(".probe", "ask", name, "echo", "hi")[:2] == [True, "hi"])
        handle = c.a.call(".probe", "self")[0]
        assert handle >> 24 == 2, handle
        assert c.b.call(".probe", "ask", str(handle), "echo", "x")[:2] == [True, "x"]
        assert c.b.call(".probe", "traffic", "TWO", "2000", limit=60)[0] == 2000
        assert c.b.call(".probe", "blob", "ONE", str(9 << 20), limit=30)[0] == 9 << 20


def a_killed_node_rejoins_with_its_id(build):
    """H1, H12: a node killed with SIGKILL rejoins with its id in under 2 s; its old handles and
    names are gone"""
    with three(build) as c:
        up(c)
        old = c.b.call(".probe", "self")[0]
        eventually("a knows THREE", lambda: c.a.call(".probe", "query", "THREE", "100")[0] == old)
        before = [n["incarnation"] for n in c.a.ctl("nodes")["nodes"] if n["name"] == "b"]
        c.b.kill()
        began = time.monotonic()
        c.b.start()
        eventually("the node is back in the cluster",
                   lambda: [n for n in c.a.ctl("nodes")["nodes"] if n["name"] == "b"
                   and n["state"] == "up" and n["harbor"] == old >> 24
                   and [n["incarnation"]] != before], 5)
        assert time.monotonic() - began < 2, time.monotonic() - began
        c.b.ready()
        ok, why, _ = c.a.call(".probe", "ask", str(old + 1000), "echo", "x")
        assert not ok and "no such service" in why, why
        eventually("THREE is called anew",
                   lambda: c.a.call(".probe", "ask", "THREE", "echo", "y")[:2] == [True, "y"])


def one_owner_for_a_name(build):
    """H2: two nodes register one name at the same time: one owner everywhere, the loser is told"""
    with three(build) as c:
        up(c)
        from concurrent.futures import ThreadPoolExecutor
        for i in range(10):
            name = f"RACE{i}"
            with ThreadPoolExecutor(3) as pool:
                got = list(pool.map(lambda n: n.call(".probe", "register", name)[0], c.nodes))
            assert got.count("ok") == 1, got
            assert sum("name is taken" in g for g in got) == 2, got
            owner = c.nodes[got.index("ok")].call(".probe", "self")[0]
            for n in c.nodes:
                eventually("all see one owner",
                           lambda: n.call(".probe", "query", name, "100")[0] == owner)


def the_master_may_die(build):
    """H5: the master dies and comes back: traffic between nodes never stops, names stay,
    registrations go on"""
    with three(build) as c:
        up(c)
        eventually("a calls THREE", lambda: c.a.call(".probe", "ask", "THREE", "echo", "1")[0])
        c.m.kill()
        assert c.a.call(".probe", "traffic", "THREE", "500", limit=30)[0] == 500
        c.m.start()
        c.m.ready()
        eventually("a is joined again", lambda: c.a.call(".probe", "register", "AFTER")[0] == "ok",
                   10)
        eventually("b sees it", lambda: c.b.call(".probe", "query", "AFTER", "50")[0] != 0)
        eventually("m calls THREE", lambda: c.m.call(".probe", "ask", "THREE", "echo",
                                                     "two")[:2] == [True, "two"])


def a_frozen_peer_is_noticed(build):
    """H6: a call to a frozen node fails when the heartbeat says so, not when the freeze ends"""
    with three(build) as c:
        up(c)
        eventually("a calls THREE", lambda: c.a.call(".probe", "ask", "THREE", "echo", "1")[0])
        c.b.signal(signal.SIGSTOP)
        try:
            ok, why, took = c.a.call(".probe", "ask", "THREE", "echo", "2", limit=20)
            assert not ok and took < 400, (ok, why, took)
        finally:
            c.b.signal(signal.SIGCONT)
        eventually("it is back after the freeze",
                   lambda: c.a.call(".probe", "ask", "THREE", "echo", "three")[:2] == [True,
                           "three"], 15)


def without_a_master(build):
    """H7: without a master a node keeps trying and is not ready; a taken port is status 69;
    join_timeout gives up"""
    with Cluster(build, HERE) as c:
        a = c.node("a", 2)
        eventually("it answers and joins", lambda: a.ctl("status")["state"] == "joining")
        m = c.node("m", 1, master=True)
        m.ready()
        a.ready(5)
        t = c.node("t", 3, port=c.master_port)
        assert t.process.wait(10) == 69
    with Cluster(build, HERE) as c:
        a = c.node("a", 2, extra=", join_timeout: 300ms")
        assert a.process.wait(10) == 69


def a_start_service_that_fails(build):
    """H8: a missing or throwing start script ends the node with a status and one clear error"""
    with Cluster(build, HERE) as c:
        n = c.node("m", 1, master=True, start="nothere")
        assert n.process.wait(10) == 78, n.process.returncode
        assert n.logged("nothere")
    with Cluster(build, HERE) as c:
        n = c.node("m", 1, master=True, start="throws")
        assert n.process.wait(10) == 70, n.process.returncode
        assert n.logged("thrown on purpose") and n.logged("stack traceback")


def dead_targets(build):
    """H10, H11: calls to a dead service, an unknown node, and a callee that is killed fail at
    once"""
    with three(build) as c:
        up(c)
        s = c.b.call(".probe", "spawn")[0]
        assert c.a.call(".probe", "ask", str(s), "echo", "x")[:2] == [True, "x"]
        import threading
        result = []

        def received():
            return next(x["messages"] for x in c.b.ctl("services")["services"]
                        if x["handle"] == f":{s:08x}")
        before = received()
        t = threading.Thread(target=lambda: result.append(c.a.call(".probe", "ask", str(s), "hang",
                limit=20)))
        t.start()
        eventually("the request has arrived", lambda: received() > before)
        c.b.call(".probe", "kill", str(s))
        t.join(10)
        assert result and not result[0][0] and "killed" in result[0][1], result
        ok, why, took = c.a.call(".probe", "ask", str(s), "echo", "x")
        assert not ok and "no such service" in why and took < 50, (why, took)
        ok, why, took = c.a.call(".probe", "ask", str(0x77000001), "echo", "x")
        assert not ok and "no such node" in why and took < 50, (why, took)


def calls_fail_when_their_node_is_killed(build):
    """a call that waits on a node killed with SIGKILL fails at once; the names of the dead are
    released"""
    with three(build) as c:
        up(c)
        import threading
        result = []
        eventually("a knows THREE", lambda: c.a.call(".probe", "query", "THREE", "100")[0])
        t = threading.Thread(target=lambda: result.append(c.a.call(".probe", "ask", "THREE", "hang",
                limit=20)))
        t.start()
        time.sleep(0.3)
        c.b.kill()
        t.join(10)
        assert result and not result[0][0] and ("lost" in result[0][1]
                                                or "down" in result[0][1]), result
        eventually("THREE is released",
                   lambda: "THREE" not in [n["name"] for n in c.a.ctl("names")["names"]], 5)


def strangers_are_refused(build):
    """H9: bytes of a stranger are refused and do no harm"""
    import socket
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True).ready()
        for junk in (b"GET / HTTP/1.0\r\n\r\n", os.urandom(5000), b"\0\0\0\1\1" * 100):
            with socket.create_connection(("127.0.0.1", c.master_port)) as s:
                s.settimeout(10)
                try:
                    s.sendall(junk)
                    assert s.recv(4096) == b""
                except ConnectionError:
                    pass
        m.ready()


def a_master_at_a_port_of_the_kernels_choice(build):
    """a node that is its own master at port 0 joins it at the port that it has"""
    with Cluster(build, HERE) as c:
        c.master_port = 0
        m = c.node("m", 1, master=True).ready()
        assert m.ctl("status")["state"] == "running"
        assert m.stop() == 0


def a_graceful_stop(build):
    """SIGTERM: the node says goodbye, its names go at once, status 0"""
    with three(build) as c:
        up(c)
        eventually("a knows THREE", lambda: "THREE" in [n["name"]
                                                        for n in c.a.ctl("names")["names"]])
        assert c.b.stop() == 0
        eventually("THREE is released",
                   lambda: "THREE" not in [n["name"] for n in c.a.ctl("names")["names"]], 2)


main([calls_cross_nodes_by_name_and_handle, a_killed_node_rejoins_with_its_id, one_owner_for_a_name,
      the_master_may_die,
      a_frozen_peer_is_noticed, without_a_master, a_start_service_that_fails, dead_targets,
      calls_fail_when_their_node_is_killed, strangers_are_refused,
      a_master_at_a_port_of_the_kernels_choice,
      a_graceful_stop])
