#!/usr/bin/python3
"""Who a node is: handles and names of its earlier lives, ids when nodes, masters and registries
come and go, what a node says that cannot join, and what strangers get."""
import os, shutil, signal, socket
from harness import Cluster, Failed, eventually, free_port, main
import wire

HERE = os.path.dirname(os.path.abspath(__file__))


def nodes_up(n, count):
    return sum(x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]) == count


def id_of(n):
    return n.ctl("status")["harbor"]


def rewrite(n, old, new):
    with open(n.config) as f:
        text = f.read()
    assert old in text
    with open(n.config, "w") as f:
        f.write(text.replace(old, new))


def an_old_handle_finds_nobody(build):
    """a handle of an earlier life is answered by nobody: after kill -9, after many births, after a
    clean stop, after a lost registry"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", 2, args="alice bob carol").ready()
        old = []

        def lives(order, end):
            eventually("both are linked", lambda: nodes_up(m, 2))
            old.extend(a.call(".probe", "handle", w)[0] for w in ("alice", "bob", "carol"))
            assert m.call(".probe", "ask", str(old[-1])) == [True, "carol"]
            end()
            rewrite(a, 'args: "' + lives.order + '"', 'args: "' + order + '"')
            lives.order = order
            a.start().ready()
            eventually("it is back", lambda: nodes_up(m, 2))
            for h in old:
                ok, why = m.call(".probe", "ask", str(h))
                assert not ok and "no such service" in why, (f"{h:08x}", why)
                assert not a.call(".probe", "ask", str(h))[0]
        lives.order = "alice bob carol"
        lives("carol bob alice", a.kill)
        for _ in range(60):
            a.call(".probe", "births", "50")
        lives("bob alice carol", a.kill)
        lives("carol alice bob", a.stop)

        def lose_the_registry():
            a.kill()
            m.kill()
            shutil.rmtree(c.tmp + "/state")
            m.start().ready()
        lives("alice carol bob", lose_the_registry)
        # what the contract fixes stays where it is
        handles = [s["handle"] for s in a.ctl("services")["services"]]
        assert ":02000001" in handles and ":02000003" in handles, handles


def services_that_do_not_wait(build):
    """a node whose services start before it has joined: its handles are its own too, and the next
    life's are others"""
    with Cluster(build, HERE) as c:
        a = c.node("a", 2, args="alice", extra=", wait_for_join: false").ready()
        old = a.call(".probe", "handle", "alice")[0]
        assert old >> 24 == 2 and a.call(".probe", "ask", str(old)) == [True, "alice"]
        m = c.node("m", 1, master=True, args="-").ready()
        for _ in range(2):
            eventually("they are linked", lambda: nodes_up(m, 2))
            assert m.call(".probe", "ask", str(old)) == [True, "alice"]
            a.kill()
            a.start().ready()
            eventually("they are linked", lambda: nodes_up(m, 2))
            ok, why = m.call(".probe", "ask", str(old))
            assert not ok and "no such service" in why, why
            old = a.call(".probe", "handle", "alice")[0]


def a_name_is_answered_by_its_owner_alone(build):
    """while the master's node and its accounts restart in another order, with and without its
    registry, a name has no other answerer"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="alice bob").ready()
        a = c.node("a", 2, args="-").ready()
        a.call(".probe", "watch", "ALICE")

        def alices():
            words = dict(w.split("=") for w in a.call(".probe", "answers")[0].split())
            assert set(words) <= {"alice", "errors"}, words
            return int(words.get("alice", 0))
        order = "alice bob"
        for k in range(4):
            n = alices()
            eventually("alice answers", lambda: alices() > n + 10)
            m.kill()
            if k == 2:
                shutil.rmtree(c.tmp + "/state")
            other = "bob alice" if order == "alice bob" else "alice bob"
            rewrite(m, f'args: "{order}"', f'args: "{other}"')
            order = other
            m.start().ready()
        n = alices()
        eventually("alice answers", lambda: alices() > n + 10)


def a_living_node_keeps_its_id(build):
    """registry lost, the first who comes is another: the living node keeps id, handles and names"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", "auto", args="alice").ready()
        b = c.node("b", "auto", args="bob").ready()
        ids = id_of(a), id_of(b)
        handle = a.call(".probe", "handle", "alice")[0]
        for n in (m, b):
            n.kill()
        shutil.rmtree(c.tmp + "/state")
        a.signal(signal.SIGSTOP)
        m.start().ready()
        b.start().ready()
        a.signal(signal.SIGCONT)
        for n in (m, a, b):
            eventually("all are linked", lambda: nodes_up(n, 3))
        assert (id_of(a), id_of(b)) == ids
        assert b.call(".probe", "ask", str(handle)) == [True, "alice"]
        eventually("its name is back", lambda: b.call(".probe", "ask", "ALICE") == [True, "alice"])


def an_id_passes_on(build):
    """two nodes with the same label are two; an id in use is refused with the reason, and passes on
    when its owner is gone"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", 7, args="alice").ready()
        b = c.node("b", 7, start_now=False, args="bob")
        rewrite(b, "name: b", "name: m")
        b.start()
        says = eventually("it says why", lambda: b.ctl("status").get("reason"))
        assert "harbor id 7 is in use: node a at 127.0.0.1:" in says and "is alive" in says, says
        assert f"127.0.0.1:{c.master_port}" in says \
            and b.ctl("status")["master"] == f"127.0.0.1:{c.master_port}"
        a.kill()
        b.ready()
        assert id_of(b) == 7
        eventually("two nodes are called m",
                   lambda: sorted(n["harbor"] for n in m.ctl("nodes")["nodes"]
                                  if n["name"] == "m") == [1, 7])
        assert m.ctl("--node", "7", "status")["harbor"] == 7


def who_lost_its_id_ends(build):
    """a process that comes back to find its id in use by another says so and ends with status 69"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", 7, args="alice").ready()
        a.signal(signal.SIGSTOP)
        eventually("it is dead", lambda: not any(n["state"] == "up"
                                                 for n in m.ctl("nodes")["nodes"]))
        b = c.node("b", 7, args="bob").ready()
        a.signal(signal.SIGCONT)
        assert a.process.wait(20) == 69
        assert a.logged("harbor id 7 now belongs to another process, node b at")
        assert id_of(b.ready()) == 7
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        n = c.node("n", 2, start_now=False, args="-")
        rewrite(n, "name: test", "name: other")
        assert n.start().process.wait(20) == 69 and n.logged("it is of another cluster")


def without_a_master_it_says_so(build):
    """a member without a master says so: in the log, but not again and again, in harborctl and in
    STATUS, with the address"""
    with Cluster(build, HERE) as c, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(c.tmp + "/notify")
        s.settimeout(20)
        a = c.node("a", 2, args="-", env={"NOTIFY_SOCKET": c.tmp + "/notify"})
        why = f"master 127.0.0.1:{c.master_port}: Connection refused"
        eventually("harborctl says so", lambda: why in a.ctl("status")["reason"])
        eventually("STATUS says so",
                   lambda: ("STATUS=" in (text := s.recv(4096).decode())) and why in text)
        assert a.logged(why)
        m = c.node("m", 1, master=True, args="-").ready()
        a.ready()
        assert "reason" not in a.ctl("status")
        m.kill()
        eventually("it is said while it runs", lambda: why in a.ctl("status")["reason"])
        with open(a.log) as f:
            assert f.read().count(why) <= 6


def ids_are_given_again(build):
    """auto nodes that stop cleanly make room; the master forgets by hand whom it is told to, but
    nobody who is alive"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", 7, args="-").ready()
        try:
            m.ctl("forget", "7")
            raise AssertionError("a living node was forgotten")
        except Failed as e:
            assert "is alive" in str(e), e
        assert a.stop() == 0
        eventually("it has left", lambda: not any(n["state"] == "up"
                                                  for n in m.ctl("nodes")["nodes"]))
        assert m.ctl("forget", "a") == {"forgotten": "a"}
        b = c.node("b", 8, args="-").ready()
        for args, why in ((("forget", "a"), "the master knows no node a"),
                          (("--node", "8", "forget", "a"), "not the master")):
            try:
                m.ctl(*args)
                raise AssertionError(args)
            except Failed as e:
                assert why in str(e), e


def strangers_learn_nothing(build):
    """a HELLO of a node that the master never named is refused and not dialled; refusals tell
    nothing; hostile numbers shut nobody out"""
    with Cluster(build, HERE) as c, socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0.5)
        m = c.node("m", 1, master=True, args="-").ready()
        port = free_port()
        a = c.node("a", 2, port=port, args="-").ready()
        epoch = next(int(n["incarnation"], 16) for n in m.ctl("nodes")["nodes"] if n["harbor"] == 2)
        for id, e in ((9, 77), (1, 77), (2, epoch), (0, 1), (4711, 1), (1, 2**64 - 1)):
            assert wire.refusal(wire.ask(port, wire.hello(id, e, epoch))) == (wire.NOT_HERE,
                    "no link between these two nodes just now")
        assert wire.refusal(wire.ask(port,
                                     wire.hello(1, 77, epoch, cluster="x"))) == (wire.OTHER_CLUSTER,
                                             "it is of another cluster (cluster.name)")
        mine = f"127.0.0.1:{trap.getsockname()[1]}"
        code, why = wire.refusal(wire.ask(c.master_port, wire.join("evil", mine, cluster="x")))
        assert code == wire.OTHER_CLUSTER and "test" not in why, why
        for name, address in (("a\nb", mine), ("evil", "127.0.0.1:1\n"), ("evil", "unix:/tmp/x"),
                              ("", mine)):
            assert wire.refusal(wire.ask(c.master_port,
                                         wire.join(name, address)))[1].endswith("is not valid")
        for births in (2**64 - 1, 2**63):
            wire.refusal(wire.ask(c.master_port,
                                  wire.join("a", mine, 2, epoch=5, flags=wire.NAMED,
                                            births=births)))
        code, why = wire.refusal(wire.ask(c.master_port,
                                          wire.join("a", mine, 2, epoch=5, flags=wire.NAMED)))
        assert code == wire.NOT_HERE and "is alive" in why, why
        try:
            trap.accept()
            raise AssertionError("a stranger was dialled")
        except TimeoutError:
            pass
        assert nodes_up(m, 2) and nodes_up(a, 2)
        assert "a\nb" not in open(m.log).read()
        a.kill()
        a.start().ready(5)


def names_are_printable_and_ones_own(build):
    """names are printable and short, and for services of the node itself"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True, args="-").ready()
        a = c.node("a", 2, args="-").ready()
        for name in ("two words", "line\nfeed", "x" * 64, "\x1b[2J", "42", ""):
            assert "nvalid" in str(a.call(".probe", "register", name)[0]), name
        theirs = m.call(".probe", "self")[0]
        assert "another node" in a.call(".probe", "register", "THEIRS", str(theirs))[0]
        assert a.call(".probe", "register", "größe")[0] is True
        assert a.call(".probe", "register", "x" * 63)[0] is True
        assert m.call(".probe", "ask", "x" * 64) == [False, "call failed: no such name"]


main([an_old_handle_finds_nobody, services_that_do_not_wait, a_name_is_answered_by_its_owner_alone,
      a_living_node_keeps_its_id,
      an_id_passes_on, who_lost_its_id_ends, without_a_master_it_says_so, ids_are_given_again,
      strangers_learn_nothing, names_are_printable_and_ones_own])
