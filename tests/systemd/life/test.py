"""How a node starts, is watched and ends under the shipped unit, and with which status."""
import os, re, time
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = "harbord@gate"


def config(what="", threads=2, extra=""):
    return (f'node: {{ threads: {threads} }}\n'
            f'lua: {{ start: main, args: "{what}", service_path: ["{GAME}/?.lua"] }}\n{extra}')


def member(name, master=False, listen=0, more=""):
    return (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
            f'cluster: {{ listen: 127.0.0.1:{listen}, master: 127.0.0.1:6000{more} }}\n'
            + ("master: { listen: 127.0.0.1:6000 }\n" if master else ""))


def foreground(build):
    """one process, in the foreground, whose pid is the unit's for life"""
    with Host(build, lua=HERE) as h:
        h.configure("gate", config())
        h.run("systemctl", "start", UNIT)
        pid = h.prop(UNIT, "MainPID")
        first = [r["MESSAGE"] for r in h.journal("-u", UNIT) if "configuration" in r["MESSAGE"]][0]
        assert f", pid {pid}, " in first, first
        status = h.ctl("gate", "status")
        assert str(status["pid"]) == pid
        group = h.prop(UNIT, "ControlGroup")
        assert h.sh(f"cat /sys/fs/cgroup{group}/cgroup.procs").split() == [pid]
        invocation = h.prop(UNIT, "InvocationID")
        assert status["invocation_id"] == invocation and invocation in first
        assert status["unit"] == "harbord@gate.service" and status["version"], status
        assert re.fullmatch("[0-9a-f]{8,40}", status["build_id"]), status
        assert status["build_id"] in first, first
        seen = h.ctl("gate", "call", ".main", "run",
                     "env | grep -E '^(NOTIFY_SOCKET|WATCHDOG_|LISTEN_)'")["values"]
        assert seen[0] is False, seen # nothing of it is left for programs


def ready(build):
    """a member is ready when it has joined, and says what it waits for"""
    with Host(build, lua=HERE) as h:
        h.configure("a", member("a", True, 6001))
        h.configure("b", member("b", listen=6002))
        h.configure("c", member("c", listen=6003, more=", wait_for_join: false")
                    + "node: { harbor: 9 }\n")
        h.run("systemctl", "start", "--no-block", "harbord@b")
        h.run("systemctl", "start", "harbord@c") # waits for nobody
        eventually("b says what it waits for", lambda: "not in the cluster yet" in
                   h.prop("harbord@b", "StatusText"))
        h.want("harbord@b", 1, ActiveState="activating")
        h.run("systemctl", "start", "harbord@a")
        h.want("harbord@b", 5, ActiveState="active")
        eventually("b tells of its peers", lambda: re.search(
            r"running, harbor \d+, member, 2/2 peers up, \d+ services, \d+ sockets",
            h.prop("harbord@b", "StatusText")), 15)
        h.run("systemctl", "kill", "-s", "STOP", "harbord@c")
        eventually("b tells that a peer is gone", lambda: "1/2 peers up" in
                   h.prop("harbord@b", "StatusText") or "1/1 peers up" in
                   h.prop("harbord@b", "StatusText"), 30)
        h.run("systemctl", "kill", "-s", "CONT", "harbord@c")


def restarts(build):
    """a member that is killed five times joins again within seconds, and its names are its own"""
    with Host(build, lua=HERE) as h:
        h.configure("a", member("a", True, 6001))
        h.configure("b", member("b", listen=6002))
        h.run("systemctl", "start", "harbord@a", "harbord@b")
        for i, sig in enumerate(["KILL", "SEGV", "ABRT", "KILL", "KILL"]):
            began = time.monotonic()
            h.run("systemctl", "kill", "-s", sig, "harbord@b")
            h.want("harbord@b", 10, ActiveState="active", NRestarts=str(i + 1))
            eventually("the master sees it again", lambda: [
                n["state"] for n in h.ctl("a", "nodes")["nodes"] if n["name"] == "b"] == ["up"], 10)
            assert h.ctl("a", "--node", "b", "status")["node"] == "b"
            print(f"# SIG{sig}: back after {time.monotonic() - began:.1f} s")


def slow_start(build):
    """a start that makes progress may take longer than TimeoutStartSec; one that hangs may not"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nTimeoutStartSec=2\nRestart=no\n")
        h.configure("gate", config("slow 6"))
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 1, ActiveState="active", Result="success")
        h.configure("hang", config("hangs"))
        h.run("systemctl", "start", "harbord@hang", ok=[1])
        h.want("harbord@hang", 10, ActiveState="failed", Result="timeout")


def statuses(build):
    """each way to fail has its status; the last line says why; what trying again does not help
    is not tried again"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nRestartSec=100ms\n")
        h.drop_in("harbord@usage.service", "[Service]\nExecStart=\n"
                  "ExecStart=/usr/sbin/harbord --no-such-option\n")
        h.configure("usage", "")
        h.configure("conf", "lua: { strt: main }\nnet: { threads: many }\n")
        h.configure("nostart", "lua: { start: nobody }\n")
        h.configure("throws", config("throws"))
        h.configure("port", member("port", True, 6001))
        h.configure("denied", "log: { file: /usr/log, sink: file }\n")
        h.sh("systemd-run --unit=squatter -- /usr/bin/python3 -c \"import socket,time; "
             "s=socket.socket(); s.bind(('127.0.0.1', 6000)); s.listen(); time.sleep(1000)\"")
        cases = [("usage", 64, False, "unknown option: --no-such-option"),
                 ("conf", 78, False, "/etc/harbor/conf.yaml:2:17: net.threads"),
                 ("nostart", 78, False, "nobody"),
                 ("throws", 70, True, "this is meant"),
                 ("port", 69, True, "127.0.0.1:6000"),
                 ("denied", 77, True, "/usr/log")]
        for name, status, again, why in cases:
            unit = f"harbord@{name}"
            h.run("systemctl", "start", unit, ok=[1])
            h.want(unit, 10, ExecMainStatus=str(status))
            if not again:
                h.want(unit, 2, ActiveState="failed", NRestarts="0")
            else:
                eventually(f"{name} is tried again",
                           lambda: int(h.prop(unit, "NRestarts")) > 0)
            said = "\n".join(r["MESSAGE"] for r in h.journal("-u", unit))
            assert why in said, (name, said)
            h.run("systemctl", "stop", unit)


def drains(build):
    """services that save may take longer than TimeoutStopSec; what they saved is there, and
    nothing else"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nTimeoutStopSec=2\n")
        h.configure("gate", config("saves 5"))
        h.run("systemctl", "start", UNIT)
        group = h.prop(UNIT, "ControlGroup")
        h.run("systemctl", "stop", "--no-block", UNIT)
        eventually("it says that it stops", lambda: "stopping" in h.prop(UNIT, "StatusText"))
        h.want(UNIT, 15, ActiveState="inactive", Result="success", ExecMainStatus="0")
        assert h.run("cat", "/var/lib/harbor/gate/saved").stdout == "all of it"
        assert not h.run("ls", f"/sys/fs/cgroup{group}", ok=None).stdout
        # a second signal: at once, and still no failure
        h.run("systemctl", "start", UNIT)
        h.run("systemctl", "stop", "--no-block", UNIT)
        eventually("it says that it stops", lambda: "stopping" in h.prop(UNIT, "StatusText"))
        time.sleep(0.2) # a signal that comes at once is the same request
        began = time.monotonic()
        h.run("systemctl", "kill", "-s", "TERM", "--kill-who=main", UNIT)
        h.want(UNIT, 3, ActiveState="inactive", Result="success")
        assert time.monotonic() - began < 2
        # services that do not end in time are ended
        h.configure("gate", config("saves 1000", extra="admin: { stop_timeout: 1s }\n"))
        h.run("systemctl", "start", UNIT)
        h.run("systemctl", "stop", UNIT)
        h.want(UNIT, 1, ActiveState="inactive", Result="success")


def drains_first(build):
    """a drain may take longer than TimeoutStopSec, too; when its own time is over the node ends by
    itself"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nTimeoutStopSec=2\n")
        h.configure("a", member("a", True, 6001))
        h.configure("b", member("b", listen=6002).replace("main,", "main, args: stays,")
                    + "admin: { drain_on_stop: 5s }\n")
        h.run("systemctl", "start", "harbord@a", "harbord@b")
        began = time.monotonic()
        h.run("systemctl", "stop", "--no-block", "harbord@b")
        eventually("it says that it drains", lambda: ", drains" in
                   h.prop("harbord@b", "StatusText"))
        h.want("harbord@b", 20, ActiveState="inactive", Result="success", ExecMainStatus="0")
        assert time.monotonic() - began >= 5, "it did not wait for its drain"
        assert any("not drained" in r["MESSAGE"] for r in h.journal("-u", "harbord@b"))


def watched(build):
    """a node that stands still is restarted by the watchdog; one endless loop is named and is no
    reason; loops on all workers are"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=5\n"
                  "LimitCORE=0\n")
        h.configure("gate", config(threads=4))
        h.run("systemctl", "start", UNIT)
        h.run("systemctl", "kill", "-s", "STOP", UNIT)
        h.want(UNIT, 15, ActiveState="active", NRestarts="1")
        assert any("Watchdog timeout" in r["MESSAGE"] for r in h.journal("-u", UNIT))
        h.ctl("gate", "call", ".main", "loops", "1")
        eventually("the loop is named", lambda: re.search(
            r"1 of 4 workers stuck, service :[0-9a-f]{8} looper", h.prop(UNIT, "StatusText")), 20)
        time.sleep(10) # five times the watchdog's
        h.want(UNIT, 1, ActiveState="active", NRestarts="1")
        assert any("looper" in r["MESSAGE"] and "endless loop" in r["MESSAGE"]
                   for r in h.journal("-u", UNIT))
        h.ctl("gate", "call", ".main", "loops", "3")
        h.want(UNIT, 20, ActiveState="active", NRestarts="2")


def loop_stands(build):
    """a node whose network loop stands still, with a lock in its hand, is restarted by the
    watchdog"""
    with Host(build, lua=HERE, faults="loop_stands:1") as h:
        h.drop_in("harbord@.service", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=5\n"
                  "LimitCORE=0\n")
        h.configure("gate", config(threads=4))
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 1, ActiveState="active", NRestarts="0")
        # the first connection is accepted by a loop that goes no further
        h.sh("harborctl --node gate status >/dev/null 2>&1 </dev/null &")
        h.want(UNIT, 20, ActiveState="active", NRestarts="1")
        said = "\n".join(r["MESSAGE"] for r in h.journal("-u", UNIT))
        assert "fault: loop_stands 1" in said and "Watchdog timeout" in said, said
        assert "net loop stands" in said, said


main([foreground, ready, restarts, slow_start, statuses, drains, drains_first, watched,
      loop_stands])
