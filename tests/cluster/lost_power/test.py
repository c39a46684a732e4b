#!/usr/bin/python3
"""A host that loses power says nothing: connections to it end within the configured times, whether
bytes are on their way or not, and a connect that nobody answers fails. The link between two network
namespaces is the cable that is pulled out."""
import ctypes, os, re, socket, subprocess, tempfile, time
from harness import Failed, Node, eventually, leave, main

HERE = os.path.dirname(os.path.abspath(__file__))
NODE, PEER, NOBODY = "10.77.0.1", "10.77.0.2", "10.77.0.9"
LIBC = ctypes.CDLL(None, use_errno=True)


def inside(namespace, f):
    """Calls f in the network namespace of that process. A socket stays where it was made."""
    with open("/proc/self/ns/net") as own, open(f"/proc/{namespace}/ns/net") as other:
        if LIBC.setns(other.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return f()
        finally:
            assert LIBC.setns(own.fileno(), 0) == 0


class Cable:
    """Two network namespaces, a node in the first, and a cable between them."""

    def __init__(self, build, net=""):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.holders, self.sockets, self.node = [], [], None
        self.net = net

    def ip(self, which, *words):
        subprocess.run(["nsenter", "--net", "--target", str(self.holders[which].pid), "ip",
                        *words], check=True)

    def lay(self):
        own = os.readlink("/proc/self/ns/net")
        for _ in range(2):
            holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
            self.holders.append(holder)
            eventually("the namespace is there",
                       lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        pids = [str(h.pid) for h in self.holders]
        self.ip(0, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", pids[1])
        for which, (device, address) in enumerate((("near", NODE), ("far", PEER))):
            self.ip(which, "addr", "add", address + "/24", "dev", device)
            self.ip(which, "link", "set", "lo", "up")
            self.ip(which, "link", "set", device, "up")
        # the hardware address stays known, so what is lost is lost without a word from here
        shown = inside(pids[1], lambda: subprocess.run(
            ["ip", "-o", "link", "show", "far"], capture_output=True, text=True, check=True).stdout)
        hardware = re.search(r"link/ether (\S+)", shown)[1]
        for address in (PEER, NOBODY):
            self.ip(0, "neigh", "replace", address, "lladdr", hardware, "dev", "near", "nud",
                    "permanent")

    def power_off(self):
        """The cable holds, and nobody is there any more: what is sent vanishes."""
        self.ip(1, "addr", "flush", "dev", "far")

    def pull_out(self):
        """The device sees that there is no cable: nothing leaves the host."""
        self.ip(1, "link", "set", "far", "down")

    def __enter__(self):
        self.lay()
        self.node = Node(self, "peer", f'node: {{ name: peer, threads: 2 }}\n'
                         f'lua: {{ start: peer, service_path: ["{HERE}/?.lua"] }}\n'
                         f'net: {{ {self.net} }}\n')
        # the control socket lies in a folder, which is the same in every namespace
        inside(self.holders[0].pid, self.node.start)
        self.node.ready()
        self.port = self.node.call(".peer", "listen", NODE)[0]
        return self

    def client(self):
        s = inside(self.holders[1].pid, lambda: socket.create_connection((NODE, self.port), 10))
        self.sockets.append(s)
        want = " ".join(["open"] * len(self.sockets))
        eventually("the node has the client", lambda: self.states() == want)
        return s

    def states(self):
        return self.node.call(".peer", "clients")[0]

    def timers(self):
        """What the kernel waits for on the node's connections, in the words of ss."""
        return inside(self.holders[0].pid, lambda: subprocess.run(
            ["ss", "-Htno", "state", "established", f"sport = :{self.port}"],
            capture_output=True, text=True, check=True).stdout)

    def __exit__(self, kind, *rest):
        for s in self.sockets:
            s.close()
        if self.node and self.node.process.poll() is None:
            self.node.process.kill()
            self.node.process.wait()
        for h in self.holders:
            h.kill()
            h.wait()
        if kind and self.node:
            print(f"---- log\n{open(self.node.log, errors='replace').read()[-3000:]}")
        leave(self.tmp, kind)


def both_end(c, lose, timer):
    """One connection with bytes on their way and an idle one, of which the peer is lost."""
    c.client()
    c.client()
    lose(c)
    began = time.monotonic()
    assert c.node.call(".peer", "write") == [True]
    assert f"timer:({timer}," in c.timers(), c.timers()
    eventually("both connections have ended", lambda: c.states() == "end end", 15)
    took = time.monotonic() - began
    if took < 2.5:
        raise Failed(f"both ended after {took:.1f} s")


def by_time(build):
    """user_timeout: a connection with bytes on their way and an idle one both end in time"""
    for lose, timer in ((Cable.power_off, "on"), (Cable.pull_out, "persist")):
        with Cable(build, "keepalive_idle: 1s, keepalive_interval: 1s, user_timeout: 3s") as c:
            both_end(c, lose, timer)


def by_count(build):
    """keepalive_count: probes that nobody answers end an idle connection without a user_timeout"""
    with Cable(build, "keepalive_idle: 1s, keepalive_interval: 1s, keepalive_count: 2, "
               "user_timeout: 0") as c:
        c.client()
        c.pull_out()
        eventually("the connection has ended", lambda: c.states() == "end", 15)


def defaults(build):
    """ss -o: a connection is probed after a minute of silence, with 0 after two hours"""
    with Cable(build) as c:
        c.client()
        assert re.search(r"timer:\(keepalive,(5\d|60)sec,0\)|timer:\(keepalive,1min,0\)",
                         c.timers()), c.timers()
    with Cable(build, "keepalive_idle: 0") as c:
        c.client()
        assert re.search(r"timer:\(keepalive,(119min|120min|2h)", c.timers()), c.timers()


def connects(build):
    """connect_timeout: a connect that nobody answers fails in time, with the system's word"""
    with Cable(build, "connect_timeout: 2s") as c:
        why, took = c.node.call(".peer", "connect", NOBODY, "8001", limit=30)
        assert why == "Connection timed out" and 150 < took < 1000, (why, took)


TESTS = [by_time, by_count, defaults, connects]
if os.geteuid():
    print("\n".join(f"ok {i} - {t.__name__} # SKIP making a network namespace needs root"
                    for i, t in enumerate(TESTS, 1)) + f"\n1..{len(TESTS)}")
else:
    main(TESTS)
