# SPDX-License-Identifier: MIT
"""A network for nodes on one host: each in a namespace of its own, a pair of virtual cards to one
bridge, and nftables in each namespace that drop or reset what comes from chosen addresses. Pairs
whose line shall be bad (slow, narrow, lossy) have a route to relay.c instead of the bridge.
Everything has names that begin with this process' own prefix, and is taken down by close()."""
import collections, os, subprocess, threading

MASTER_PORT = 2013
LINK_PORT = 2526

RULES = """
table inet chaos {
  set dropped { type ipv4_addr; }
  set refused { type ipv4_addr; }
  set masterless { type ipv4_addr; }
  chain in {
    type filter hook input priority 0;
    ip saddr @dropped drop
    ip saddr @refused meta l4proto tcp reject with tcp reset
    ip saddr @masterless tcp sport %d drop
    ip saddr @masterless tcp dport %d drop
  }
}
""" % (MASTER_PORT, MASTER_PORT)


# A line in one direction: ms, ms, three times of a thousand packets, kilobits a second (0: any).
Line = collections.namedtuple("Line", "delay jitter lost reordered doubled kbit", defaults=[0] * 6)


def run(*argv, text=None):
    p = subprocess.run(argv, input=text, capture_output=True, text=True)
    if p.returncode:
        raise OSError(f"{' '.join(argv)}: {p.stderr.strip()}")


def why_not():
    """Returns why there can be no such network here, or nothing."""
    if os.geteuid():
        return "network namespaces need root"
    for tool in ("ip", "nft"):
        if subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True).returncode:
            return f"{tool} is not installed (make chaos-deps)"
    try:
        network = Network(1)
        network.close()
    except OSError as e:
        return f"no network namespaces here: {e}"
    return None


class Network:
    """Nodes are numbered from 1; node i has the address 10.77.0.i in its namespace."""
    count = 0

    def __init__(self, nodes, relay=None, seed=1):
        """relay: the program of relay.c, for a network that has bad lines."""
        # The kernel takes its time to forget the names of the network before.
        Network.count += 1
        self.prefix, self.nodes, self.made = f"h{os.getpid()}x{Network.count % 10}", range(1,
                nodes + 1), []
        self.relay, self.lock = None, threading.Lock()
        try:
            self.build()
            if relay:
                self.start_relay(relay, seed)
        except OSError:
            self.close()
            raise

    def build(self):
        bridge = self.prefix + "b"
        run("ip", "link", "add", bridge, "type", "bridge")
        self.made.append(("ip", "link", "del", bridge))
        run("ip", "link", "set", bridge, "up")
        for i in self.nodes:
            space = self.space(i)
            run("ip", "netns", "add", space)
            self.made.append(("ip", "netns", "del", space))
            run("ip", "link", "add", f"{self.prefix}n{i}", "type", "veth", "peer", "name", "eth0",
                "netns", space)
            run("ip", "link", "set", f"{self.prefix}n{i}", "master", bridge, "up")
            run("ip", "-n", space, "addr", "add", self.address(i) + "/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "netns", "exec", space, "nft", "-f", "-", text=RULES)

    def start_relay(self, program, seed):
        self.relay = subprocess.Popen([program, str(seed),
                                       *(f"{i}={self.space(i)}" for i in self.nodes)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.relay.stdout.readline() != "ready\n":
            raise OSError("the relay does not start")
        for i in self.nodes:
            run(*self.inside(i, ["sh", "-c",
                                 "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter;"
                                 "echo 0 >/proc/sys/net/ipv4/conf/relay/rp_filter"]))
            run("ip", "-n", self.space(i), "link", "set", "relay", "up")

    def ask_relay(self, words):
        with self.lock:
            self.relay.stdin.write(words + "\n")
            self.relay.stdin.flush()
            return self.relay.stdout.readline().strip()

    def line(self, source, target, line):
        """From now on packets from `source` to `target` go over such a line; None: over a good
        one."""
        route = ["ip", "-n", self.space(source), "route"]
        if line is None:
            subprocess.run([*route, "del", self.address(target) + "/32"], capture_output=True)
            return
        answer = self.ask_relay(f"path {source} {target} {line.delay * 1000} {line.jitter * 1000} "
                                f"{line.lost} {line.reordered} {line.doubled} {line.kbit}")
        if answer != "ok":
            raise OSError(f"relay: {answer}")
        run(*route, "replace", self.address(target) + "/32", "dev", "relay", "src",
            self.address(source))

    def relayed(self):
        """Returns packets, lost, reordered, doubled, refused by full lines."""
        return [int(word) for word in self.ask_relay("counts").split()]

    def space(self, i):
        return f"{self.prefix}s{i}"

    def address(self, i):
        return f"10.77.0.{i}"

    def inside(self, i, argv):
        """The command line that runs argv in the namespace of node i."""
        return ["ip", "netns", "exec", self.space(i), *argv]

    def rule(self, verb, kind, source, target):
        """verb add or delete: what comes from node `source` to node `target` is dropped, refused
        with a reset, or dropped on the way to and from the master."""
        run(*self.inside(target, ["nft", verb, "element", "inet", "chaos", kind,
                                  f"{{ {self.address(source)} }}"]))

    def heal(self):
        for i in self.nodes:
            text = "".join(f"flush set inet chaos {s}\n"
                           for s in ("dropped", "refused", "masterless"))
            run(*self.inside(i, ["nft", "-f", "-"]), text=text)
            if self.relay:
                subprocess.run(["ip", "-n", self.space(i), "route", "flush", "dev", "relay"],
                               capture_output=True)

    def close(self):
        if self.relay:
            self.relay.stdin.close()
            self.relay.wait()
            self.relay = None
        for argv in reversed(self.made):
            subprocess.run(argv, capture_output=True)
        self.made = []
