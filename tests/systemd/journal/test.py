"""What a node leaves behind under a real systemd: fields of the journal, the catalog, evidence of a
failure, backups."""
import os
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def started(h, text=ALONE):
    h.configure("gate", text)
    h.run("systemctl", "start", "harbord@gate")
    return h


def fields(build):
    """lines have the fields of who said them, where, and in which request; several lines, control
    characters and 600 kB arrive as they are"""
    with Host(build, lua=HERE) as h:
        started(h)
        version = h.ctl("gate", "status")["version"]
        handle = {n["name"]: n["handle"] for n in h.ctl("gate", "names")["names"]}[".main"]
        h.ctl("gate", "call", ".main", "say", "warning", "one\ntwo\x01")
        r = eventually("the line", lambda: [r for r in h.journal("HARBOR_SERVICE=" + handle)
                                            if r["PRIORITY"] == "4"])[0]
        message = r["MESSAGE"] if isinstance(r["MESSAGE"], str) else bytes(r["MESSAGE"]).decode()
        assert message == "one\ntwo\x01", r
        with open(HERE + "/main.lua") as f:
            place = 1 + f.read().split("skynet.log(level, text)")[0].count("\n")
        for name, value in (("SYSLOG_IDENTIFIER", "harbord-gate"), ("HARBOR_NODE", "gate"),
                            ("HARBOR_VERSION", version), ("HARBOR_SERVICE_NAME", "main"),
                            ("CODE_FILE", f"{GAME}/main.lua"), ("CODE_LINE", str(place)),
                            ("CODE_FUNC", "say"), ("_TRANSPORT", "journal"),
                            ("_SYSTEMD_UNIT", "harbord@gate.service")):
            got = r[name] if isinstance(r[name], str) else r[name][0]
            assert got == value, (name, r)
        assert int(r["HARBOR_SESSION"]) > 0 and r["HARBOR_CALLER"].startswith(":"), r
        h.ctl("gate", "call", ".main", "huge", "600000")
        huge = eventually("the huge one", lambda: h.run(
            "journalctl", "-o", "cat", "--all", "--no-pager", "HARBOR_SERVICE=" + handle,
            "CODE_FUNC=say").stdout.splitlines()[-1])
        eventually("all of it", lambda: len(h.run(
            "journalctl", "-o", "cat", "--all", "--no-pager", "HARBOR_SERVICE=" + handle,
            "CODE_FUNC=say").stdout.splitlines()[-1]) == 600005)
        assert huge
        ready = h.journal("HARBOR_EVENT=node_ready")
        assert len(ready) == 1 and ready[0]["CODE_FILE"] == "daemon/node/life.c", ready
        assert ready[0]["CODE_FUNC"] == "run" and int(ready[0]["CODE_LINE"]) > 100, ready
        # nothing of ours came by the stream, where it would have lost its fields
        assert not h.journal("-u", "harbord@gate", "_TRANSPORT=stdout")


def catalog(build):
    """journalctl -x explains what happened, and each event of this node's life has its id"""
    with Host(build, lua=HERE) as h:
        h.run("journalctl", "--update-catalog")
        started(h)
        h.configure("gate", ALONE + "log: { level: loud }\n")
        h.run("systemctl", "reload", "harbord@gate", ok=[1])
        h.configure("gate", ALONE)
        h.run("systemctl", "reload", "harbord@gate")
        h.run("systemctl", "stop", "harbord@gate")
        h.run("journalctl", "--sync")
        with open(ROOT + "/core/log/events.def") as f:
            ids = {line.split("(")[1].split(",")[0]: line.split('"')[1] for line in f
                   if line.startswith("EVENT(")}
        for event in ("node_ready", "config_rejected", "config_applied", "node_stopping",
                      "node_stopped"):
            records = h.journal("-u", "harbord@gate", "MESSAGE_ID=" + ids[event])
            assert records and records[0]["HARBOR_EVENT"] == event, (event, records)
        text = h.run("journalctl", "-x", "-u", "harbord@gate", "--no-pager").stdout
        assert "Subject: The new configuration of node gate is wrong" in text, text[-3000:]
        assert "harbord --check FILE" in text and "What to do:" in text


def a_journald_that_hangs(build):
    """a journald that hangs holds up nobody: calls are as quick, lines are counted as lost, the
    node stops, and the journal says how many were lost when it is back"""
    with Host(build, lua=HERE) as h:
        started(h)
        h.run("systemctl", "kill", "-s", "STOP", "systemd-journald")
        try:
            before = h.ctl("gate", "status")["log_lines_dropped"]
            longest = h.ctl("gate", "call", ".main", "storm", "100000")["values"][0]
            assert longest < 50, f"a line took {longest} cs"
            lost = eventually("lost lines", lambda: (
                lambda n: n > before and n)(h.ctl("gate", "status")["log_lines_dropped"]))
            assert h.ctl("gate", "call", ".main", "say", "info", "x")["values"] == ["said"]
        finally:
            h.run("systemctl", "kill", "-s", "CONT", "systemd-journald")
        eventually("the journal goes on", lambda: h.run("journalctl", "--sync", ok=None))
        h.ctl("gate", "call", ".main", "say", "info", "again")
        said = eventually("the report", lambda: h.journal("HARBOR_EVENT=log_lost"))
        assert any("lines before this one could not be written" in r["MESSAGE"] or
                   "log lines were dropped" in r["MESSAGE"] for r in said), (lost, said)


def failure(build):
    """a node that fails for good leaves a file with its state and its last records"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@gate.service", "[Unit]\nOnFailure=harbor-failure@%n.service\n"
                  "StartLimitBurst=3\n[Service]\nRestartSec=100ms\n")
        started(h)
        for _ in range(3):
            h.want("harbord@gate", 10, ActiveState="active")
            h.run("systemctl", "kill", "-s", "KILL", "harbord@gate")
        h.want("harbord@gate", 20, ActiveState="failed", NRestarts="3")
        name = eventually("the file", lambda: h.sh("ls /var/lib/harbor-failures/*.txt").split())
        assert len(name) == 1 and name[0].startswith("/var/lib/harbor-failures/harbord@gate.service"
                                                     "-20"), name
        text = h.sh(f"cat '{name[0]}'")
        assert "ActiveState=failed" in text and "ready: harbor 0" in text and \
            "status=9/KILL" in text, text[-3000:]
        assert h.sh(f"stat -c %a '{name[0]}'").strip() == "640"


def backup(build):
    """the backup service leaves a file that harbord --restore takes, and keeps 14"""
    with Host(build, lua=HERE) as h:
        master = ALONE + ("node: { name: gate, harbor: 1 }\n"
                          "cluster: { name: c, listen: 127.0.0.1:7100, master: [127.0.0.1:7000] }\n"
                          "master: { listen: 127.0.0.1:7000 }\n")
        started(h, master)
        folder = "/var/lib/harbor/gate/backups"
        h.sh(f"systemctl start harbor-backup@gate; cd {folder}; "
             "for i in $(seq 10 30); do f=registry-201901${i}T000000Z.db; "
             "cp -p registry-20[2-9]*.db $f; touch -d 2019-01-01 $f; done")
        first = h.sh(f"ls {folder}/registry-20[2-9]*.db").split()
        assert len(first) == 1, first
        owner = h.sh(f"stat -c '%U %a' {first[0]}").strip()
        assert owner in ("_harbor 640", "_harbor 600"), owner
        eventually("another second", lambda: h.run(
            "systemctl", "start", "harbor-backup@gate").returncode == 0)
        files = h.sh(f"ls {folder}").split()
        assert len(files) == 14, files
        h.run("systemctl", "stop", "harbord@gate")
        h.run("runuser", "-u", "_harbor", "--", "env", "STATE_DIRECTORY=/var/lib/harbor/gate",
              "harbord", "--instance", "gate", "--restore", first[0])
        h.run("systemctl", "start", "harbord@gate")
        assert h.ctl("gate", "status")["node"] == "gate"
        timer = h.run("systemctl", "enable", "--now", "harbor-backup@gate.timer")
        assert timer.returncode == 0
        h.want("harbor-backup@gate.timer", 5, ActiveState="active", SubState="waiting")


def backup_of_any_name(build):
    """a node whose name has a dash is backed up as well, by whichever name of the unit, and
    nobody else in its place"""
    with Host(build, lua=HERE) as h:
        h.configure("map-1", ALONE + "node: { harbor: 1 }\ncluster: { name: c, listen: "
                    "127.0.0.1:7100, master: [127.0.0.1:7000] }\nmaster: { listen: 127.0.0.1:7000 }"
                    "\n")
        for instance in ("map-1", r"map\x2d1"):
            h.run("systemctl", "start", f"harbord@{instance}")
            h.run("systemctl", "start", f"harbor-backup@{instance}")
            folder = f"/var/lib/harbor/{instance}/backups"
            assert len(h.run("ls", folder).stdout.split()) == 1, instance
            h.run("systemctl", "stop", f"harbord@{instance}")
        # of one that does not run there is none, whoever else runs
        h.configure("other", ALONE)
        h.run("systemctl", "start", "harbord@other")
        h.run("systemctl", "start", "harbor-backup@map-1", ok=[1])
        assert len(h.run("ls", "/var/lib/harbor/map-1/backups").stdout.split()) == 1


def units(build):
    """systemd finds nothing to say about the units"""
    with Host(build, lua=HERE) as h:
        p = h.run("systemd-analyze", "verify", "--man=no", "harbor-failure@x.service",
                  "harbor-backup@x.service", "harbor-backup@x.timer", ok=None)
        assert not p.stderr.strip(), p.stderr


main([fields, catalog, a_journald_that_hangs, failure, backup, backup_of_any_name, units])
