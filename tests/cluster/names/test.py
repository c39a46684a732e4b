#!/usr/bin/python3
"""Global names over real nodes: handed over, numbered, long."""
import os, signal
from harness import Cluster, Defaults, eventually, main, up, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = "exactly-sixty-three-bytes-" + "x" * 37


def three(build, kind=Cluster):
    c = kind(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    c.b = c.node("b", 3)
    return c


def harbor(node, *args):
    ok, *values = node.call(".probe", "harbor", *map(str, args))
    if not ok:
        raise Failed(values[0])
    return values


def owner_of(node, name):
    known = harbor(node, "find", name)
    return known[0] if known else None


def a_name_under_load_is_never_without_an_owner(build):
    """a name that goes to and fro between two nodes under load always has an owner"""
    with three(build, Defaults) as c:
        up(c)
        first = c.a.call(".probe", "owner")[0]
        second = c.b.call(".probe", "owner")[0]
        c.a.call(".probe", "tell", str(first), "register", "BALL")
        for n in c.nodes:
            eventually("the name is known", lambda: owner_of(n, "BALL") == first)
            n.call(".probe", "watch", "BALL")
        for _ in range(8): # a call has five seconds
            assert c.a.call(".probe", "pass", "BALL", str(first), str(second), "5")[0] == 10
        for n in c.nodes:
            seen, gone, errors, handles = n.call(".probe", "watched")
            assert seen > 200 and gone == 0 and errors == 0, (n.name, seen, gone, errors)
            assert handles == 2, handles
        # who hands a name over knows of it: that is no loss
        for node, owner in (c.a, first), (c.b, second):
            assert node.call(".probe", "tell", str(owner), "losses")[1] in ([], {}), owner


def a_name_goes_with_the_one_to_whom_it_was_handed(build):
    """a name that was handed over goes with its new owner, and over a restart of the master"""
    with three(build) as c:
        up(c)
        first = c.a.call(".probe", "owner")[0]
        second, third = c.b.call(".probe", "owner")[0], c.b.call(".probe", "owner")[0]
        c.a.call(".probe", "tell", str(first), "register", LONG)
        ok, fence = harbor(c.a, "transfer", LONG, second, first)
        eventually("b knows it", lambda: owner_of(c.b, LONG) == second)
        assert harbor(c.b, "fence", LONG) == [fence, second]
        c.a.kill()      # it is no business of its first owner any more
        c.m.kill()
        c.m.start().ready()
        c.a.start().ready()
        for n in c.nodes:
            eventually("the name is known", lambda: owner_of(n, LONG) == second)
            assert harbor(n, "fence", LONG, "true") == [fence, second]
        c.b.call(".probe", "kill", str(second))
        eventually("the name is free", lambda: owner_of(c.a, LONG) is None)
        c.b.call(".probe", "tell", str(third), "register", LONG)
        eventually("it can be had again", lambda: owner_of(c.m, LONG) == third)
        assert harbor(c.m, "fence", LONG)[0] > fence


def a_name_is_not_handed_to_nobody(build):
    """a name that would go to a dead node, or to no service, stays or is free: never stuck"""
    with three(build) as c:
        up(c)
        first, there = c.a.call(".probe", "owner")[0], c.b.call(".probe", "owner")[0]
        c.a.call(".probe", "tell", str(first), "register", "N")
        try:
            harbor(c.a, "transfer", "N", first + 1000, first)
            raise AssertionError("handed to nobody")
        except Failed as e:
            assert "no such service" in str(e), e
        c.b.kill()
        eventually("b is dead", lambda: [x for x in c.a.ctl("nodes")["nodes"]
                                         if x["name"] == "b" and x["state"] == "down"])
        for n in c.m, c.a:
            try:
                harbor(n, "transfer", "N", there, 0)
                raise AssertionError("handed to a dead node")
            except Failed as e:
                assert "the node of the new owner is not in the cluster" in str(e), e
        assert owner_of(c.m, "N") == first
        # a handle of a living node that no service has: that node gives it up
        harbor(c.a, "transfer", "N", c.m.call(".probe", "owner")[0] + 1000, first)
        eventually("the name is free", lambda: owner_of(c.a, "N") is None)
        c.a.call(".probe", "tell", str(first), "register", "N")


def the_last_owner_is_told_by_its_number(build):
    """two owners after a partition: the check refuses the old one's number, everywhere"""
    with three(build) as c:
        up(c)
        old, new = c.a.call(".probe", "owner")[0], c.b.call(".probe", "owner")[0]
        ok, first = c.a.call(".probe", "tell", str(old), "register", "WRITER")
        for n in c.nodes:
            assert harbor(n, "check", "WRITER", first) == [True]
        c.a.signal(signal.SIGSTOP)
        eventually("the name is free", lambda: owner_of(c.b, "WRITER") is None)
        ok, second = c.b.call(".probe", "tell", str(new), "register", "WRITER")
        assert second > first
        assert harbor(c.m, "check", "WRITER", second) == [True]
        assert harbor(c.m, "check", "WRITER", first) == [False]
        assert harbor(c.b, "check", "WRITER", first) == [False]
        c.a.signal(signal.SIGCONT)
        # the old one believes still; whoever it asks knows better, and it hears of it
        eventually("the loss", lambda: c.a.call(".probe", "tell", str(old), "losses")[1]
                   == [f"WRITER {new}"])
        assert harbor(c.a, "check", "WRITER", first) == [False]
        assert harbor(c.a, "check", "WRITER", second) == [True]
        for wrong in second + 1, 1, 0, -5, 2 ** 63 - 1:
            assert harbor(c.a, "check", "WRITER", wrong) == [False], wrong
        assert harbor(c.a, "fence", "NOBODY") == [] == harbor(c.a, "fence", "NOBODY", "true")


def people_move_names_by_hand(build):
    """harborctl names --transfer and --release; the owner hears of it"""
    with three(build) as c:
        up(c)
        old, new = c.a.call(".probe", "owner")[0], c.b.call(".probe", "owner")[0]
        c.a.call(".probe", "tell", str(old), "register", "DB")
        moved = c.m.ctl("names", "--transfer", "DB", f":{new:08x}")
        assert moved["handle"] == f":{new:08x}" and moved["fence"], moved
        eventually("the loss", lambda: c.a.call(".probe", "tell", str(old), "losses")[1]
                   == [f"DB {new}"])
        row = [r for r in c.a.ctl("names")["names"] if r["name"] == "DB"][0]
        assert row["handle"] == f":{new:08x}" and row["fence"] == moved["fence"], row
        c.a.ctl("names", "--release", "DB")
        eventually("the loss", lambda: c.b.call(".probe", "tell", str(new), "losses")[1]
                   == ["DB 0"])
        assert owner_of(c.m, "DB") is None or eventually("free", lambda: not owner_of(c.m, "DB"))
        for wrong in ("--transfer", "DB"), ("--release",), ("--waiting", "x"), ("x", "y", "z"):
            try:
                c.m.ctl("names", *wrong)
                raise AssertionError(wrong)
            except Failed as e:
                assert "names takes --waiting" in str(e), e
        c.a.call(".probe", "tell", str(old), "register", "DB")
        for nobody in old + 0x10000, new + 0x10000: # of this node and of another: a typing error
            for n in c.a, c.b, c.m:
                try:
                    n.ctl("names", "--transfer", "DB", f":{nobody:08x}")
                    raise AssertionError("no such service")
                except Failed as e:
                    assert f":{nobody:08x}: no such service; the name stays" in str(e), e
                eventually("it is known", lambda: owner_of(n, "DB") == old)
        c.a.ctl("names", "--release", "DB")
        eventually("free", lambda: not owner_of(c.m, "DB"))
        try:
            c.m.ctl("names", "--transfer", "DB", f":{old:08x}")
            raise AssertionError("no such name")
        except Failed as e:
            assert "no such name" in str(e), e


def only_the_owners_node_and_the_masters_speak_for_an_owner(build):
    """handle 0, whoever owns the name: a member's program cannot take another node's name away or
    give it to itself; harborctl on any node can, for it asks the master's"""
    with three(build) as c:
        up(c)
        a, b = c.a.call(".probe", "owner")[0], c.b.call(".probe", "owner")[0]
        c.a.call(".probe", "tell", str(a), "register", "DB")
        eventually("b knows it", lambda: owner_of(c.b, "DB") == a)
        for refused in ("release", "DB", 0), ("transfer", "DB", b, 0):
            try:
                harbor(c.b, *refused)
                raise AssertionError(refused)
            except Failed as e:
                assert "the name belongs to another service" in str(e), e
        assert owner_of(c.m, "DB") == a
        harbor(c.a, "transfer", "DB", b, 0) # its node
        eventually("b has it", lambda: owner_of(c.a, "DB") == b)
        assert c.b.ctl("names", "--transfer", "DB", f":{a:08x}")["fence"]
        eventually("a has it", lambda: owner_of(c.b, "DB") == a)
        harbor(c.m, "release", "DB", 0) # the master's
        eventually("nobody has it", lambda: owner_of(c.a, "DB") is None)


main([a_name_under_load_is_never_without_an_owner,
      a_name_goes_with_the_one_to_whom_it_was_handed,
      a_name_is_not_handed_to_nobody,
      the_last_owner_is_told_by_its_number,
      people_move_names_by_hand,
      only_the_owners_node_and_the_masters_speak_for_an_owner])
