# SPDX-License-Identifier: MIT
"""One node of a run: its configuration, its process, what it can be asked."""
import json, os, signal, subprocess
import faults, network

HERE = os.path.dirname(os.path.abspath(__file__))
MESSAGE_MAX = "8MiB"

# Defaults wherever a user would leave them: heartbeats, dead_after, threads, queues.
YAML = """# Node {i} of a cluster of {nodes}.
node:    {{ name: game-{i}, harbor: {i} }}
cluster: {{ listen: "{address}:{link}", master: [ {masters} ], {secure},
	message_max: {max} }}
{own}lua:
  start: chaos
  service_path: [ "{here}/?.lua" ]
  path: [ "{here}/?.lua" ]
admin:   {{ listen: "unix:{dir}/n{i}.sock" }}
log:     {{ file: "{disk}/node.log" }}
env:     {{ chaos_dir: "{dir}", chaos_life: "${{CHAOS_LIFE}}", chaos_nodes: "{nodes}",
	chaos_seed: "{seed}" }}
"""

# The last two nodes come from games that were written for skynet.
SKYNET = """-- Node {i} of a cluster of {nodes}.
thread = 4
harbor = {i}
address = "{address}:{link}"
master = "{master}:{port}"
start = "chaos"
luaservice = "{here}/?.lua"
lua_path = "{here}/?.lua"
chaos_dir = "{dir}"
chaos_life = "$CHAOS_LIFE"
chaos_nodes = {nodes}
chaos_seed = {seed}
harbord_cluster_message_max = "{max}"
{key}
harbord_admin_listen = "unix:{dir}/n{i}.sock"
"""


class Node:
    def __init__(self, run, i):
        self.run, self.i, self.life, self.process = run, i, 0, None
        self.frozen = 0
        self.disk = faults.Disk(f"{run.dir}/disk{i}")
        self.clock = faults.Clock(f"{run.dir}/clock{i}")
        registry = f'registry: etcd, etcd: [ "{run.etcd.address}" ]' if run.etcd \
            else f'state_dir: "{self.disk.folder}/state"'
        own = f'master:  {{ listen: "{run.net.address(i)}:{network.MASTER_PORT}", {registry} }}\n' \
            if i in run.masters else ""
        secure = [f'key_file: "{run.key}"'] if run.key else []
        if run.etcd or not run.key:  # the way to etcd is not encrypted
            secure.append("insecure: true")
        # Their configuration names one master.
        skynet = i > 1 and i > run.a.nodes - 2 and not run.etcd
        self.config = f"{run.dir}/n{i}.{'lua' if skynet else 'yaml'}"
        with open(self.config, "w") as f:
            f.write((SKYNET if skynet else YAML).format(
                i=i, nodes=run.a.nodes, address=run.net.address(i), link=network.LINK_PORT, own=own,
                master=run.net.address(1), masters=", ".join(
                    f'"{run.net.address(m)}:{network.MASTER_PORT}"' for m in run.masters),
                port=network.MASTER_PORT, max=MESSAGE_MAX, seed=run.seed, here=HERE, dir=run.dir,
                disk=self.disk.folder, secure=", ".join(secure),
                key=f'harbord_cluster_key_file = "{run.key}"' if run.key else ""))

    def start(self):
        self.life += 1
        argv = self.run.net.inside(self.i, [self.run.a.build + "/harbord", self.config])
        with open(f"{self.run.dir}/n{self.i}.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=dict(os.environ, CHAOS_LIFE=str(self.life),
                                                     CHAOS_CLOCK=self.clock.path,
                                                     LD_PRELOAD=self.run.clock))
        self.run.note("start", self.i, self.life)

    def kill(self):
        self.run.note("kill", self.i, self.life)
        self.process.kill()
        self.process.wait()

    def signal(self, sig):
        if self.process.poll() is None:
            os.kill(self.process.pid, sig)

    def ctl(self, *words, limit=4):
        p = subprocess.run([self.run.a.build + "/harborctl", "--socket",
                            f"{self.run.dir}/n{self.i}.sock", "--json", *words],
                           capture_output=True, text=True, timeout=limit)
        if p.returncode:
            raise OSError(f"node {self.i}: harborctl {' '.join(words)}: {p.returncode} "
                          f"{p.stderr.strip()} {p.stdout.strip()}")
        return json.loads(p.stdout)

    def call(self, *words, limit=15):
        return self.ctl("call", ".chaos", *words, limit=limit)["values"][0]

    def logs(self):
        """The files with its log: of both, if it has a file and writes to stderr before."""
        return [path for path in (f"{self.run.dir}/n{self.i}.log", f"{self.disk.folder}/node.log")
                if os.path.exists(path)]

    def descriptors(self):
        """What the node has open, and how often."""
        folder, kinds = f"/proc/{self.process.pid}/fd", {}
        for fd in os.listdir(folder):
            try:
                kind = os.readlink(f"{folder}/{fd}").split(":")[0].replace(self.run.dir, "")
            except FileNotFoundError:
                continue  # closed meanwhile
            kinds[kind] = kinds.get(kind, 0) + 1
        return dict(sorted(kinds.items()))

    def usage(self):
        """Resident KiB and open descriptors but for histories, or nothing."""
        try:
            with open(f"/proc/{self.process.pid}/statm") as f:
                rss = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
            return rss, sum(count for kind,
                            count in self.descriptors().items() if not kind.endswith(".tsv"))
        except (OSError, IndexError, AttributeError):
            return None
