"""Hosts for tests, each with a systemd of its own as PID 1 (see box, which boots them).

    with Host(build, lua=folder_of_lua_files) as h:
        h.configure("gate", "node: { ... }")
        h.run("systemctl", "start", "harbord@gate")
        h.want("harbord@gate", ActiveState="active")

Harbor is installed in a host as `make install prefix=/usr` does it, and runs with the shipped
units. Hosts have no disk but memory and no network but lo, unless they are given a namespace
(Network). A host is called harbor-PID-NAME after the test's process; those of a process that is
gone are ended by the next one. A test that cannot have such hosts is skipped with the reason.

Assert on properties of units and fields of the journal, not on text that systemctl makes for
people. systemctl kill needs no process ids, which differ inside and outside.
"""
import atexit, json, os, shutil, subprocess, sys, tempfile, time
from harness import Failed, eventually
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DISKS = os.environ.setdefault("BOX_DIR", "/tmp/harbor-box")
BOX = HERE + "/box"
TOOLS = ["unshare", "nsenter", "mount", "pgrep", "setsid", "systemctl"]
GAME = "/opt/game"


def rounds(few, full):
    """How often a test repeats what it does: HARBORD_TEST_ROUNDS in the environment, a number or
    "full"; without it a few times."""
    text = os.environ.get("HARBORD_TEST_ROUNDS", "")
    return full if text == "full" else int(text or few)


def why_not():
    """Why there can be no such hosts here; None: there can."""
    if os.geteuid() != 0:
        return "needs root, to boot a systemd in namespaces"
    missing = [t for t in TOOLS if not shutil.which(t)]
    if missing:
        return f"needs {', '.join(missing)}"
    if not os.path.exists("/lib/systemd/systemd"):
        return "needs systemd"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "--cgroup", "true"],
                      capture_output=True).returncode:
        return "the kernel or a container's limits do not allow new namespaces"
    cgroup = "/sys/fs/cgroup/unified"
    if not os.access(cgroup if os.path.isdir(cgroup) else "/sys/fs/cgroup", os.W_OK):
        return "needs a writable cgroup v2 tree"
    return None


def end_those_left():
    """Ends the hosts of test processes that are gone."""
    for name in os.listdir(DISKS) if os.path.isdir(DISKS) else []:
        owner = name.split("-")[1] if name.startswith("harbor-") else ""
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            subprocess.run([BOX, "down", name], capture_output=True)


def newer_root():
    """The root of a host with Debian 13, whose systemd is 257, made when it is missing, and what
    was said; "" when there can be none."""
    p = subprocess.run([ROOT + "/tests/deb/roots.sh", "node", "libyaml-0-2", "libsqlite3-0",
                        "libjemalloc2"],
                       capture_output=True, text=True, env=dict(os.environ, HARBORD_SUITE="trixie"))
    return p.stdout.strip(), p.stderr.strip()[-300:].replace("\n", " ")


staged = {}


def stage(build):
    """The folder into which Harbor was installed as for /usr; made once a process."""
    if build not in staged:
        folder = tempfile.mkdtemp(prefix="harbor-stage-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755) # it becomes the / of a host
        p = subprocess.run(["make", "-s", "-C", ROOT, f"B={os.path.relpath(build, ROOT)}",
                            f"DESTDIR={folder}", "prefix=/usr", "sysconfdir=/etc", "install"],
                           capture_output=True, text=True, env=dict(os.environ, MAKEFLAGS=""))
        if p.returncode:
            raise Failed(f"make install: {p.stderr[-2000:]}")
        staged[build] = folder
    return staged[build]


class Host:
    """A booted host. cgroups: "hybrid" has the controllers, "cg2" the one tree of today's hosts.
    lua: a folder whose files become the game of the host (GAME). root: another root than that of
    this machine. With install=False nothing of Harbor is installed. faults: the nodes are of the
    build with FAULTS=1 (make check-systemd makes it), and these faults are armed."""

    def __init__(self, build, name="host", lua=None, cgroups="cg2", netns=None, root=None,
                 install=True, faults=None):
        self.build, self.name = os.path.abspath(build), f"harbor-{os.getpid()}-{name}"
        self.cgroups, self.netns, self.root = cgroups, netns, root
        self.lua, self.binds = lua and os.path.abspath(lua), []
        self.installs, self.faults = install, faults
        if faults:
            self.binds.append(self.build + "/faults")
        if install:
            self.binds.append(stage(self.build))
        if lua:
            self.binds.append(self.lua)

    def box(self, verb, *args):
        env = dict(os.environ, **({"BOX_ROOT": self.root} if self.root else {}))
        p = subprocess.run([BOX, verb, self.name, *args], capture_output=True, text=True,
                           timeout=120, env=env)
        if p.returncode:
            raise Failed(f"box {verb} {self.name}: {p.stderr[-2000:]}{p.stdout[-500:]}")

    def up(self):
        """Boots; after crash() it has the disk that it had."""
        network = ["-n", self.netns] if self.netns else []
        self.box("up", "-c", self.cgroups, *network, *(a for b in self.binds for a in ("-b", b)))
        return self

    def crash(self):
        """A power cut."""
        self.box("crash")

    def __enter__(self):
        end_those_left()
        try:
            self.up()
            if self.installs:
                self.install()
            if self.lua:
                self.run("mkdir", "-p", GAME)
                self.sh(f"cp {self.lua}/*.lua {GAME}/")
        except BaseException:
            self.box("down")
            raise
        return self

    def __exit__(self, kind, *rest):
        try:
            if kind:
                print(f"---- journal of {self.name}\n{self.journal_text()[-6000:]}")
        finally:
            self.box("down")

    def run(self, *argv, ok=(0,), limit=60, input=None):
        """Runs a command inside. Raises if its status is not among ok; None: any is fine."""
        p = subprocess.run([BOX, "in", self.name, *argv], capture_output=True, text=True,
                           timeout=limit, input=input, cwd="/",
                           stdin=None if input is not None else subprocess.DEVNULL)
        if ok is not None and p.returncode not in ok:
            raise Failed(f"{' '.join(argv)}: status {p.returncode}: {p.stderr.strip()[-1500:]} "
                         f"{p.stdout.strip()[-1500:]}")
        return p

    def sh(self, script, **kw):
        return self.run("sh", "-ec", script, **kw).stdout

    def write(self, path, text, mode="644", owner="root:root"):
        """Writes a file beside and renames it, as careful operators do."""
        self.sh(f"mkdir -p '{os.path.dirname(path)}' && cat >'{path}.new' && "
                f"chown {owner} '{path}.new' && chmod {mode} '{path}.new' && "
                f"mv '{path}.new' '{path}'", input=text)

    def install(self):
        """What a package does, but for its own records."""
        self.sh(f"cp -a --no-preserve=ownership {stage(self.build)}/. / && "
                "systemd-sysusers harbor.conf && "
                "systemd-tmpfiles --create harbor.conf && systemctl daemon-reload")
        if self.faults:
            self.run("cp", self.build + "/faults/harbord", "/usr/sbin/harbord")
            self.drop_in("harbord@.service",
                         f"[Service]\nEnvironment=HARBORD_FAULTS={self.faults}\n", "20-faults")

    def configure(self, node, text):
        """The configuration of a node, with the mode that the package gives it. The node "harbor"
        is what all of them share."""
        self.write(f"/etc/harbor/{node}.yaml", text, "640", "root:_harbor")

    def drop_in(self, unit, text, name="10-test"):
        self.write(f"/etc/systemd/system/{unit}.d/{name}.conf", text)
        self.run("systemctl", "daemon-reload")

    def prop(self, unit, name):
        return self.run("systemctl", "show", "-p", name, "--value", unit).stdout.strip()

    def props(self, unit, *names):
        text = self.run("systemctl", "show", "-p", ",".join(names), unit).stdout
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def want(self, unit, seconds=10, **properties):
        """Waits until the unit has these properties."""
        def reached():
            seen = self.props(unit, *properties)
            return seen == properties or seen
        try:
            eventually(f"{unit} has {properties}", lambda: reached() is True, seconds)
        except Failed:
            raise Failed(f"{unit}: not within {seconds} s: {properties}; it has "
                         f"{self.props(unit, *properties)}")

    def journal(self, *args):
        """Records, as dictionaries of fields."""
        text = self.run("journalctl", "-o", "json", "--no-pager", *args).stdout
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def journal_text(self):
        return self.run("journalctl", "-o", "short-precise", "--no-pager", ok=None).stdout

    def ctl(self, node, *args, limit=20, ok=(0,)):
        """Asks a node by harborctl; returns what it answers in JSON."""
        p = self.run("harborctl", "--node", node, "--json", *args, limit=limit, ok=ok)
        return json.loads(p.stdout)


class Network:
    """A switch with so many wires, 10.77.0.1 and on: names() are the namespaces of hosts. The
    switch is in a namespace too, so nothing of this machine is touched."""

    def __init__(self, count):
        self.count, self.base = count, f"hb{os.getpid()}"

    def name(self, i):
        return f"{self.base}n{i}"

    def address(self, i):
        return f"10.77.0.{i}"

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def __enter__(self):
        switch = self.base + "s"
        self.ip("netns", "add", switch)
        self.ip("-n", switch, "link", "add", "br0", "type", "bridge")
        self.ip("-n", switch, "link", "set", "br0", "up")
        for i in range(1, self.count + 1):
            own = self.name(i)
            self.ip("netns", "add", own)
            self.ip("-n", own, "link", "set", "lo", "up")
            self.ip("-n", switch, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0",
                    "netns", own)
            self.ip("-n", switch, "link", "set", f"p{i}", "master", "br0", "up")
            self.ip("-n", own, "addr", "add", f"{self.address(i)}/24", "dev", "eth0")
            self.ip("-n", own, "link", "set", "eth0", "up")
        return self

    def cable(self, i, plugged):
        """Pulls the cable of host i, or plugs it in."""
        self.ip("-n", self.base + "s", "link", "set", f"p{i}", "up" if plugged else "down")

    def __exit__(self, *error):
        for name in [self.base + "s", *map(self.name, range(1, self.count + 1))]:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def main(tests, lacks=None):
    """As harness.main; all tests are skipped, with the reason, where there can be no hosts or
    something is missing (lacks)."""
    reason = why_not() or lacks
    if reason:
        for i, test in enumerate(tests, 1):
            print(f"ok {i} - {(test.__doc__ or test.__name__).splitlines()[0]} # SKIP {reason}")
        print(f"1..{len(tests)}")
        sys.exit(0)
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True).stdout
    print(f"# hosts boot {version.splitlines()[0]}", flush=True)
    harness.main(tests)
