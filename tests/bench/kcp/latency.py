#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How late are messages of a game over a network that loses packets: TCP against KCP.

usage: latency.py BUILD_FOLDER [--loss PERCENT] [--delay MS] [--jitter MS] [--seconds N] [-n RUNS]
                  [HOW ...]

Two nodes in network namespaces of their own send 60 messages a second from one to the other. The
way between them is a process: each namespace has a TUN device, whose packets it drops by chance in
both directions, holds for so long, and gives to the other one; with a jitter they overtake each
other. HOW: tcp, kcp, careful, eager, redundant (stream.lua). Needs root. Prints a row for each:
messages, ms of p50, p99, p99.9 and the latest (medians of the runs), and bytes on the way for a
byte of message.
"""
import argparse, fcntl, heapq, os, random, select, statistics, struct, subprocess, sys, tempfile, \
    threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000
SIZE = 100


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Way:
    """Two namespaces and what is between them; `ends` are their names, `hosts` their addresses."""

    def __init__(self, loss, delay, jitter, seed):
        self.loss, self.delay, self.jitter = loss / 100, delay / 1000, jitter / 1000
        self.random, self.bytes, self.over = random.Random(seed), 0, False
        self.ends = [f"harbord-{os.getpid()}-{seed}-{side}" for side in "ab"]
        self.hosts = ["10.77.0.1", "10.77.0.2"]
        self.tuns = []
        for side, (end, host, peer) in enumerate(zip(self.ends, self.hosts, self.hosts[::-1])):
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            name = f"hk{os.getpid() % 100000}x{seed % 100}{side}"
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
            ip("netns", "add", end)
            ip("link", "set", name, "netns", end)
            ip("-n", end, "addr", "add", host, "peer", peer, "dev", name)
            ip("-n", end, "link", "set", name, "up")
            ip("-n", end, "link", "set", "lo", "up")
            self.tuns.append(tun)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        waiting, count = [], 0
        while not self.over:
            wait = waiting[0][0] - time.monotonic() if waiting else 0.1
            for tun in select.select(self.tuns, [], [], max(0, min(wait, 0.1)))[0]:
                packet = os.read(tun, 65536)
                self.bytes += len(packet)
                if self.random.random() >= self.loss:
                    count += 1
                    at = time.monotonic() + self.delay + self.random.random() * self.jitter
                    heapq.heappush(waiting, (at, count, tun == self.tuns[0], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, side, packet = heapq.heappop(waiting)
                os.write(self.tuns[side], packet)

    def close(self):
        self.over = True
        self.thread.join()
        for tun, end in zip(self.tuns, self.ends):
            os.close(tun)
            ip("netns", "del", end)


def node(build, tmp, end, name, args):
    config = f"{tmp}/{name}.yaml"
    with open(config, "w") as f:
        f.write(f"node: {{ name: {name}, harbor: 0, threads: 2 }}\n"
                f'lua: {{ start: stream, args: "{args}", service_path: ["{HERE}/?.lua"] }}\n'
                f'admin: {{ listen: "unix:{tmp}/{name}.sock" }}\nlog: {{ level: error }}\n')
    return subprocess.Popen(["ip", "netns", "exec", end, f"{build}/harbord", config],
                            stdout=subprocess.PIPE, text=True)


def listens(end):
    """Whether something is bound to the port in that namespace."""
    out = subprocess.run(["ip", "netns", "exec", end, "ss", "-Hlnut", "sport", "=", ":9000"],
                         capture_output=True, text=True).stdout
    return "9000" in out


def once(a, how, seed):
    way = Way(a.loss, a.delay, a.jitter, seed)
    nodes = []
    with tempfile.TemporaryDirectory() as tmp:
        try:
            nodes.append(node(a.build, tmp, way.ends[0], "in", f"receive {how} {way.hosts[0]} 0"))
            while not listens(way.ends[0]):
                time.sleep(0.05)
            nodes.append(node(a.build, tmp, way.ends[1], "out",
                              f"send {how} {way.hosts[0]} {a.seconds}"))
            for line in nodes[0].stdout:
                if line.startswith("STREAM"):
                    row = [float(x) for x in line.split()[1:]]
                    return row + [way.bytes / (row[0] * SIZE)]
        finally:
            for n in nodes:
                n.kill()
                n.wait()
            way.close()
    sys.exit("the receiver ended without a word")


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    p.add_argument("build")
    p.add_argument("how", nargs="*", default=["tcp", "kcp", "careful", "eager", "redundant"])
    p.add_argument("--loss", type=float, default=5)
    p.add_argument("--delay", type=float, default=20)
    p.add_argument("--jitter", type=float, default=0)
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("-n", type=int, default=3)
    a = p.parse_intermixed_args()
    a.build = os.path.abspath(a.build)
    rows = {how: [] for how in a.how}
    for run in range(a.n):
        for how in a.how: # in turn, for the machine changes its speed within minutes
            rows[how].append(once(a, how, run * 10 + a.how.index(how)))
    for how in a.how:
        n, *ms, cost = [statistics.median(column) for column in zip(*rows[how])]
        print(f"{how:8} {n:6.0f} " + " ".join(f"{x:7.1f}" for x in ms) + f"  {cost:4.1f}")


main()
