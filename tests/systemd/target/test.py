"""All nodes of a host: the target, the order of starts, the death of the master."""
import os
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIFE = os.path.dirname(HERE) + "/life"
NODES = ["master-1", "map_1", "gate"]


def cluster(h):
    h.configure("harbor", f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
                "cluster: { master: 127.0.0.1:6000, heartbeat: 200ms, dead_after: 2s }\n")
    for i, name in enumerate(NODES):
        h.configure(name, f"cluster: {{ listen: 127.0.0.1:{6001 + i} }}\n"
                    + ("" if i else "master: { listen: 127.0.0.1:6000 }\n"))


def complete(h):
    def all_up():
        for name in NODES:
            nodes = h.ctl(name, "nodes")["nodes"]
            if sorted(n["state"] for n in nodes) != ["self", "up", "up"]:
                return False
        return True
    eventually("all see each other", all_up, 20)


def pids(h):
    return [h.prop(f"harbord@{n}", "MainPID") for n in NODES]


def target(build):
    """the target starts, restarts and stops all nodes of the host; the death of the master ends
    none"""
    with Host(build, lua=LIFE) as h:
        cluster(h)
        units = [f"harbord@{n}.service" for n in NODES]
        h.run("systemctl", "enable", *units)
        h.run("systemctl", "start", "harbor-cluster.target")
        for unit in units:
            h.want(unit, 20, ActiveState="active", Slice="harbor.slice")
        complete(h)
        first = pids(h)
        h.run("systemctl", "kill", "-s", "KILL", "harbord@master-1")
        h.want("harbord@master-1", 10, ActiveState="active", NRestarts="1")
        complete(h)
        assert pids(h)[1:] == first[1:]
        h.run("systemctl", "restart", "harbor-cluster.target")
        for unit in units:
            h.want(unit, 20, ActiveState="active")
        complete(h)
        assert not set(pids(h)) & set(first)
        h.run("systemctl", "reload", "harbord@*")
        h.run("systemctl", "stop", "harbor-cluster.target")
        for unit in units:
            h.want(unit, 20, ActiveState="inactive", Result="success")


def power(build):
    """after a power cut the nodes that are enabled are back, with the master's memory"""
    with Host(build, lua=LIFE) as h:
        cluster(h)
        h.run("systemctl", "enable", "harbor-cluster.target",
              *[f"harbord@{n}.service" for n in NODES])
        h.run("systemctl", "start", "harbor-cluster.target")
        complete(h)
        ids = {n["name"]: n["harbor"] for n in h.ctl("gate", "nodes")["nodes"]}
        h.crash()
        h.up()
        complete(h)
        assert {n["name"]: n["harbor"] for n in h.ctl("gate", "nodes")["nodes"]} == ids


main([target, power])
