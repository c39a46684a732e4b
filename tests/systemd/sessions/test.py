"""Nobody is refused and nobody is disconnected when systemd restarts a gate, and a socket unit
opens the clients' port."""
import json, os, subprocess, time
from boxes import BOX, GAME, Host, eventually, main

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


def restarts(build):
    """100 players stay connected through ten times systemctl restart, and no connect is refused"""
    with Host(build, lua=GATE) as h:
        h.configure("gate", config(f"127.0.0.1:{PORT}"))
        h.drop_in("harbord@.service", "[Unit]\nStartLimitIntervalSec=0\n")
        h.run("systemctl", "start", "harbord@gate")
        players = Players(h, 100)
        eventually("all are there", lambda: h.ctl("gate", "call", ".main", "ask")["values"][0] > 99)
        for _ in range(10):
            h.run("systemctl", "restart", "harbord@gate")
            time.sleep(0.3) # they play
            eventually("what was kept is the node's again", lambda: stored(h) == 1)
        result = players.end()
        assert not result["lost"] and not result["refused"], result
        assert result["said"] > 1000 and result["connects"] > 100, result
        print(f"# {result}")
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
        for _ in range(5):
            h.run("systemctl", "restart", "harbord@gate.service")
            time.sleep(0.2)
        result = players.end()
        assert not result["lost"] and not result["refused"], result
        print(f"# {result}")
        h.run("systemctl", "stop", "harbord@gate.socket", "harbord@gate.service")
        h.drop_in("harbord@gate.socket",
                  f"[Socket]\nListenStream=\nListenDatagram=127.0.0.1:{PORT}\n", "20-wrong")
        h.run("systemctl", "start", "harbord@gate.service", ok=[1])
        h.want("harbord@gate.service", 5, ActiveState="failed", ExecMainStatus="78",
               NRestarts="0")


main([restarts, crashes, socket_unit])
