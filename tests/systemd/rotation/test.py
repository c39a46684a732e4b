"""Logs in files, under the installed configuration of logrotate."""
import os, re, shutil
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("HARBORD_TEST_ROTATIONS", "12")) # logrotate keeps 14
LOG = "/var/log/harbor/gate/gate.log"
FILE = (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
        f"log: {{ sink: file, file: {LOG}, format: plain }}\n")


def started(h):
    h.configure("gate", FILE)
    h.run("systemctl", "start", "harbord@gate")
    assert h.sh("stat -c '%a %U:%G' /var/log/harbor/gate").strip() == "750 _harbor:_harbor"


def rotated(h):
    """The text of all files, the oldest first."""
    return h.sh(f"cd {os.path.dirname(LOG)}; zcat $(ls -v -r gate.log.*.gz); cat gate.log")


def lines_of(text):
    """The numbers of each writer, in the order in which they stand there."""
    found = {}
    for who, n in re.findall(r"^\[:[0-9a-f]{8}\] (w\d) (\d+)$", text, re.M):
        found.setdefault(who, []).append(int(n))
    return found


def under_load(build):
    """no line is lost or doubled by rotations under load, and all keep their order"""
    with Host(build, lua=HERE) as h:
        started(h)
        h.ctl("gate", "call", ".main", "write")
        for i in range(ROUNDS):
            eventually("lines of each writer", lambda: all(
                f" w{w} " in h.sh(f"tail -n 9000 {LOG}") for w in range(1, 5)))
            h.run("logrotate", "-f", "/etc/logrotate.d/harbord")
            # renamed, opened again and compressed when logrotate has ended
            names = h.sh(f"ls {os.path.dirname(LOG)}").split()
            assert len(names) == min(i + 2, 15) and "gate.log.1.gz" in names, names
        sums = h.ctl("gate", "call", ".main", "last")["values"]
        text = eventually("the last lines", lambda: (lambda t: all(
            f" w{i} {n}\n" in t for i, n in enumerate(sums, 1)) and t)(rotated(h)))
        found = lines_of(text)
        for i, n in enumerate(sums, 1):
            first = found[f"w{i}"][0] if ROUNDS > 14 else 1
            assert found[f"w{i}"] == list(range(first, n + 1)), (i, n, len(found[f"w{i}"]))
        assert h.ctl("gate", "status")["log_lines_dropped"] == 0
        print(f"# {sum(sums)} lines over {ROUNDS} rotations")


def by_the_timer(build):
    """logrotate.service of the distribution rotates in its sandbox; a node that is down, or has no
    file, is no error"""
    with Host(build, lua=HERE) as h:
        started(h)
        h.configure("quiet", FILE.split("\n")[0] + "\n")
        h.run("systemctl", "start", "harbord@quiet")
        h.sh("mkdir -p /var/log/harbor/gone /run/harbor/gone; chown _harbor: /var/log/harbor/gone; "
             "echo x >/var/log/harbor/gone/gone.log; chown _harbor: /var/log/harbor/gone/gone.log; "
             "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); "
             "s.bind(\"/run/harbor/gone/gone.sock\")'; "
             "sed -i s/daily/size\\ 1/ /etc/logrotate.d/harbord")
        h.run("systemctl", "start", "logrotate.service")
        assert h.prop("logrotate.service", "Result") == "success"
        assert h.sh("ls /var/log/harbor/gone").split() == ["gone.log.1.gz"]
        names = h.sh(f"ls {os.path.dirname(LOG)}").split()
        assert names == ["gate.log", "gate.log.1.gz"], names
        assert h.sh(f"stat -c '%a %U:%G' {LOG}").strip() == "640 _harbor:_harbor"


def not_opened(build):
    """a file that cannot be opened again is an error of logrotate, which does not touch the old one
    then: the node writes on into it"""
    with Host(build, lua=HERE) as h:
        started(h)
        h.sh("sed -i 's|^\tpostrotate|&\\n\t\tmkdir \"$1\"|' /etc/logrotate.d/harbord")
        p = h.run("logrotate", "-f", "/etc/logrotate.d/harbord", ok=[1])
        assert "the old one stays in use" in p.stderr, p.stderr
        h.ctl("gate", "call", ".main", "write")
        eventually("lines in the old one", lambda: " w1 9\n" in h.sh(f"cat {LOG}.1"))


if __name__ == "__main__":
    if not shutil.which("logrotate"):
        raise SystemExit("needs logrotate: make check-systemd installs it")
    main([under_load, by_the_timer, not_opened])
