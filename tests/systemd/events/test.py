"""Every event of core/log/events.def happens to nodes under a real systemd, with its MESSAGE_ID,
its priority and fields of the right form in the journal, and the catalog explains it."""
import os, re, shutil, sys
from boxes import GAME, ROOT, Host, eventually, main
sys.path.append(ROOT + "/tests/cluster/identity")
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
LEVELS = {"DEBUG": "7", "INFO": "6", "WARNING": "4", "ERROR": "3"}
# of those the catalog and harborctl say whom they are about
ABOUT = ["link_up", "link_lost", "node_joined", "node_left", "node_lost", "node_refused",
         "version_refused", "lead_known", "name_lost", "name_changed"]
FORMS = {"PRIORITY": "[3467]", "MESSAGE_ID": "[0-9a-f]{32}", "CODE_LINE": "[1-9][0-9]*",
         "CODE_FILE": r"(daemon|core|harbor|net|lua)/\S+\.[ch]|/\S+\.lua", "CODE_FUNC": ".+",
         "SYSLOG_IDENTIFIER": r"harbord-\w+", "HARBOR_NODE": r"\w+", "HARBOR_EVENT": "[a-z_]+",
         "HARBOR_VERSION": r"[0-9]+\.[0-9]+\S*", "HARBOR_SERVICE": ":[0-9a-f]{8}",
         "HARBOR_SERVICE_NAME": r"\S+", "HARBOR_CALLER": ":[0-9a-f]{8}",
         "HARBOR_SESSION": "[0-9]+", "HARBOR_PEER": r"\S+", "HARBOR_TRACE": r"\S+"}


def known():
    """{name: (level, id)} of the list."""
    with open(ROOT + "/core/log/events.def", encoding="utf-8") as f:
        rows = re.findall(r'^EVENT\((\w+), (\w+), "([0-9a-f]{32})"', f.read(), re.M)
    assert len(rows) >= 31, rows
    return {name: (level, number) for name, level, number in rows}


class Stage:
    """A host with nodes."""

    def __init__(self, h):
        self.h, self.ids = h, known()

    def configure(self, name, text="", start="main", threads=2):
        self.h.configure(name, f"node: {{ threads: {threads} }}\nlog: {{ level: debug }}\n"
                         f'lua: {{ start: "{start}", service_path: ["{GAME}/?.lua"] }}\n{text}')

    def member(self, name, harbor, port, master=7000, key="", more=""):
        self.configure(name, f"cluster: {{ name: c, listen: 127.0.0.1:{port}, heartbeat: 100ms, "
                       f"dead_after: 1s, master: [127.0.0.1:{master}]{key} }}\n{more}")
        self.h.sh(f"sed -i 's/^node: {{/& harbor: {harbor},/' /etc/harbor/{name}.yaml")

    def start(self, *names, ok=(0,)):
        self.h.run("systemctl", "start", *(f"harbord@{n}" for n in names), ok=ok)

    def signal(self, name, signal):
        self.h.run("systemctl", "kill", "-s", signal, f"harbord@{name}")

    def call(self, name, *words):
        return self.h.ctl(name, "call", ".main", *words)

    def heard(self, event, *nodes):
        """Waits for the event on each of the nodes."""
        for node in nodes:
            eventually(f"{event} of {node}", lambda: self.h.journal(
                "MESSAGE_ID=" + self.ids[event][1], "HARBOR_NODE=" + node), 30)


def cluster(s):
    """Two members and a master with a key: joins, losses, refusals, names, drains, reloads."""
    key = ", key_file: /etc/harbor/key"
    s.h.sh("harborctl key new /etc/harbor/key; chown _harbor: /etc/harbor/key")
    s.member("m", 1, 7101, key=key, more="master: { listen: 127.0.0.1:7000 }\n")
    s.member("a", 2, 7102, key=key)
    s.member("b", 3, 7103, key=key)
    s.start("m", "a", "b")
    s.heard("node_ready", "m", "a", "b")
    s.heard("cluster_joined", "m", "a", "b")
    s.heard("node_joined", "m")
    s.heard("link_up", "m", "a", "b")
    s.heard("name_changed", "a")
    s.member("c", 4, 7104, key=key)
    s.h.sh("sed -i 's/name: c/name: other/' /etc/harbor/c.yaml")
    s.start("c", ok=[1])
    s.heard("cluster_refused", "c")
    s.heard("node_refused", "m")
    s.call("a", "traced")
    s.call("a", "flood")
    s.heard("mailbox_long", "a")
    s.call("a", "busy", "1", "7")
    for words in (["drain", "b", "--wait", "10"], ["drain", "b", "--undo"]):
        s.h.ctl("m", *words)
    for event in ("drain_begun", "drain_ended", "drain_undone"):
        s.heard(event, "b")
    s.h.ctl("m", "names", "--release", "MAIN_b")
    s.heard("name_lost", "b")
    s.h.sh("harborctl key new >>/etc/harbor/key")
    s.h.run("systemctl", "reload", "harbord@a")
    s.heard("keys_applied", "a")
    s.heard("config_applied", "a")
    s.h.sh("chmod 640 /etc/harbor/key")
    s.h.run("systemctl", "reload", "harbord@a", ok=[1])
    s.heard("config_rejected", "a")
    s.h.sh("chmod 600 /etc/harbor/key")
    s.h.run("systemctl", "stop", "harbord@b")
    s.heard("node_stopping", "b")
    s.heard("node_stopped", "b")
    s.heard("node_left", "m", "a")
    s.start("b")
    s.signal("b", "STOP")
    s.heard("node_lost", "m")
    s.signal("b", "KILL")
    s.heard("link_lost", "m")
    s.heard("service_stuck", "a")
    s.h.run("systemctl", "stop", "harbord@m")
    s.heard("master_lost", "a")


def version(s):
    """A master without a key hears from one who speaks another version."""
    s.member("p", 1, 7201, 7200, more="master: { listen: 127.0.0.1:7200 }\n")
    s.start("p")
    join = wire.join("new", "127.0.0.1:1", cluster="c")
    other = join.replace(wire.u32(wire.VERSION) * 2, wire.u32(1000) * 2)
    assert other != join
    s.h.run("python3", "-c", "import socket, sys; "
            "s = socket.create_connection(('127.0.0.1', 7200)); "
            "s.sendall(bytes.fromhex(sys.argv[1])); s.recv(99)", other.hex())
    s.heard("version_refused", "p")


def certificate(s):
    """A certificate that is none any more when it is read again."""
    s.h.sh("cd /etc/harbor; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
           "-keyout q.key -out q.pem -days 2 -subj /CN=q -addext "
           "subjectAltName=DNS:q,IP:127.0.0.1; chown _harbor: q.key q.pem")
    s.member("q", 1, 7501, 7500, ", ca_file: /etc/harbor/q.pem, cert_file: /etc/harbor/q.pem, "
             "cert_key_file: /etc/harbor/q.key", "master: { listen: 127.0.0.1:7500 }\n")
    s.start("q")
    s.h.sh("sed -i s/[A-Z]/x/g /etc/harbor/q.pem")
    s.h.run("systemctl", "reload", "harbord@q", ok=[1])
    s.heard("secret_refused", "q")


def lead(s):
    """Two candidates at an etcd, which is lost."""
    if not shutil.which("etcd"):
        raise SystemExit("needs etcd: make check-systemd installs it")
    s.h.run("systemd-run", "--unit=etcd-of-test", "etcd", "--data-dir", "/run/etcd",
            "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls",
            "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380")
    for i, name in ((1, "x"), (2, "y")):
        s.member(name, i, 7300 + i, 7310 + i, more=f"master: {{ listen: 127.0.0.1:{7310 + i}, "
                 "registry: etcd, etcd: [127.0.0.1:2379], lease: 2s }\n")
        s.h.sh(f"sed -i 's/master: \\[.*\\]/master: [127.0.0.1:7311, 127.0.0.1:7312]/' "
               f"/etc/harbor/{name}.yaml")
    s.start("x")
    s.heard("lead_taken", "x")
    s.start("y")
    s.heard("lead_known", "y")
    eventually("x has heard of y, and moves the lead", lambda: s.h.ctl("x", "master", "move"))
    s.heard("lead_lost", "x")
    s.h.run("systemctl", "stop", "etcd-of-test")
    s.heard("registry_failed", "y")


def alone(s):
    """What happens to one node: a start that fails, no proof of life, lines that are lost."""
    s.configure("f", start="main throws")
    s.start("f", ok=[1])
    s.heard("start_failed", "f")
    s.h.drop_in("harbord@w.service", "[Service]\nWatchdogSec=2\nLimitCORE=0\n")
    s.configure("w")
    s.start("w")
    s.call("w", "busy", "2", "5")
    s.heard("watchdog_late", "w")
    s.configure("k")
    s.start("k")
    s.h.run("systemctl", "kill", "-s", "STOP", "systemd-journald")
    try:
        before = s.h.ctl("k", "status")["log_lines_dropped"]
        s.call("k", "storm", "100000")
        eventually("lost lines", lambda: s.h.ctl("k", "status")["log_lines_dropped"] > before)
    finally:
        s.h.run("systemctl", "kill", "-s", "CONT", "systemd-journald")
    s.h.run("journalctl", "--sync")
    s.call("k", "storm", "1")
    s.heard("log_lost", "k")


def value(record, field):
    """A field that the unit adds as well is there twice, the same."""
    v = record[field]
    if isinstance(v, list) and v and isinstance(v[0], int): # no text
        return bytes(v).decode()
    if isinstance(v, list):
        assert len(set(v)) == 1, record
        return v[0]
    return v


def check_forms(records):
    for r in records:
        for field, form in FORMS.items():
            if field in r:
                assert re.fullmatch(form, value(r, field)), (field, r)
        place = ("CODE_FILE", "CODE_LINE", "CODE_FUNC") if "MESSAGE_ID" in r else ()
        for field in ("PRIORITY", "SYSLOG_IDENTIFIER", "HARBOR_NODE", "HARBOR_VERSION", *place):
            assert field in r, (field, r)
        assert value(r, "SYSLOG_IDENTIFIER") == "harbord-" + value(r, "HARBOR_NODE"), r
        assert ("MESSAGE_ID" in r) == ("HARBOR_EVENT" in r), r


def each_event(build):
    """each documented event occurs, with its id, priority and peer; all fields have their forms"""
    with Host(build, lua=HERE) as h:
        h.drop_in("harbord@.service", "[Service]\nRestart=no\nLogRateLimitIntervalSec=0\n")
        s = Stage(h)
        for part in (cluster, version, certificate, lead, alone):
            part(s)
        h.run("journalctl", "--sync")
        missing = []
        for name, (level, number) in s.ids.items():
            records = h.journal("MESSAGE_ID=" + number)
            missing += [] if records else [name]
            for r in records:
                assert value(r, "HARBOR_EVENT") == name and value(r, "PRIORITY") == LEVELS[level], r
                assert "HARBOR_PEER" in r or name not in ABOUT, r
        assert not missing, missing
        all_of_them = h.journal("_TRANSPORT=journal", *(f"HARBOR_NODE={n}" for n in "mabpqxyfw"))
        check_forms(all_of_them)
        seen = {field for r in all_of_them for field in r if field in FORMS}
        assert seen == set(FORMS), set(FORMS) - seen
        print(f"# {len(s.ids)} events, {len(all_of_them)} records")


def the_catalog(build):
    """the catalog has each of them, and nothing else, with a subject and what to do"""
    with Host(build) as h:
        h.run("journalctl", "--update-catalog")
        ids = {number: name for name, (_, number) in known().items()}
        text = h.run("journalctl", "--no-pager", "--dump-catalog", *ids).stdout
        entries = re.findall(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", text, re.M | re.S)
        assert sorted(e[0] for e in entries) == sorted(ids), sorted(ids)
        for number, entry in entries:
            assert re.search(r"^Subject: (.*@HARBOR_|A service)", entry, re.M), (number, entry)
            assert "Defined-By: harbord" in entry and "What to do:" in entry, (ids[number], entry)
        with open(ROOT + "/systemd/harbor.catalog", encoding="utf-8") as f:
            assert set(re.findall(r"^-- ([0-9a-f]{32})$", f.read(), re.M)) == set(ids)


main([each_event, the_catalog])
