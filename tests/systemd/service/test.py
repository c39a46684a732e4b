"""The life of a node as a service: it is ready when it says so, and comes back when it dies."""
import os, subprocess
from boxes import BOX, GAME, Host, eventually, main, rounds

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'


def starts_and_comes_back(build):
    """a node starts with the shipped unit, is ready, is killed and comes back"""
    with Host(build, lua=HERE) as h:
        h.configure("gate", ALONE)
        h.run("systemctl", "start", "harbord@gate")
        # start returned, so READY was said
        h.want("harbord@gate", 1, ActiveState="active", SubState="running", NRestarts="0")
        assert h.ctl("gate", "call", ".main", "hello")["values"] == ["main hears hello"]
        born = h.prop("harbord@gate", "InvocationID")
        h.run("systemctl", "kill", "-s", "KILL", "harbord@gate")
        h.want("harbord@gate", 10, ActiveState="active", NRestarts="1")
        assert h.prop("harbord@gate", "InvocationID") != born
        assert h.ctl("gate", "call", ".main", "again")["values"] == ["main hears again"]
        h.run("systemctl", "stop", "harbord@gate")
        h.want("harbord@gate", 1, ActiveState="inactive", Result="success")


def instances(build):
    """each instance has a file of its own, and is the node of that name; an unknown one fails with
    78"""
    with Host(build, lua=HERE) as h:
        h.configure("harbor", ALONE)
        for name in ["gate", "map-1", "map_2", "login.3"]:
            h.configure(name, "log: { level: warning }")
        h.write("/etc/harbor/gate.yaml.d/10-level.yaml", "log: { level: debug }", "640",
                "root:_harbor")
        escaped = h.run("systemd-escape", "--template=harbord@.service", "map-1").stdout.strip()
        assert escaped == r"harbord@map\x2d1.service", escaped
        units = ["harbord@gate", escaped, "harbord@map_2", "harbord@login.3"]
        h.run("systemctl", "start", *units)
        for name, unit in zip(["gate", "map-1", "map_2", "login.3"], units):
            status = h.ctl(name, "status")
            assert status["node"] == name, status
            assert status["log_level"] == ("debug" if name == "gate" else "warning"), status
            assert str(status["pid"]) == h.prop(unit, "MainPID"), status
        h.run("systemctl", "stop", escaped)
        h.run("systemctl", "start", "harbord@map-1") # as people type it
        assert h.ctl("map-1", "status")["node"] == "map-1"

        h.run("systemctl", "start", "harbord@nobody", ok=[1])
        h.want("harbord@nobody", 1, ActiveState="failed", Result="exit-code", ExecMainStatus="78",
               NRestarts="0")
        said = [r["MESSAGE"] for r in h.journal("-u", "harbord@nobody")]
        assert any("this host has no node nobody: /etc/harbor/nobody.yaml" in m and
                   "it has gate, login.3, map-1, map_2" in m for m in said), said


def reloads(build):
    """systemctl reload returns when the new configuration is in force, and fails if it is not
    good"""
    with Host(build, lua=HERE) as h:
        h.configure("gate", ALONE)
        h.run("systemctl", "start", "harbord@gate")
        pid = h.prop("harbord@gate", "MainPID")
        for level in ("debug", "error") * 5:
            h.configure("gate", ALONE + f"log: {{ level: {level} }}\n")
            h.run("systemctl", "reload", "harbord@gate")
            assert h.ctl("gate", "log_level")["log_level"] == level
        h.configure("gate", ALONE + "log: { level: loud }\n")
        h.run("systemctl", "reload", "harbord@gate", ok=[1])
        h.want("harbord@gate", 5, ActiveState="active", MainPID=pid, NRestarts="0")
        assert h.ctl("gate", "log_level")["log_level"] == "error"
        assert "reload refused: /etc/harbor/gate.yaml:2:15" in h.prop("harbord@gate", "StatusText")
        said = [r["MESSAGE"] for r in h.journal("-u", "harbord@gate")]
        assert any("nothing was changed: /etc/harbor/gate.yaml:2:15: log.level" in m
                   for m in said), said[-5:]


def slow_reloads(build):
    """a reload that takes its time: systemctl reload returns when it is done, also of two at once,
    which come one after the other"""
    with Host(build, lua=HERE, faults="slow_reload:every=1") as h:
        def write(level):
            h.configure("gate", ALONE + f"log: {{ level: {level} }}\n")

        def in_force():
            return h.ctl("gate", "log_level")["log_level"]

        write("info")
        h.run("systemctl", "start", "harbord@gate")
        count = rounds(4, full=200)
        for i in range(count):
            level = ("debug", "error")[i % 2]
            write(level)
            h.run("systemctl", "reload", "harbord@gate")
            assert in_force() == level, f"round {i}: {in_force()}, and not {level}"
        write("debug")
        first = subprocess.Popen([BOX, "in", h.name, "systemctl", "reload", "harbord@gate"])
        eventually("it reloads", lambda: h.prop("harbord@gate", "ActiveState") == "reloading")
        write("warning")
        h.run("systemctl", "reload", "harbord@gate")
        assert first.wait(20) == 0 and in_force() == "warning", in_force()
        # the node itself is asked by two at once
        asked = [subprocess.Popen([BOX, "in", h.name, "harborctl", "--node", "gate", "reload"],
                                  stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [p.wait(20) for p in asked] == [0, 0]
        said = "\n".join(r["MESSAGE"] for r in h.journal("-u", "harbord@gate"))
        assert said.count("fault: slow_reload") == count + 4, said
        print(f"# {count} slow reloads, and twice two at once")


main([starts_and_comes_back, instances, reloads, slow_reloads])
