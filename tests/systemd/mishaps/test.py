"""What befalls a node as a service: signals and restarts amid a stop, disks that are full or
read-only when it starts, a journald that is restarted, many nodes on one host, C code that does not
come back."""
import os, re
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIFE = os.path.dirname(HERE) + "/life"
UNIT = "harbord@gate"


def config(what="", threads=2, extra=""):
    return (f'node: {{ threads: {threads} }}\n'
            f'lua: {{ start: main, args: "{what}", service_path: ["{GAME}/?.lua"] }}\n{extra}')


def stops(h):
    eventually("it says that it stops", lambda: "stopping" in h.prop(UNIT, "StatusText"))


def said(h, unit=UNIT):
    return [r["MESSAGE"] for r in h.journal("-u", unit)]


def killed_amid_a_stop(build):
    """SIGKILL to a node whose services save: it is not started again, what was saved before is
    whole, and the next start is like any other; SIGQUIT is an abort with evidence"""
    with Host(build, lua=LIFE) as h:
        h.configure("gate", config("saves 30"))
        h.run("systemctl", "start", UNIT)
        h.run("systemctl", "stop", "--no-block", UNIT)
        stops(h)
        h.run("systemctl", "kill", "-s", "KILL", UNIT)
        h.want(UNIT, 10, ActiveState="failed", Result="signal")
        assert h.prop(UNIT, "NRestarts") == "0" and h.prop(UNIT, "NFileDescriptorStore") == "0"
        assert h.run("test", "-e", "/var/lib/harbor/gate/saved", ok=None).returncode == 1
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 1, ActiveState="active")
        h.run("systemctl", "kill", "-s", "QUIT", "--kill-who=main", UNIT)
        h.want(UNIT, 10, ActiveState="active", NRestarts="1")
        assert any("status=3/QUIT" in m for m in said(h)), said(h)


def restarted_amid_a_restart(build):
    """a second restart while the first still waits for services that save, and a reload then: one
    stop, one start, and all is saved"""
    with Host(build, lua=LIFE) as h:
        h.configure("gate", config("saves 5"))
        h.run("systemctl", "start", UNIT)
        first = h.prop(UNIT, "MainPID")
        h.run("systemctl", "restart", "--no-block", UNIT)
        stops(h)
        h.run("systemctl", "restart", "--no-block", UNIT)
        h.run("harborctl", "--node", "gate", "reload", ok=None)
        h.run("systemctl", "restart", UNIT)
        h.want(UNIT, 1, ActiveState="active", Result="success", NRestarts="0")
        assert h.run("cat", "/var/lib/harbor/gate/saved").stdout == "all of it"
        assert h.prop(UNIT, "MainPID") != first
        text = "\n".join(said(h))
        assert text.count("stopping: ") >= 1 and len(re.findall(r"ready: harbor", text)) == 2, text


def read_only_configuration(build):
    """/etc is read-only, as on many a host: a node starts, is reloaded and stops"""
    with Host(build, lua=LIFE) as h:
        h.configure("gate", config())
        h.sh("mount --bind /etc/harbor /etc/harbor && mount -o remount,bind,ro /etc/harbor")
        assert h.run("touch", "/etc/harbor/x", ok=None).returncode
        h.run("systemctl", "start", UNIT)
        h.run("systemctl", "reload", UNIT)
        assert h.ctl("gate", "call", ".main", "x")["values"] == ["x"]
        h.run("systemctl", "stop", UNIT)
        h.want(UNIT, 1, ActiveState="inactive", Result="success")


def full_when_it_starts(build):
    """a disk that is full when a node starts: under its log it starts and says how many lines are
    lost, under its registry it ends with a reason, and both come back when there is room"""
    logs, state = "/var/log/harbor/gate", "/var/lib/harbor/gate"
    with Host(build, lua=LIFE) as h:
        for folder in (logs, state):
            h.sh(f"mkdir -p {folder}; mount -t tmpfs -o size=256k,mode=750 small {folder}; "
                 f"chown _harbor:_harbor {folder}")
            h.run("dd", "if=/dev/zero", f"of={folder}/ballast", "bs=4k", ok=[1])
        h.configure("gate", config(extra=f"log: {{ sink: file, file: {logs}/gate.log }}\n"))
        h.run("systemctl", "start", UNIT)
        assert h.ctl("gate", "call", ".main", "x")["values"] == ["x"]
        assert h.ctl("gate", "status")["log_lines_dropped"] > 0
        h.run("rm", f"{logs}/ballast")
        h.run("systemctl", "restart", UNIT)
        eventually("it is written", lambda: "ready: " in h.sh(f"cat {logs}/gate.log"))
        h.drop_in("harbord@.service", "[Unit]\nStartLimitIntervalSec=0\n")
        h.configure("gate", config(extra="cluster: { name: c, listen: 127.0.0.1:7100, master: "
                                   "[127.0.0.1:7000] }\nmaster: { listen: 127.0.0.1:7000 }\n"))
        h.run("systemctl", "restart", UNIT, ok=[1])
        eventually("the reason, and no matter of permissions", lambda: any(
            "database or disk is full" in m for m in said(h)) and
                   h.prop(UNIT, "ExecMainStatus") == "69")
        h.run("rm", f"{state}/ballast")
        h.want(UNIT, 20, ActiveState="active")


def a_journald_that_is_restarted(build):
    """journald is restarted: what a node says before and afterwards is in the journal"""
    with Host(build, lua=LIFE) as h:
        h.configure("gate", config())
        h.run("systemctl", "start", UNIT)
        for i in range(3):
            h.run("systemctl", "restart", "systemd-journald")
            level = ("debug", "info")[i % 2]
            h.configure("gate", config(extra=f"log: {{ level: {level} }}\n"))
            h.run("systemctl", "reload", UNIT)
            eventually("it is told", lambda: len(h.journal(
                "-u", UNIT, "HARBOR_EVENT=config_applied")) == i + 1)
        assert h.ctl("gate", "status")["log_lines_dropped"] == 0


def thirty(build):
    """30 nodes on one host: the target starts them, all see each other, it stops them"""
    names = [f"n{i}" for i in range(30)]
    with Host(build, lua=LIFE) as h:
        h.configure("harbor", config() + "cluster: { master: 127.0.0.1:6000 }\n")
        for i, name in enumerate(names):
            h.configure(name, f"cluster: {{ listen: 127.0.0.1:{6001 + i} }}\n"
                        + ("" if i else "master: { listen: 127.0.0.1:6000 }\n"))
        units = [f"harbord@{n}.service" for n in names]
        h.run("systemctl", "enable", *units)
        h.run("systemctl", "start", "harbor-cluster.target", limit=120)
        eventually("all see each other", lambda: [
            n["state"] for n in h.ctl("n7", "nodes")["nodes"]].count("up") == 29, 60)
        assert [h.prop(u, "NRestarts") for u in units] == ["0"] * len(units)
        h.run("systemctl", "stop", "harbor-cluster.target", limit=120)
        for u in units:
            h.want(u, 60, ActiveState="inactive", Result="success")


def workers_in_c(build):
    """C code that does not come back: one worker in it is named and is no reason for the watchdog,
    all of them are"""
    with Host(build, lua=LIFE) as h:
        h.drop_in("harbord@.service", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=5\nLimitCORE=0\n")
        h.configure("gate", config(threads=2))
        h.run("systemctl", "start", UNIT)
        h.ctl("gate", "call", ".main", "loops", "1", "looper_c")
        eventually("it is named", lambda: re.search(
            r"1 of 2 workers stuck, service :[0-9a-f]{8} looper_c", h.prop(UNIT, "StatusText")), 20)
        h.want(UNIT, 1, ActiveState="active", NRestarts="0")
        h.ctl("gate", "call", ".main", "loops", "1", "looper_c")
        h.want(UNIT, 30, ActiveState="active", NRestarts="1")
        assert any("Watchdog timeout" in m for m in said(h))


main([killed_amid_a_stop, restarted_amid_a_restart, read_only_configuration, full_when_it_starts,
      a_journald_that_is_restarted, thirty, workers_in_c])
