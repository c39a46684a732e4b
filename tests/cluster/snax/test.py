#!/usr/bin/python3
"""snax services of a cluster: one for all nodes, found from each; a handle of another node is an
object."""
import os
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def two(build):
    c = Cluster(build, HERE)
    c.m = c.node("m", 1, master=True)
    c.a = c.node("a", 2)
    for n in c.nodes:
        n.ready()
        n.eval = lambda text, n=n: n.call(".probe", text)
    return c


def one_for_all(build):
    """a global service is on the master's node, with the first one's arguments, for both nodes"""
    with two(build) as c:
        c.m.eval("skynet.fork(function() kept.q = snax.queryglobal 'board' end)")
        assert c.m.eval("return kept.q == nil") == [True]
        a = c.a.eval("kept.b = snax.globalservice('board', 'of a') return kept.b.handle")[0]
        assert a >> 24 == 1, a
        eventually("the query", lambda: c.m.eval("return kept.q and kept.q.handle") == [a])
        assert c.m.eval("kept.b = snax.globalservice('board', 'of m') return kept.b.handle") == [a]
        assert c.a.eval("return snax.queryglobal('board') == kept.b") == [True]
        c.a.eval("kept.b.post.put 'from a'")
        eventually("a's post", lambda: c.m.eval("return kept.b.req.all()") == ["of a", 1, "from a"])
        c.m.eval("kept.b.post.put 'from m'")
        assert c.a.eval("return kept.b.req.all()") == ["of a", 1, "from a,from m"]
        key = c.m.eval("return skynet.call('.service', 'lua', 'LIST')['@snaxd.board']")[0]
        assert key == f":{a:08x}", key


def one_on_each_node(build):
    """uniqueservice is the node's own; its handle is an object on the other node, too"""
    with two(build) as c:
        m = c.m.eval("return snax.uniqueservice('board', 'm').handle")[0]
        a = c.a.eval("return snax.uniqueservice('board', 'a').handle")[0]
        assert (m >> 24, a >> 24) == (1, 2)
        c.a.eval(f"kept.m = snax.bind({m}, 'board')")
        assert c.a.eval("return kept.m.req.all()") == ["m", 1, ""]
        assert c.a.eval("""return snax.hotfix(kept.m, [[
            local owner
            function response.all() return owner, 'patched' end
            function hotfix(...) return owner, ... end]], 5)""") == ["m", 5]
        assert c.m.eval("return snax.queryservice('board').req.all()") == ["m", "patched"]
        c.a.eval("snax.kill(kept.m)")
        assert c.a.eval("return (pcall(kept.m.req.all))") == [False]


def failures_are_told_everywhere(build):
    """one text for all nodes"""
    with two(build) as c:
        why = [n.eval("return select(2, pcall(snax.globalservice, 'broken'))")[0]
               for n in (c.a, c.m, c.a)]
        assert "call failed" in why[0], why
        assert why[0].split("call failed")[1] == why[1].split("call failed")[1], why
        assert why[0] == why[2]


main([one_for_all, one_on_each_node, failures_are_told_everywhere])
