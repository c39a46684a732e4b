"""What a stop under load costs its clients: nothing that was acknowledged, and no reset."""
import json, os, subprocess
from boxes import BOX, GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
PORT, TALKERS = 7000, 1000
CONFIG = f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
UNIT = "harbord@gate"


def acknowledged(build):
    """1,000 clients who talk: what was acknowledged is saved, and each connection ends in order"""
    with Host(build, lua=HERE) as h:
        h.configure("gate", CONFIG)
        with open(HERE + "/talkers.py") as f:
            h.write("/opt/talkers.py", f.read())
        h.run("systemctl", "start", UNIT)
        talkers = subprocess.Popen([BOX, "in", h.name, "/usr/bin/python3", "/opt/talkers.py",
                                    str(PORT), str(TALKERS), "/run/talking"],
                                   stdout=subprocess.PIPE, text=True, cwd="/")
        eventually("all of them were heard", lambda: not h.run("test", "-e", "/run/talking",
                                                         ok=None).returncode, 60)
        group = h.prop(UNIT, "ControlGroup")
        h.run("systemctl", "stop", UNIT)
        h.want(UNIT, 1, ActiveState="inactive", Result="success", ExecMainStatus="0")
        assert not h.run("ls", f"/sys/fs/cgroup{group}", ok=None).stdout
        seen = json.loads(talkers.communicate(timeout=60)[0])
        saved = dict(line.split() for line in h.run("cat", "/var/lib/harbor/gate/saved")
                     .stdout.splitlines())
        lost = [(name, n, saved.get(name)) for name, _, n, _ in seen if int(saved[name]) < n]
        ends = {end: [e for *_, e in seen].count(end) for *_, end in seen}
        print(f"# acknowledged: {sum(n for _, _, n, _ in seen)}, on their way: "
              f"{sum(said - n for _, said, n, _ in seen)}, ends: {ends}")
        assert not lost, lost[:10]
        assert sum(n for _, _, n, _ in seen) >= 3 * TALKERS, "they hardly talked"
        assert ends == {"orderly": TALKERS}, ends


main([acknowledged])
