"""Limits of the host: what the node may use is what it sizes itself by, and who has too much is
ended alone. The hosts have the controllers of cgroup v1, for those of version 2 may not be free."""
import os, re, resource
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
GATE = os.path.dirname(os.path.dirname(HERE)) + "/cluster/kept_sockets"
CONFIG = f'lua: {{ start: eater, service_path: ["{GAME}/?.lua"] }}\n'


def sized(build):
    """CPUQuota is how many workers there are, and the log tells processors, memory and
    descriptors"""
    with Host(build, lua=HERE, cgroups="hybrid") as h:
        h.configure("gate", CONFIG)
        h.drop_in("harbord@gate.service",
                  "[Service]\nCPUQuota=50%\nMemoryMax=512M\nLimitNOFILE=5000\n")
        h.run("systemctl", "start", "harbord@gate")
        assert h.ctl("gate", "status")["workers"] == 1
        said = [r["MESSAGE"] for r in h.journal("-u", "harbord@gate") if "may use" in r["MESSAGE"]]
        cpus = len(os.sched_getaffinity(0))
        hard = min(5000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        assert said == [f"may use {cpus} processors (quota: 1, 0 is none), 512 MiB of memory, "
                        f"{hard} descriptors, sockets of services below {hard - 8}"], said
        pid = h.prop("harbord@gate", "MainPID")
        limits = h.run("cat", f"/proc/{pid}/limits").stdout
        assert re.search(rf"Max open files +{hard} +{hard} ", limits), limits


def descriptors(build):
    """there are as many connections as LimitNOFILE allows; those beyond are told and closed, the
    others and operators are served"""
    with Host(build, lua=GATE) as h:
        h.configure("gate", f'lua: {{ start: main, args: "127.0.0.1:7000", '
                    f'service_path: ["{GAME}/?.lua"] }}\n')
        h.drop_in("harbord@gate.service", "[Service]\nLimitNOFILE=200\n")
        with open(os.path.dirname(HERE) + "/sessions/early.py") as f:
            h.write("/opt/early.py", f.read())
        out = h.run("/usr/bin/python3", "/opt/early.py", "7000", "300", "--stay").stdout.split()
        assert out[0] == "served" and 150 < int(out[1]) < 192, out
        assert out[2:] == ["asked", "0"], out
        print(f"# of 300 clients {out[1]} have a connection with LimitNOFILE=200")
        assert any("Too many open files" in r["MESSAGE"] for r in h.journal("-u", "harbord@gate"))
        # all have left
        out = h.run("/usr/bin/python3", "/opt/early.py", "7000", "100").stdout.split()
        assert out == ["served", "100"], out


def memory(build):
    """a service beyond its own limit fails its request; a node beyond MemoryMax is ended and
    comes back, and its neighbour notices nothing"""
    with Host(build, lua=HERE, cgroups="hybrid") as h:
        for name in ("greedy", "neighbour"):
            h.configure(name, CONFIG)
        h.drop_in("harbord@greedy.service", "[Service]\nMemoryMax=200M\nMemorySwapMax=0\n")
        h.run("systemctl", "start", "harbord@greedy", "harbord@neighbour")
        pid = h.prop("harbord@neighbour", "MainPID")
        ok, why = h.ctl("greedy", "call", ".main", "limited", limit=60)["values"]
        assert ok is False and "memory" in why, (ok, why)
        h.want("harbord@greedy", 1, ActiveState="active", NRestarts="0")
        h.run("harborctl", "--node", "greedy", "call", ".main", "eat", ok=None)
        h.want("harbord@greedy", 30, ActiveState="active", NRestarts="1")
        h.want("harbord@neighbour", 1, ActiveState="active", NRestarts="0", MainPID=pid)
        assert h.ctl("neighbour", "call", ".main", "x")["values"] == ["x"]


def tasks(build):
    """a node that gets no threads says so and fails, and its neighbour notices nothing"""
    with Host(build, lua=HERE, cgroups="hybrid") as h:
        for name in ("few", "neighbour"):
            h.configure(name, CONFIG)
        h.drop_in("harbord@few.service", "[Service]\nTasksMax=2\nRestart=no\n")
        h.run("systemctl", "start", "harbord@neighbour")
        pid = h.prop("harbord@neighbour", "MainPID")
        h.run("systemctl", "start", "harbord@few", ok=[1])
        h.want("harbord@few", 5, ActiveState="failed", ExecMainStatus="71")
        said = "\n".join(r["MESSAGE"] for r in h.journal("-u", "harbord@few"))
        assert "Resource temporarily unavailable" in said or "thread" in said, said
        h.want("harbord@neighbour", 1, ActiveState="active", NRestarts="0", MainPID=pid)
        assert h.ctl("neighbour", "call", ".main", "x")["values"] == ["x"]


main([sized, descriptors, memory, tasks])
