#!/usr/bin/python3
"""Unique services, names and groups when the node that leads is killed and not started again:
three candidates with a real etcd."""
import os, re
from etcd import Etcd
from harness import Cluster, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
LUA = os.path.join(HERE, "..", "unique_services")


class Town(Cluster):
    """Candidates a, b, c (harbor 1, 2, 3). On a busy host etcd may not answer for a second or two,
    and with a lease of 3 s, the default, nobody leads then and requests fail: so it is longer here,
    and requests wait for longer than that."""

    def __init__(self, build):
        super().__init__(build, LUA)
        self.ports = [free_port() for _ in "abc"]
        self.etcd = Etcd(self.tmp).start()

    def text(self, name, harbor, **kw):
        text = super().text(name, harbor, **kw)
        text = re.sub(r"name_wait: \w+", "name_wait: 20s", text)
        masters = ", ".join(f"127.0.0.1:{p}" for p in self.ports)
        text = text.replace(f"127.0.0.1:{self.master_port}", masters)
        text = re.sub(r"(cluster: \{ name: test, listen: 127.0.0.1):\d+", r"\1:0", text)
        return text + (f"master: {{ listen: 127.0.0.1:{self.ports[harbor - 1]}, registry: etcd, "
                       f"etcd: [127.0.0.1:{self.etcd.port}], lease: 8s }}\n")

    def __exit__(self, *why):
        self.etcd.kill()
        super().__exit__(*why)


def rows(node, name):
    return [r for r in node.ctl("names")["names"] if r["name"] == name]


def the_leaders_node_is_lost_for_good(build):
    """kill -9 of the node that leads and runs the unique services: another leads, and without a
    restart they are born again, once, with their first arguments; groups lose its members only"""
    with Town(build) as c:
        for i, name in enumerate("abc", 1):
            c.node(name, i)
        for n in c.nodes:
            n.ready(30)
        for n in c.nodes:
            eventually("all are linked", lambda: sorted(
                x["state"] for x in n.ctl("nodes")["nodes"]) == ["self", "up", "up"])
        leader = eventually("one leads", lambda: [n for n in c.nodes
                                                  if n.ctl("master")["role"] == "master"])[0]
        others = [n for n in c.nodes if n != leader]
        mine = leader.call(".probe", "manager")[0]
        leader.ctl("names", "--transfer", "SERVICE", f":{mine:08x}")
        # so does the datacenter's tree, which was another candidate's, maybe
        mine_too = next(s["handle"] for s in leader.ctl("list")["services"]
                        if "datacenterd" in s["service"])
        leader.ctl("names", "--transfer", "DATACENTER", mine_too)
        for n in c.nodes:
            eventually("the tree is here", lambda: rows(n, "DATACENTER")[0]["handle"] == mine_too)
        others[0].call(".probe", "tree", "set", "k", "v")
        assert others[1].call(".probe", "tree", "get", "k")[0] == "v"
        for n in c.nodes:
            eventually("it decides",
                       lambda: rows(n, "SERVICE")[0]["handle"] == f":{mine:08x}")
        old = others[0].call(".probe", "unique", "true", "other", "x")[0]
        assert old >> 24 == mine >> 24
        members = {n: n.call(".probe", "join", "G")[0] for n in c.nodes}
        others[1].call(".probe", "query_later", "single")
        leader.kill()
        new = eventually("it is born again", lambda: [
            r for r in rows(others[0], "@other") if r["handle"] != f":{old:08x}"], 40)
        handle = int(new[0]["handle"][1:], 16)
        for n in others:
            assert n.call(".probe", "query", "true", "other", limit=30)[0] == handle
            assert n.call(".probe", "unique", "true", "other", "late")[0] == handle
            assert n.call(".probe", "ask", str(handle), "w")[:2] == [True, "x"]
            assert n.call(".probe", "ask", str(old), "w")[0] is False
            eventually("its members are gone",
                       lambda: n.call(".probe", "members", "G")[0]
                       == sorted(members[k] for k in others))
            eventually("another has a tree", lambda: rows(n, "DATACENTER") and
                       rows(n, "DATACENTER")[0]["handle"] != mine_too)
        assert others[0].call(".probe", "tree", "get", "k")[:1] in ([], [None])
        others[0].call(".probe", "tree", "set", "k", "w")
        assert others[1].call(".probe", "tree", "get", "k")[0] == "w"
        single = others[0].call(".probe", "unique", "true", "single", "y")[0]
        eventually("who waited is answered",
                   lambda: others[1].call(".probe", "got", "single")[0] == single)
        # it comes back and finds others in its place
        leader.start().ready(30)
        eventually("the same one is everybody's",
                   lambda: leader.call(".probe", "unique", "true", "other", "z")[0] == handle)


main([the_leaders_node_is_lost_for_good])
