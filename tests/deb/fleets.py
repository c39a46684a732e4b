"""A fleet of three clean Debian hosts, described by one file, and players at its gates."""
import json, os, shutil, subprocess, tempfile, time
from boxes import BOX, Host, Network, eventually
from harness import Failed
import packages as p

HERE = os.path.dirname(os.path.abspath(__file__)) + "/fleet"
PLAYERS = p.ROOT + "/tests/systemd/sessions/players.py"
GAME = p.ROOT + "/tests/cluster/rolling_restart"
NODES = {"master": "a", "gate1": "a", "gate2": "b", "map1": "b", "map2": "c", "login": "c"}
ORDER = ["map1", "map2", "login", "gate1", "gate2", "master"] # in which they are restarted
CLIENTS = 4 # the wire of a machine from which players come
DOORS = ", role: gate, config: { lua: { start: doors } }"


class Fleet:
    """Three booted hosts without harbord, and the file that describes them. deb: the package to
    begin with, of this tree unless there is one."""

    def __init__(self, build, deb=None):
        self.build, self.first = os.path.abspath(build), deb

    def __enter__(self):
        deb = p.one(p.packages("native"), "harbord")
        root = p.run_root(deb)
        self.folder = tempfile.mkdtemp(prefix="harbor-fleet-test-")
        self.deb = shutil.copy(self.first or deb, self.folder)
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

    def write(self, extra="", rsh=True, level="info"):
        """extra: keys of map1; level: of all logs."""
        text = f"""fleet: arena
key_file: arena.key
shared:
  lua: {{ start: main, service_path: ["/opt/game/?.lua"] }}
  log: {{ level: {level} }}
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
  login: {{ host: c, listen: 2527 }}
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

    def fleet(self, verb, *words, rsh=f"{BOX} in", **kw):
        return self.ctl("fleet", verb, self.file, *words, "--rsh", rsh, **kw)

    def wrapper(self, text):
        """A remote shell that does something first; $call is what the host is told to do."""
        path = self.folder + "/rsh"
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""#!/bin/bash
script=$(cat)
call=$(grep -m1 "<<'END-OF-INPUT'$" <<<"$script")
call=${{call%% <<*}}
{text}
{BOX} in "$@" <<<"$script"
""")
        os.chmod(path, 0o755)
        return path

    def host(self, node):
        return self.hosts[NODES[node]]

    def call(self, node, *words):
        return self.host(node).ctl(node, "call", *words)["values"]

    def pids(self):
        return {n: self.host(n).prop(f"harbord@{n}", "MainPID") for n in NODES}

    def restarts(self, before):
        return {n for n, pid in self.pids().items() if pid != before[n]}

    def versions(self):
        return {n: h.run("dpkg-query", "-W", "-f", "${Version}", "harbord").stdout
                for n, h in self.hosts.items()}

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

    def begin(self):
        """All nodes of the first package, under load."""
        self.fleet("roll", "--deb", self.deb)
        self.load()

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


def told(what, began, said):
    """The report has how long it took, and what was said."""
    print(f"# {what}: {took(began)}\n# " + said.strip().replace("\n", "\n# "), flush=True)


def took(began):
    return f"{time.monotonic() - began:.1f} s"
