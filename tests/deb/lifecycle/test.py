"""The package on a clean Debian with systemd: installed, upgraded under running nodes, downgraded,
removed, purged."""
import os, shutil, tempfile
from boxes import GAME, Host, main
import packages as p

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
NODES = ["one", "two"]


class Clean:
    """A booted clean Debian that sees a folder with the package and a newer one."""

    def __init__(self, suite=None):
        self.suite = suite

    def __enter__(self):
        deb = p.one(p.packages("native"), "harbord")
        self.folder = tempfile.mkdtemp(prefix="harbor-deb-", dir=p.ROOT + "/build/deb")
        os.chmod(self.folder, 0o755)
        self.old = shutil.copy(deb, self.folder)
        self.new = p.newer(deb, self.folder, "9.0")
        self.host = Host("build", lua=HERE, root=p.run_root(deb, self.suite), install=False)
        self.host.binds.append(self.folder)
        self.host.__enter__()
        return self

    def __exit__(self, *error):
        try:
            self.host.__exit__(*error)
        finally:
            shutil.rmtree(self.folder)

    def dpkg(self, *words):
        r = self.host.run("dpkg", *words, limit=120)
        return r.stdout + r.stderr

    def start(self):
        """Two nodes, as an operator with a strict umask makes them."""
        for node in NODES:
            self.host.write(f"/etc/harbor/{node}.yaml", ALONE, "600", "root:root")
        self.host.run("systemd-tmpfiles", "--create", "harbor.conf")
        for node in NODES:
            self.host.run("systemctl", "enable", "--now", f"harbord@{node}")
            self.host.want(f"harbord@{node}", 2, ActiveState="active", NRestarts="0")

    def pids(self):
        return [self.host.prop(f"harbord@{n}", "MainPID") for n in NODES]

    def installed(self):
        return self.host.run("dpkg-query", "-W", "-f", "${Version}", "harbord").stdout


def runs(h):
    """Is there a process of harbord? A minimal system has no pgrep."""
    return "harbord" in h.sh("cat /proc/[0-9]*/comm").split()


def modes(h, *paths):
    return {path: h.sh(f"stat -c '%a %U:%G' '{path}'").strip() for path in paths}


def install(build, suite=None):
    """installed: no port, no process, the right owners and modes; a node starts by one command"""
    with Clean(suite) as c:
        h = c.host
        before = h.sh("ss -Hlnptu")
        c.dpkg("-i", c.old)
        assert h.sh("ss -Hlnptu") == before
        assert not runs(h)
        assert h.prop("harbor-cluster.target", "UnitFileState") == "enabled"
        assert h.sh("systemctl list-units --all --plain --no-legend 'harbord@*'").strip() == ""
        wanted = {"/etc/harbor": "750 root:_harbor", "/var/lib/harbor": "750 _harbor:_harbor",
                  "/etc/harbor/credentials": "700 root:root", "/usr/sbin/harbord": "755 root:root",
                  "/etc/needrestart/conf.d/harbord.conf": "644 root:root",
                  "/etc/logrotate.d/harbord": "644 root:root"}
        assert modes(h, *wanted) == wanted, modes(h, *wanted)
        assert h.sh("getent passwd _harbor").strip().endswith(":/var/lib/harbor:/usr/sbin/nologin")
        c.start()
        assert modes(h, "/etc/harbor/one.yaml") == {"/etc/harbor/one.yaml": "640 root:_harbor"}
        assert h.ctl("one", "call", ".main", "hello")["values"] == ["hello"]


def upgrade(build, suite=None):
    """an upgrade and a downgrade leave nodes running; each restarts into what is installed"""
    with Clean(suite) as c:
        h = c.host
        c.dpkg("-i", c.old)
        old = c.installed()
        c.start()
        before = c.pids()
        for deb, version in ((c.new, "9.0"), (c.old, old)):
            c.dpkg("-i", deb)
            assert c.installed() == version
            assert c.pids() == before, (before, c.pids())
            assert h.prop("harbord@one", "NeedDaemonReload") == "no"
            assert h.ctl("two", "call", ".main", version)["values"] == [version]
            h.run("systemctl", "restart", "harbord@one")
            h.want("harbord@one", 2, ActiveState="active")
            assert c.pids()[0] != before[0] and c.pids()[1] == before[1]
            assert h.ctl("one", "call", ".main", "up")["values"] == ["up"]
            before = c.pids()
        h.run("systemctl", "restart", "harbor-cluster.target")
        h.want("harbord@two", 10, ActiveState="active")
        assert c.pids()[1] != before[1]


def remove(build, suite=None):
    """removal ends the nodes in order and keeps state and configuration; purge says where"""
    with Clean(suite) as c:
        h = c.host
        c.dpkg("-i", c.old)
        c.start()
        assert runs(h)
        h.sh("echo precious >/var/lib/harbor/one/save")
        c.dpkg("-r", "harbord")
        assert not runs(h)
        ended = [r for r in h.journal("-u", "harbord@one") if "status=" in r.get("MESSAGE", "")]
        assert not ended, ended # nobody was killed or ended with a status
        assert h.sh("cat /var/lib/harbor/one/save") == "precious\n"
        c.dpkg("-i", c.old) # and comes back to it
        h.run("systemctl", "start", "harbord@one")
        h.want("harbord@one", 2, ActiveState="active")
        said = c.dpkg("-P", "harbord")
        assert "/var/lib/harbor is kept" in said and "/etc/harbor is kept" in said, said
        assert h.sh("cat /var/lib/harbor/one/save") == "precious\n"
        h.sh("test -e /etc/harbor/one.yaml && ! test -e /etc/needrestart/conf.d/harbord.conf "
             "&& ! test -e /etc/logrotate.d/harbord && ! test -e /var/log/harbor "
             "&& ! test -e /usr/share/harbord && getent passwd _harbor")


def purge(build):
    """installed and purged without a node: only the user is left"""
    with Clean() as c:
        look = "find /etc /usr /var/lib /lib/systemd -xdev \\( -name '*harbor*' \\) " \
               "-not -path '*/dpkg/*'"
        before = c.host.sh(look)
        c.dpkg("-i", c.old)
        c.dpkg("-P", "harbord")
        assert c.host.sh(look) == before, c.host.sh(look)


def on_debian_13(build):
    """the same package on Debian 13: installed, upgraded, downgraded, removed and purged"""
    for life in (install, upgrade, remove):
        life(build, "trixie")


main([install, upgrade, remove, purge, on_debian_13])
