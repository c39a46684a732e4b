#!/usr/bin/python3
"""A node that drains, services that cannot move, nodes that die while something moves."""
import os, signal, socket, subprocess, threading, time
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def start(c, count):
    nodes = [c.node("abcdefgh"[i], i + 1, master=i == 0) for i in range(count)]
    for n in nodes:
        n.ready()
    for n in nodes:
        eventually(f"{n.name} is linked to all",
                   lambda: sum(x["state"] == "up" for x in n.ctl("nodes")["nodes"]) == count - 1)
    return nodes


def new(n, *args):
    return f":{n.call('.main', 'new', *args)[0]:08x}"


def refused(n, text, *words):
    """The command fails, and says why."""
    try:
        answer = n.ctl(*words)
    except Failed as e:
        if text not in str(e):
            raise Failed(f"{words}: {e}, not {text}")
        return
    raise Failed(f"{words}: {answer}, not an error")


def equal(what, got, want):
    if got != want:
        raise Failed(f"{what}: {got!r}, not {want!r}")


def draining(n, of):
    return [x["draining"] for x in n.ctl("nodes")["nodes"] if x["name"] == of][0]


def owner(n, name):
    return [x["handle"] for x in n.ctl("names")["names"] if x["name"] == name][0]


def drain_and_undo(build):
    """a node that drains takes no names and clients, tells its services and nodes, until undone"""
    with Cluster(build, HERE) as c:
        a, b = start(c, 2)
        early, late = new(a, "traveller", "watcher"), new(a, "traveller", "settled")
        port = a.call(late, "listen")[0]
        hello = lambda: socket.create_connection(("127.0.0.1", port)).recv(9)
        equal("before", hello(), b"hello")
        equal("state", a.ctl("drain", "a", "--status")["state"], "serving")
        equal("from another node", b.ctl("drain", "a")["node"], "a")
        eventually("a is drained", lambda: a.ctl("drain", "a", "--status")["state"] == "drained")
        assert a.ctl("status")["forwarders"] > 0, a.ctl("status")
        # what said before that it wants to know was told, and has moved since
        eventually("it was moved", lambda: b.ctl("call", early, "add", "1")["values"][1] == 2)
        equal("told at once", a.call(late, "watch")[0], 0)
        eventually("told", lambda: a.call(late, "drained")[0] == 1)
        eventually("b knows", lambda: draining(b, "a") and draining(a, "a"))
        equal("a name", a.call(late, "register", "later")[0], False)
        equal("a unique service", a.call(late, "unique")[0], False)
        equal("a client", hello(), b"")
        equal("undone", a.ctl("drain", "a", "--undo")["state"], "serving")
        eventually("b knows", lambda: not draining(b, "a"))
        equal("a name", a.call(late, "register", "later")[0], True)
        equal("a unique service", a.call(late, "unique")[0], True)
        equal("a client", hello(), b"hello")
        eventually("told again", lambda: a.call(late, "drained")[0] == -99)


def the_datacenter_lives_on(build):
    """what skynet.datacenter keeps, and who waits for what it does not have yet, goes to
    another node with a drain, without a call that fails, and from there on; it outlives the
    master's node"""
    with Cluster(build, HERE) as c:
        nodes = a, b, d = start(c, 3)
        trees = [new(n, "tree") for n in nodes]
        equal("set", b.call(trees[1], "set", "gold", "bank", "vault"), ["nothing"])
        for n, tree in zip(nodes, trees):
            n.call(tree, "wait", "late")
            n.call(tree, "wait", "deep", "down")
            n.call(tree, "wait", "never")
            n.call(tree, "write", n.name)
        eventually("all wait", lambda: a.ctl("why", "DATACENTER")["handle"])
        places = set()
        for leaving in a, next(n for n in (b, d)):
            leaving.ctl("drain", leaving.name)
            status = eventually("drained", lambda: [s for s in [leaving.ctl("drain", leaving.name,
                    "--status")] if s["state"] == "drained"])[0]
            equal("stays", [x for x in status["names_staying"] if x.startswith("DATACENTER ")], [])
            handle = eventually("it is elsewhere", lambda: [h for h in [owner(d, "DATACENTER")]
                    if int(h[1:3], 16) != nodes.index(leaving) + 1])[0]
            places.add(handle[1:3])
            for n, tree in zip(nodes, trees):
                equal("the tree", n.call(tree, "get", "bank", "vault"), ["gold"])
            if leaving is a:
                equal("set", a.call(trees[0], "set", "here", "late"), ["nothing"])
                for n, tree in zip(nodes, trees):
                    eventually("it came", lambda: n.call(tree, "got", "late") == ["here"])
            leaving.ctl("drain", leaving.name, "--undo")
        equal("set", d.call(trees[2], "set", "there", "deep", "down"), ["nothing"])
        for n, tree in zip(nodes, trees):
            eventually("it came", lambda: n.call(tree, "got", "deep.down") == ["there"])
            n.call(tree, "enough")
            ok, count = eventually("it ends", lambda: n.call(tree, "got", n.name)[0])
            assert ok and count > 20, (n.name, ok, count)
        assert "01" not in places, places
        # its first node, which is the master, ends and comes back: it has another one, which waits
        a.stop(), a.start().ready()
        equal("the tree", d.call(trees[2], "get", "bank", "vault"), ["gold"])
        equal("and there", b.call(trees[1], "got", "never"), [None])
        equal("set", b.call(trees[1], "set", "at last", "never"), ["nothing"])
        eventually("it came", lambda: d.call(trees[2], "got", "never") == ["at last"])
        # where it is now dies: the master's has the name, and an empty tree
        keeper = nodes[int(owner(d, "DATACENTER")[1:3], 16) - 1]
        keeper.kill()
        other = (b, trees[1]) if keeper is d else (d, trees[2])
        eventually("a has it", lambda: owner(other[0], "DATACENTER")[1:3] == "01")
        equal("an empty one", other[0].call(other[1], "get", "bank", "vault"), [None])


class Impatient(Cluster):
    """Forwarders that are not used end soon."""

    def text(self, *args, **kw):
        return super().text(*args, **kw).replace("heartbeat: 100ms",
                                                 "forwarder_idle: 200ms, heartbeat: 100ms")


def old_handles_outlive_forwarders(build):
    """what a service left where it was is gone soon after its last use; its old handles are good
    all the same, for nodes that come later, too, and after a way back"""
    with Impatient(build, HERE) as c:
        a, b, d = start(c, 3)
        empty = a.ctl("status")["services"]
        who = new(a, "traveller", "plain")
        equal("by its handle", d.call(who, "add", "1")[:2], [1, 1])
        now = a.ctl("move", who, "b")["handle"]
        equal("by the old handle", d.call(who, "add", "1")[:2], [2, 2])
        eventually("the forwarder is gone", lambda: a.ctl("status")["forwarders"] == 0
                   and who not in [s["handle"] for s in a.ctl("services")["services"]])
        for n in a, b, d:
            equal("by the old handle", n.call(who, "add", "0")[:2], [2, 2])
        late = c.node("z", 9).ready()
        eventually("z hears of it", lambda: late.call(who, "add", "0")[:2] == [2, 2])
        back = b.ctl("move", now, "a")["handle"]
        eventually("gone there, too", lambda: b.ctl("status")["forwarders"] == 0)
        for handle in who, now, back:
            for n in a, b, d, late:
                equal(f"by {handle}", n.call(handle, "add", "0")[:2], [2, 3])
        a.ctl("kill", back)
        for handle in who, now, back:
            refused(d, "no such service", "call", handle, "add", "0")


def what_stays_is_said(build):
    """drain lists the global names that other nodes lose with this one, for who has them cannot
    move; drained it is all the same"""
    with Cluster(build, HERE) as c:
        a, b = start(c, 2)
        mover, fixed = new(a, "traveller", "plain"), new(a, "fixed", "SHOP")
        equal("moving", a.call(mover, "register", "TRAVELLER")[0], True)
        eventually("b knows both", lambda: owner(b, "SHOP") == fixed and owner(b, "TRAVELLER"))
        # it can be asked before, too
        equal("before", [x.split()[0] for x in a.ctl("drain", "a", "--status")["names_staying"]
                         if x.split()[0] in ("SHOP", "TRAVELLER")], ["SHOP"])
        b.ctl("drain", "a")
        eventually("a is drained", lambda: b.ctl("drain", "a", "--status")["state"] == "drained")
        stays = b.ctl("drain", "a", "--status")["names_staying"]
        equal("SHOP", [x for x in stays if x.startswith("SHOP ")],
              [f"SHOP {fixed} fixed SHOP"])
        equal("others", [x for x in stays if x.split()[0] in ("TRAVELLER", "SERVICE")], [])


def work_goes_elsewhere(build):
    """groups avoid a node that drains, unless all do; who decides about unique services hands that
    on, so that they start on another node"""
    with Cluster(build, HERE) as c:
        nodes = a, b, d = start(c, 3)
        who = {n: new(n, "traveller", "settled") for n in nodes}
        for n in nodes:
            n.call(who[n], "join", "tour")
        draws = lambda n: n.call(who[n], "draws", "tour")
        for n in nodes:
            eventually("all are drawn", lambda: draws(n)[0] == "1 2 3")
        eventually("all know who decides", lambda: all(owner(n, "SERVICE").startswith(":01")
                                                       for n in nodes))
        a.ctl("drain", "a")
        eventually("a is drained", lambda: a.ctl("drain", "a", "--status")["state"] == "drained")
        decides = owner(a, "SERVICE")
        equal("decided elsewhere", decides[:3] in (":02", ":03"), True)
        there = d.call(who[d], "unique_of_all")[0]
        equal("started there", there[:3], decides[:3])
        equal("for all", [n.call(who[n], "unique_of_all")[0] for n in nodes], [there] * 3)
        for n in nodes:
            eventually("others are drawn", lambda: draws(n)[0] == "2 3")
            equal("the nearest", draws(n)[1] in (2, 3), True)
        for n in (b, d):
            a.ctl("drain", n.name)
        for n in nodes:
            eventually("all drain", lambda: draws(n)[0] == "1 2 3")
        a.ctl("drain", "a", "--undo")
        for n in nodes:
            eventually("one does not", lambda: draws(n) == ["1", 1])


def who_cannot_move(build):
    """who cannot move stays and says why: a start that fails, a state, requests that do not end"""
    with Cluster(build, HERE) as c:
        a, b = start(c, 2)
        refused(a, "it has no skynet.on_handover", "move", new(a, "traveller", "settled"), "b")
        secret, home = new(a, "traveller", "secret"), new(a, "traveller", "homesick", "home")
        eventually("b knows the name", lambda: owner(b, "home") == home)
        refused(a, "my state is nobody's business", "move", secret, "b")
        refused(a, "there is no place like home", "move", home, "b")
        refused(a, "no such node", "move", secret, "nowhere")
        refused(a, "it is on this node", "move", secret, "a")
        for who in (secret, home, "home"):
            equal("it goes on", b.call(who, "add", "0")[1], 1)
        equal("its name", owner(b, "home"), home)
        busy = new(a, "traveller", "plain")
        answer = []
        t = threading.Thread(target=lambda: answer.extend(b.call(busy, "slow", "400")))
        t.start()
        eventually("it is busy", lambda: a.ctl("task", busy)["tasks"])
        refused(a, "the tasks that did not end in time", "move", busy, "b")
        t.join()
        equal("the answer", answer, ["done"])
        equal("it goes on", b.call(busy, "add", "1")[:2], [1, 1])
        if a.logged("stack traceback"):
            raise Failed("who cannot move is no error")
        p = subprocess.run([build + "/harborctl", "--socket", a.socket, "drain", "a", "--wait",
                            "2"], capture_output=True, text=True)
        equal("exit status of --wait", p.returncode, 1)
        if "my state is nobody's business" not in p.stdout:
            raise Failed(f"it does not say who stays: {p.stdout}")
        equal("who could went", b.call(busy, "add", "1")[:2], [2, 2])
        b.kill()
        eventually("b is down", lambda: [x for x in a.ctl("nodes")["nodes"]
                                         if x["name"] == "b" and x["state"] != "up"])
        a.ctl("drain", "a", "--undo")
        for who in (secret, ":02000123"): # what is to go there, and what is there
            refused(a, "node b (harbor 2): node is down", "move", who, "b")


def large_state(build):
    """a state of 8 MiB"""
    with Cluster(build, HERE) as c:
        a, b = start(c, 2)
        who = new(a, "traveller", "plain")
        a.call(who, "large", str(8 << 20))
        a.ctl("move", who, "b")
        equal("there", a.call(who, "length"), [8 << 20, 2])


def nodes_that_die(build):
    """a target that dies in the middle costs nothing; an old node that dies afterwards, too"""
    with Cluster(build, HERE) as c:
        a, b, d = start(c, 3)
        who = new(b, "traveller", "plain", "someone")
        d.signal(signal.SIGSTOP)
        t = threading.Thread(target=lambda: refused(b, "", "move", who, "c"))
        t.start()
        equal("meanwhile", a.call(who, "add", "1")[:2], [1, 1])
        d.signal(signal.SIGKILL)
        d.signal(signal.SIGCONT)
        d.process.wait()
        t.join()
        equal("afterwards", a.call(who, "add", "1")[:2], [2, 1])
        b.call(who, "join", "tour")
        now = b.ctl("move", who, "a")["handle"]
        eventually("the group has it there", lambda: a.call(now, "members", "tour")[0] == now)
        eventually("its name has followed",
                   lambda: owner(a, "someone") == now)
        b.kill()
        equal("by its old handle", a.call(who, "add", "1")[:2], [3, 2])
        equal("by its name", a.call("someone", "add", "1")[:2], [4, 2])
        b.start().ready()
        eventually("the next life knows", lambda: b.call(who, "add", "0")[:2] == [4, 2])


if __name__ == "__main__":
    main([drain_and_undo, the_datacenter_lives_on,
          old_handles_outlive_forwarders, what_stays_is_said, work_goes_elsewhere,
          who_cannot_move, large_state, nodes_that_die])
