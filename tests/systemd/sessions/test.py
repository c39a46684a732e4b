"""Nobody is refused and nobody is disconnected when systemd restarts a gate, and a socket unit
opens the clients' port."""
import json, os, subprocess, time
from boxes import BOX, GAME, Host, eventually, main, rounds

HERE = os.path.dirname(os.path.abspath(__file__))
GATE = os.path.dirname(os.path.dirname(HERE)) + "/cluster/kept_sockets" # the same gate as there
PORT = 7000


def config(address):
    return f'lua: {{ start: main, args: "{address}", service_path: ["{GAME}/?.lua"] }}\n'


class Players:
    """players.py in the host, from with to the end of it."""

    def __init__(self, host, count):
        self.host = host
        with open(HERE + "/players.py") as f:
            host.write("/opt/players.py", f.read())
        host.run("rm", "-f", "/run/over")
        self.process = subprocess.Popen([BOX, "in", host.name, "/usr/bin/python3",
                                         "/opt/players.py", str(PORT), str(count), "/run/over"],
                                        stdout=subprocess.PIPE, text=True, cwd="/")

    def end(self):
        self.host.run("touch", "/run/over")
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


def stored(h):
    return int(h.prop("harbord@gate", "NFileDescriptorStore"))


def descriptors(h):
    """Those of the gate and those of the manager. Somebody connects all the time, so two or three
    come and go."""
    gate = h.prop("harbord@gate", "MainPID")
    return [int(h.sh(f"ls /proc/{pid}/fd | wc -l")) for pid in (gate, 1)]


def restarts(build):
    """100 players stay connected through many times systemctl restart, no connect is refused, and
    no descriptor is left over"""
    count = rounds(10, full=1000)
    with Host(build, lua=GATE) as h:
        h.configure("gate", config(f"127.0.0.1:{PORT}"))
        h.drop_in("harbord@.service", "[Unit]\nStartLimitIntervalSec=0\n")
        h.run("systemctl", "start", "harbord@gate")
        players = Players(h, 100)
        eventually("all are there", lambda: h.ctl("gate", "call", ".main", "ask")["values"][0] > 99)
        first = None
        for i in range(count):
            h.run("systemctl", "restart", "harbord@gate")
            time.sleep(0.3) # they play
            eventually("what was kept is the node's again", lambda: stored(h) == 1)
            first = first or descriptors(h)
            eventually(f"there are as few descriptors as in the first life: {first}",
                       lambda: all(n <= m + 3 for n, m in zip(descriptors(h), first)))
        result = players.end()
        assert not result["lost"] and not result["refused"], result
        assert result["said"] > 100 * count and result["connects"] > 10 * count, result
        print(f"# {count} restarts: {result}, descriptors {first}, then {descriptors(h)}")
        # a stop ends them all in order
        h.run("systemctl", "stop", "harbord@gate")
        h.want("harbord@gate", 5, ActiveState="inactive", Result="success")
        assert stored(h) == 0


def crashes(build):
    """no connect is refused while a gate is killed ten times"""
    with Host(build, lua=GATE) as h:
        h.configure("gate", config(f"127.0.0.1:{PORT}"))
        h.drop_in("harbord@.service",
                  "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n")
        h.run("systemctl", "start", "harbord@gate")
        players = Players(h, 0)
        for i in range(10):
            h.run("systemctl", "kill", "-s", "KILL", "harbord@gate")
            h.want("harbord@gate", 10, ActiveState="active", NRestarts=str(i + 1))
        assert stored(h) == 1
        result = players.end()
        assert not result["refused"] and result["connects"] > 20, result
        print(f"# {result}")


def socket_unit(build):
    """with a socket unit the first connection starts the node; one that does not fit ends with
    78"""
    with Host(build, lua=GATE) as h:
        h.configure("gate", config("systemd:client"))
        h.drop_in("harbord@gate.socket", f"[Socket]\nListenStream=127.0.0.1:{PORT}\n")
        h.drop_in("harbord@gate.service", "[Unit]\nRequires=harbord@gate.socket\n"
                  "After=harbord@gate.socket\nStartLimitIntervalSec=0\n")
        h.run("systemctl", "start", "harbord@gate.socket")
        h.want("harbord@gate.service", 1, ActiveState="inactive")
        players = Players(h, 20)
        h.want("harbord@gate.service", 10, ActiveState="active")
        count = rounds(5, full=20)
        for _ in range(count):
            h.run("systemctl", "restart", "harbord@gate.service")
            time.sleep(0.2)
        result = players.end()
        assert not result["lost"] and not result["refused"], result
        print(f"# {count} restarts: {result}")
        h.run("systemctl", "stop", "harbord@gate.socket", "harbord@gate.service")
        for wrong, why in [(f"ListenStream=\nListenDatagram=127.0.0.1:{PORT}", "is no stream"),
                           ("FileDescriptorName=other", "no socket of this name was passed")]:
            h.drop_in("harbord@gate.socket", f"[Socket]\n{wrong}\n", "20-wrong")
            h.run("systemctl", "start", "harbord@gate.service", ok=[1])
            h.want("harbord@gate.service", 5, ActiveState="failed", ExecMainStatus="78",
                   NRestarts="0")
            said = [r["MESSAGE"] for r in h.journal("-u", "harbord@gate")]
            assert any(why in m for m in said), (why, said[-5:])
            h.run("systemctl", "stop", "harbord@gate.socket")


def at_once(build):
    """when start has returned, 200 clients who come in the same moment are served"""
    count = rounds(2, full=20)
    with Host(build, lua=GATE) as h:
        h.configure("gate", config(f"127.0.0.1:{PORT}"))
        h.drop_in("harbord@.service", "[Unit]\nStartLimitIntervalSec=0\n")
        with open(HERE + "/early.py") as f:
            h.write("/opt/early.py", f.read())
        for _ in range(count):
            out = h.run("/usr/bin/python3", "/opt/early.py", str(PORT), "200").stdout
            assert out.split() == ["served", "200"], out
            h.run("systemctl", "stop", "harbord@gate")


main([restarts, crashes, socket_unit, at_once])
