"""A fleet of three clean Debian hosts by one file: from nothing to a cluster;
upgraded under load while players are connected, stopped at the first node that fails, rolled back;
interrupted and run again."""
from boxes import BOX, Host, Network, eventually, main
from harness import Failed
import packages as p

HERE = os.path.dirname(os.path.abspath(__file__))
PLAYERS = p.ROOT + "/tests/systemd/sessions/players.py"
GAME = p.ROOT + "/tests/cluster/rolling_restart"
NODES = {"master": "a", "gate1": "a", "gate2": "b", "map1": "b", "map2": "c"}
CLIENTS = 4 # the wire of a machine from which players come
DOORS = ", config: { lua: { start: doors } }"
# A daemon that can check configurations and starts no node.
BROKEN = """#!/bin/sh
case "$*" in *--check* | *--version*) exec "${0%/*}/harbord.real" "$@" ;; esac
exit 70
"""


class Fleet:
    """Three booted hosts without harbord, and the file that describes them."""

    def __init__(self, build):
        self.build = os.path.abspath(build)

    def __enter__(self):
        deb = p.one(p.packages("native"), "harbord")
        root = p.run_root(deb)
        self.folder = tempfile.mkdtemp(prefix="harbor-fleet-test-")
        self.deb = shutil.copy(deb, self.folder)
        self.lua = self.folder + "/lua"
        os.mkdir(self.lua)
        shutil.copy(GAME + "/counter.lua", self.lua)
        for name in ("main", "doors"):
            shutil.copy(f"{HERE}/{name}.lua", self.lua)
        self.network = Network(CLIENTS).__enter__()
        self.hosts = {}
        try:
            for i, name in enumerate("abc", 1):
                h = Host(self.build, name, lua=self.lua, netns=self.network.name(i), root=root,
                         install=False)
                self.hosts[name] = h.__enter__()
            self.file = self.folder + "/fleet.yaml"
            self.write()
            self.ctl("key", "new", self.folder + "/arena.key")
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *rest):
        for h in self.hosts.values():
            h.__exit__(kind, *rest)
        self.network.__exit__()
        shutil.rmtree(self.folder)

    def write(self, extra="", rsh=True):
        text = f"""fleet: arena
key_file: arena.key
shared:
  lua: {{ start: main, service_path: ["/opt/game/?.lua"] }}
hosts:
"""
        for i, name in enumerate("abc", 1):
            target = f", rsh: {self.hosts[name].name}" if rsh else ""
            text += f"  {name}: {{ address: {self.network.address(i)}{target} }}\n"
        text += f"""nodes:
  master: {{ host: a, listen: 2526, master: 2013 }}
  gate1: {{ host: a, listen: 2527{DOORS} }}
  gate2: {{ host: b, listen: 2526{DOORS} }}
  map1: {{ host: b, listen: 2527{extra} }}
  map2: {{ host: c, listen: 2526 }}
"""
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)

    def ctl(self, *words, status=0, limit=180):
        r = subprocess.run([self.build + "/harborctl", *words], capture_output=True, text=True,
                           timeout=limit, stdin=subprocess.DEVNULL)
        if r.returncode != status:
            raise Failed(f"harborctl {' '.join(words)}: status {r.returncode}, not {status}:\n"
                         f"{r.stdout}{r.stderr}")
        return r.stdout + r.stderr

    def fleet(self, verb, *words, **kw):
        return self.ctl("fleet", verb, self.file, *words, "--rsh", f"{BOX} in", **kw)

    def host(self, node):
        return self.hosts[NODES[node]]

    def call(self, node, *words):
        return self.host(node).ctl(node, "call", *words)["values"]

    def pids(self):
        return {n: self.host(n).prop(f"harbord@{n}", "MainPID") for n in NODES}

    def restarts(self, before):
        return {n for n, pid in self.pids().items() if pid != before[n]}

    def complete(self):
        for node in NODES:
            rows = self.host(node).ctl(node, "nodes")["nodes"]
            up = sum(r["state"] == "up" for r in rows)
            assert up == len(NODES) - 1, (node, rows)

    def no_call_failed(self, all_through=()):
        """Neither by the logs, nor by what the nodes say that were not restarted."""
        failed = [line for h in self.hosts.values() for line in h.journal_text().splitlines()
                  if "CALL FAILED" in line]
        assert not failed, failed[:5]
        for node in all_through:
            calls, failures = self.call(node, ".main", "stat")
            print(f"# {node}: {calls} calls")
            assert calls > 100 and not failures, (node, calls, failures)

    def load(self):
        """A service that moves with its state, called by every node without a pause."""
        self.call("gate2", ".main", "new", "counter", "famous")
        for node in NODES:
            self.call(node, ".main", "drive")
        for node in NODES:
            eventually(f"{node} calls", lambda n=node: self.call(n, ".main", "stat")[0] > 10, 20)


class Players:
    """players.py on a machine of its own, at the gate of a node."""

    def __init__(self, fleet, node, count):
        self.fleet, self.node, self.count = fleet, node, count
        address = fleet.network.address("abc".index(NODES[node]) + 1)
        self.over = f"{fleet.folder}/over-{node}"
        self.process = subprocess.Popen(["ip", "netns", "exec", fleet.network.name(CLIENTS),
                                         "/usr/bin/python3", PLAYERS, f"{address}:7000",
                                         str(count), self.over], stdout=subprocess.PIPE, text=True)
        eventually(f"all are at {node}", lambda: self.ask()[0] >= count)

    def ask(self):
        """How many are there, and how many of them were so in the gate's life before."""
        return self.fleet.call(self.node, ".doors", "count")

    def end(self):
        """Nobody was disconnected or refused, or waited for long. Returns what they measured."""
        open(self.over, "w", encoding="ascii").close()
        result = json.loads(self.process.communicate(timeout=60)[0])
        print(f"# {self.count} players of {self.node}: {result}")
        assert not result["lost"] and not result["refused"], result
        assert result["said"] > 20 * self.count and result["connects"] > 20, result
        return result


def took(began):
    return f"{time.monotonic() - began:.1f} s"


def from_nothing(build):
    """three fresh hosts become a cluster by one command; a second one changes nothing"""
    with Fleet(build) as f:
        said = f.fleet("check", status=1)
        assert said.count("harbord is not installed") == 3, said
        began = time.monotonic()
        said = f.fleet("roll", "--deb", f.deb)
        print(f"# three hosts, five nodes: {took(began)}\n# " + said.replace("\n", "\n# "))
        f.complete()
        for node in NODES:
            assert f"{node} ({NODES[node]}): started" in said, said
        h = f.hosts["b"]
        modes = h.sh("cd /etc/harbor; stat -c '%a %U:%G %n' harbor.yaml map1.yaml "
                     "credentials/cluster-key").split("\n")
        assert modes[:3] == ["640 root:_harbor harbor.yaml", "640 root:_harbor map1.yaml",
                             "600 root:root credentials/cluster-key"], modes
        before = f.pids()
        began = time.monotonic()
        said = f.fleet("roll", "--deb", f.deb)
        print(f"# nothing to do: {took(began)}")
        assert said.count("unchanged") == 5 and "installed" not in said, said
        assert f.restarts(before) == set()
        assert f.fleet("check").count("no errors") == 5
        assert f.fleet("status").count(" active ") == 5


def one_node(build):
    """one node is changed under load: it alone is restarted, and no call fails"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        f.load()
        before = f.pids()
        f.write(extra=", config: { log: { level: debug } }")
        said = f.fleet("roll", "--dry-run")
        assert "map1 (b): would be restarted (files)" in said and said.count("unchanged") == 4
        assert f.restarts(before) == set()
        said = f.fleet("roll")
        print("# " + said.replace("\n", "\n# "))
        assert f.restarts(before) == {"map1"}, said
        f.complete()
        f.no_call_failed([n for n in NODES if n != "map1"])


def upgrade(build):
    """all nodes are upgraded under load, one after the other, and no call fails"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        f.load()
        before = f.pids()
        began = time.monotonic()
        said = f.fleet("roll", "--deb", p.newer(f.deb, f.folder, "9.0"))
        print(f"# five nodes upgraded: {took(began)}\n# " + said.replace("\n", "\n# "))
        assert f.restarts(before) == set(NODES)
        order = re.findall(r"^(\w+) \(\w\): drained", said, re.M)
        assert order == ["gate1", "gate2", "map1", "map2", "master"], order
        f.complete()
        f.no_call_failed()
        where, lives, faults = f.call("map2", "famous", "report")
        assert lives > 1 and not faults, (where, lives, faults)


def players(build):
    """the node of a gate is upgraded, then all others: no player is disconnected, no call fails"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        f.load()
        crowds = [Players(f, "gate1", 40), Players(f, "gate2", 40)]
        before, new = f.pids(), p.newer(f.deb, f.folder, "9.0")
        began = time.monotonic()
        said = f.fleet("roll", "--deb", new, "--node", "gate1")
        print(f"# the node of a gate upgraded: {took(began)}\n# " + said.replace("\n", "\n# "))
        assert f.restarts(before) == {"gate1"}, said
        assert crowds[0].ask()[1] >= 40, crowds[0].ask()
        f.no_call_failed([n for n in NODES if n != "gate1"])
        began = time.monotonic()
        said = f.fleet("roll", "--deb", new)
        print(f"# the others upgraded: {took(began)}\n# " + said.replace("\n", "\n# "))
        assert "gate1 (a): unchanged" in said, said
        assert f.restarts(before) == set(NODES)
        assert crowds[1].ask()[1] >= 40, crowds[1].ask()
        f.complete()
        for c in crowds:
            c.end()
        f.no_call_failed()
        assert not f.call("map2", "famous", "report")[2]


def broken(build):
    """a package whose nodes do not start stops the roll at the first; the file before it mends"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        bad = p.newer(f.deb, f.folder, "9.1", BROKEN)
        said = f.fleet("roll", "--deb", bad, status=3)
        assert "gate1 (a): it did not become ready" in said, said
        assert f.restarts(before) == {"gate1"}
        assert [h.run("dpkg-query", "-W", "-f", "${Version}", "harbord").stdout
                for h in f.hosts.values()][1:] == [p.fields(f.deb, "Version")] * 2
        f.fleet("roll", "--deb", f.deb)
        f.complete()
        assert {"gate1"} <= f.restarts(before) <= {"gate1", "master"}


def refused(build):
    """what a host refuses changes none; a lock keeps two apart; wrong words end with 2"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        f.write(extra=", config: { lua: { start: nowhere, thraeds: 3 } }")
        said = f.fleet("roll", status=1)
        assert "thraeds" in said and "nothing was changed" in said, said
        assert f.restarts(before) == set()
        f.hosts["a"].sh("! grep -r nowhere /etc/harbor")
        f.write()
        f.hosts["c"].sh("mkdir /var/lib/harbor-fleet/lock && "
                        "echo somebody >/var/lib/harbor-fleet/lock/owner")
        said = f.fleet("roll", status=1)
        assert "c: locked by somebody" in said, said
        assert "unchanged" in f.fleet("roll", "--break-lock")
        f.ctl("fleet", "roll", f.file, "--fast", status=2)
        f.ctl("fleet", "turn", f.file, status=2)
        f.host("map2").run("systemctl", "stop", "harbord@map2")
        f.network.cable(2, False)
        eventually("b is gone", lambda: any(
            r["state"] != "up" for r in f.host("gate1").ctl("gate1", "nodes")["nodes"]
            if r["name"] == "map1"), 30)
        f.fleet("roll", status=4)
        f.network.cable(2, True)


def interrupted(build):
    """ended by SIGKILL at any point, it is run again and finishes"""
    with Fleet(build) as f:
        for pause in (0.5, 1.5, 3, 5):
            with subprocess.Popen([f.build + "/harborctl", "fleet", "roll", f.file, "--deb", f.deb,
                                   "--rsh", f"{BOX} in", "--break-lock"], start_new_session=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
                time.sleep(pause) # the point is not chosen, and any must do
                os.killpg(child.pid, 9)
        f.fleet("roll", "--deb", f.deb, "--break-lock")
        f.complete()
        assert f.fleet("roll", "--deb", f.deb).count("unchanged") == 5


def ssh(build):
    """the same by ssh itself, as the fleet's file has it"""
    with Fleet(build) as f:
        key = f.folder + "/ssh"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with open(key + ".pub", encoding="ascii") as public:
            text = public.read()
        for h in f.hosts.values():
            h.write("/root/.ssh/authorized_keys", text, "600")
            h.run("systemctl", "start", "ssh")
        f.write(rsh=False)
        rsh = f"ip netns exec {f.network.name(1)} ssh -o BatchMode=yes -o LogLevel=ERROR -l root " \
              f"-i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        f.ctl("fleet", "roll", f.file, "--deb", f.deb, "--rsh", rsh)
        f.complete()
        assert f.ctl("fleet", "roll", f.file, "--rsh", rsh).count("unchanged") == 5


main([from_nothing, one_node, upgrade, players, broken, refused, interrupted, ssh])
