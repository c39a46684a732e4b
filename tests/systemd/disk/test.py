"""Disks that are full: small file systems of their own under the log and the state of a node."""
import os, re
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LOGS, STATE = "/var/log/harbor/gate", "/var/lib/harbor/gate"
LOG = LOGS + "/gate.log"
FILE = (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
        f"log: {{ sink: file, file: {LOG}, format: plain }}\n")
MASTER = ("cluster: { name: c, listen: 127.0.0.1:7100, master: [127.0.0.1:7000], name_wait: 1s }\n"
          "master: { listen: 127.0.0.1:7000 }\n")


def small(h, folder, size):
    h.sh(f"mkdir -p {folder}; mount -t tmpfs -o size={size},mode=750 small {folder}; "
         f"chown _harbor:_harbor {folder}")


def fill(h, folder):
    h.run("dd", "if=/dev/zero", f"of={folder}/ballast", "bs=4k", ok=[1])
    assert h.sh(f"df --output=avail {folder} | tail -1").strip() == "0"


def dropped(h):
    return h.ctl("gate", "status")["log_lines_dropped"]


def under_the_log(build):
    """a full disk under the log: lines are lost and counted, the node answers; when there is room
    again the log says how many, and every line is written or counted"""
    with Host(build, lua=HERE) as h:
        small(h, LOGS, "512k")
        h.configure("gate", FILE)
        h.run("systemctl", "start", "harbord@gate")
        pid = h.prop("harbord@gate", "MainPID")
        for round in range(3):
            fill(h, LOGS)
            before = dropped(h)
            h.ctl("gate", "call", ".main", "log", "1000")
            lost = eventually("lines are lost", lambda: max(0, dropped(h) - before - 900))
            assert lost and h.ctl("gate", "call", ".main", "log", "1")["values"], round
            assert h.ctl("gate", "status")["state"] in ("running", "ready")
            h.run("rm", f"{LOGS}/ballast")
            last = h.ctl("gate", "call", ".main", "log", "10")["values"][0]
            eventually("the log goes on", lambda: f"line {last} " in h.sh(f"tail -n 20 {LOG}"))
        text = h.sh(f"cat {LOG}")
        written = [int(n) for n in re.findall(r"\] line (\d+) x{200}$", text, re.M)]
        told = [int(n) for n in re.findall(r"log: (\d+) lines before this one could not be "
                                           "written: No space left on device$", text, re.M)]
        assert written == sorted(set(written)), "a line is there twice, or too late"
        assert len(told) == 3 and sum(told) == dropped(h), (told, dropped(h))
        # of other lines none was lost: nobody else had anything to say meanwhile
        assert len(written) + sum(told) == last, (len(written), told, last)
        assert len(h.journal("-u", "harbord@gate", "HARBOR_EVENT=log_lost")) == 0
        events = h.run("harborctl", "--node", "gate", "events", "--last", "99").stdout
        assert events.count("lines before this one could not be written") == 3, events
        assert h.prop("harbord@gate", "MainPID") == pid
        print(f"# written {len(written)}, lost and counted {sum(told)}")


def under_the_state(build):
    """a full disk under the registry: the node says so and lives, known names work, and what came
    meanwhile is saved when there is room"""
    with Host(build, lua=HERE) as h:
        small(h, STATE, "1m")
        h.configure("gate", FILE.replace(f"sink: file, file: {LOG}, ", "") + MASTER)
        h.run("systemctl", "start", "harbord@gate")
        pid = h.prop("harbord@gate", "MainPID")
        assert h.ctl("gate", "call", ".main", "name", "FIRST")["values"][0] is True
        fill(h, STATE)
        failed = lambda: h.journal("-u", "harbord@gate", "HARBOR_EVENT=registry_failed")
        names = []
        while not failed(): # until the pages that SQLite has already are used up
            names.append(f"NAME{len(names)}")
            h.ctl("gate", "call", ".main", "name", names[-1])
        assert "database or disk is full" in failed()[0]["MESSAGE"], failed()[0]
        saved = lambda: [n["name"] for n in h.ctl("gate", "registry")["names"]]
        assert names[-1] not in saved(), saved()
        assert h.ctl("gate", "call", "FIRST", "log", "1")["values"], "known names work"
        h.run("rm", f"{STATE}/ballast")
        eventually("all are saved", lambda: set(names) <= set(saved()))
        h.run("systemctl", "restart", "harbord@gate")
        assert h.prop("harbord@gate", "NRestarts") == "0"
        assert h.prop("harbord@gate", "MainPID") != pid
        assert h.ctl("gate", "call", ".main", "name", "FIRST")["values"][0] is True


main([under_the_log, under_the_state])
