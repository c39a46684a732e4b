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


def limit(h, unit, **properties):
    """Changes limits of a unit while it runs."""
    h.run("systemctl", "set-property", "--runtime", unit,
          *(f"{name}={value}" for name, value in properties.items()))


def quota(build):
    """a quota that changes while the node runs is followed, without a restart: more processors are
    more workers, fewer let some sleep"""
    cpus = len(os.sched_getaffinity(0))
    with Host(build, lua=HERE, cgroups="hybrid") as h:
        h.configure("gate", CONFIG)
        h.drop_in("harbord@gate.service", "[Service]\nCPUQuota=50%\n")
        h.run("systemctl", "start", "harbord@gate")
        pid = h.prop("harbord@gate", "MainPID")

        def sized_by(quota, processors, workers):
            limit(h, "harbord@gate", CPUQuota=quota)
            eventually(f"{quota}: {processors} processors, {workers} workers", lambda: (
                lambda s: (s["processors"], s["workers"]) == (processors, workers) or s)(
                    h.ctl("gate", "status")) is True)

        assert h.ctl("gate", "status")["processors"] == 1
        for _ in range(3):
            sized_by(f"{100 * cpus}%", cpus, cpus)
            sized_by("30%", 1, cpus)
        limit(h, "harbord@gate", CPUQuota="")
        h.run("systemctl", "reload", "harbord@gate") # which looks at once
        assert h.ctl("gate", "status")["processors"] == cpus
        h.want("harbord@gate", 1, ActiveState="active", NRestarts="0", MainPID=pid)
        said = [r["MESSAGE"] for r in h.journal("-u", "harbord@gate")]
        raised = f"may use {cpus} processors now, and not 1: there are {cpus} workers"
        assert cpus == 1 or said.count(raised) == 4, said


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
        unharmed(h, pid)


def unharmed(h, pid):
    """The neighbour is the one that it was, and has nothing to complain about."""
    h.want("harbord@neighbour", 1, ActiveState="active", NRestarts="0", MainPID=pid)
    assert h.ctl("neighbour", "call", ".main", "x")["values"] == ["x"]
    assert h.ctl("neighbour", "call", ".main", "program")["values"][0] == "it runs"
    bad = h.journal("-u", "harbord@neighbour", "-p", "warning")
    assert not bad, bad


def few_tasks(build):
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
        unharmed(h, pid)


def no_more_tasks(build):
    """a node that reaches TasksMax while it runs: what needs a thread or a program fails with a
    reason, all else goes on, and when there is room again so does that"""
    with Host(build, lua=HERE, cgroups="hybrid") as h:
        for name in ("full", "neighbour"):
            h.configure(name, CONFIG)
        h.drop_in("harbord@full.service", "[Service]\nCPUQuota=50%\n")
        h.run("systemctl", "start", "harbord@full", "harbord@neighbour")
        pid = h.prop("harbord@neighbour", "MainPID")

        def ask(word):
            return (h.ctl("full", "call", ".main", word)["values"] + [None, None])[:2]

        assert ask("program")[0] == "it runs"
        limit(h, "harbord@full", TasksMax=h.prop("harbord@full", "TasksCurrent"))
        limit(h, "harbord@full", CPUQuota="1000%")
        no = "Resource temporarily unavailable"
        said = [ask("program")[1], ask("look up")[1],
                h.run("harborctl", "--node", "full", "flame", "--seconds", "1", ok=[1]).stderr,
                *eventually("no worker for the second processor", lambda: [
                    r["MESSAGE"] for r in h.journal("-u", "harbord@full", "-p", "warning")
                    if "a worker could not be started" in r["MESSAGE"]])]
        assert "Cannot allocate memory" in said[0] and no in said[1], said
        assert "no thread can be started" in said[2] and no in said[-1], said
        assert len(said) == (4 if len(os.sched_getaffinity(0)) > 1 else 3), "once is enough"
        assert ask("x")[0] == "x"
        h.run("systemctl", "reload", "harbord@full")
        unharmed(h, pid)
        limit(h, "harbord@full", TasksMax=100)
        assert ask("program")[0] == "it runs" and no not in str(ask("look up")[1])
        eventually("the worker comes", lambda: h.ctl("full", "status")["workers"] > 1)
        h.want("harbord@full", 1, ActiveState="active", NRestarts="0")
        h.run("systemctl", "stop", "harbord@full")
        h.want("harbord@full", 1, ActiveState="inactive", Result="success")


main([sized, quota, descriptors, memory, few_tasks, no_more_tasks])
