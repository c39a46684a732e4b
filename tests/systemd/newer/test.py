"""A host with Debian 13, whose systemd is newer than that of this machine: notify-reload.conf."""
import os
from boxes import GAME, Host, eventually, main, newer_root, rounds

HERE = os.path.dirname(os.path.abspath(__file__))
GAMES = os.path.dirname(HERE) + "/service"
UNIT = "harbord@gate"
DROP_IN = "/usr/share/doc/harbord/examples/notify-reload.conf"


def config(level):
    return (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
            f"log: {{ level: {level} }}\n")


def notify_reload(build):
    """with notify-reload.conf the manager waits for the end of a reload, and the node is as it was
    when a file is refused"""
    with Host(build, lua=GAMES, root=where, faults="slow_reload:every=1") as h:
        version = int(h.run("systemctl", "--version").stdout.split()[1])
        assert version >= 253, version
        h.run("install", "-D", "-m", "644", DROP_IN,
              "/etc/systemd/system/harbord@.service.d/notify-reload.conf")
        h.run("systemctl", "daemon-reload")
        h.configure("gate", config("info"))
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 1, ActiveState="active", Type="notify-reload")
        assert not h.prop(UNIT, "ExecReload")
        pid, count = h.prop(UNIT, "MainPID"), rounds(4, full=200)
        for i in range(count):
            level = ("debug", "error")[i % 2]
            h.configure("gate", config(level))
            h.run("systemctl", "reload", UNIT)
            seen = h.ctl("gate", "log_level")["log_level"]
            assert seen == level, f"round {i}: {seen}, and not {level}"
        h.configure("gate", config("loud"))
        h.run("systemctl", "reload", UNIT)
        h.want(UNIT, 1, ActiveState="active", MainPID=pid, NRestarts="0")
        assert h.ctl("gate", "log_level")["log_level"] == level
        assert "reload refused: /etc/harbor/gate.yaml:2:15" in h.prop(UNIT, "StatusText")
        print(f"# {count} slow reloads under systemd {version}")


def as_shipped(build):
    """without it the unit is what it is on an older systemd"""
    with Host(build, lua=GAMES, root=where) as h:
        h.configure("gate", config("info"))
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 1, ActiveState="active", Type="notify")
        h.configure("gate", config("loud"))
        h.run("systemctl", "reload", UNIT, ok=[1])
        h.run("systemctl", "kill", "-s", "KILL", UNIT)
        h.want(UNIT, 10, ActiveState="failed", ExecMainStatus="78") # the file is not good
        h.configure("gate", config("debug"))
        h.run("systemctl", "restart", UNIT)
        h.run("systemctl", "kill", "-s", "KILL", UNIT)
        h.want(UNIT, 10, ActiveState="active", NRestarts="1")
        h.run("systemctl", "stop", UNIT)
        h.want(UNIT, 1, ActiveState="inactive", Result="success")


where, why = newer_root()
main([notify_reload, as_shipped], None if where else f"needs a root with Debian 13: {why}")
