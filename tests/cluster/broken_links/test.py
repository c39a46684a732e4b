#!/usr/bin/python3
"""Links whose connections break within frames, again and again: while both nodes live nothing is
lost, nothing comes twice, and calls go on."""
import os, random, select, signal, socket, struct, sys, threading
from harness import Cluster, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))


class Proxy(threading.Thread):
    """Passes connections on to a port until they have carried so many bytes as cut() says, or the
    door is closed."""

    def __init__(self):
        super().__init__(daemon=True)
        self.to, self.pairs, self.cuts, self.over, self.closed = None, [], 0, False, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.between = None  # bytes after which a connection is cut: at random within this
        self.start()

    def reset(self, pair):
        if pair not in self.pairs:
            return
        self.pairs.remove(pair)
        for s in pair[:2]:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        self.cuts += 1

    def accept(self):
        near, _ = self.listener.accept()
        pair = [near, socket.socket(), random.randrange(self.between) if self.between else None]
        self.pairs.append(pair)
        try:
            if self.closed:
                raise OSError
            pair[1].connect(("127.0.0.1", self.to))
        except OSError:
            self.reset(pair)

    def move(self, pair, one, other):
        try:
            data = one.recv(1 << 16)
            if pair[2] is not None:
                # a piece of it arrives; where that ends nobody knows
                data, pair[2] = data[:pair[2]], pair[2] - len(data)
            other.sendall(data)
            if not data or (pair[2] is not None and pair[2] <= 0):
                self.reset(pair)
        except OSError:
            self.reset(pair)

    def run(self):
        while not self.over:
            ends = {s: (p, s, p[1 - i]) for p in self.pairs for i, s in enumerate(p[:2])}
            for s in select.select([self.listener, *ends], [], [], 0.01)[0]:
                if s is self.listener:
                    self.accept()
                elif ends[s][0] in self.pairs:
                    self.move(*ends[s])
            if self.closed:
                for p in list(self.pairs):
                    self.reset(p)
        self.listener.close()
        for p in list(self.pairs):
            self.reset(p)


class Two(Cluster):
    """Two nodes that reach each other through proxies only."""

    def __init__(self, build):
        self.proxies = [Proxy(), Proxy()]  # before anything asks for free ports
        super().__init__(build, HERE)
        for i, (name, proxy) in enumerate(zip("ab", self.proxies), 1):
            proxy.to = free_port()
            self.node(name, i, master=i == 1, args=f"{i} {3 - i}", port=proxy.to, start_now=False,
                      extra=f", advertise: 127.0.0.1:{proxy.port}, dead_after: 4s")
        self.a, self.b = self.nodes

    def __enter__(self):
        try:
            for n in self.nodes:
                n.start()
            for n in self.nodes:
                n.ready()
            eventually("both know both", lambda: all({"T1", "T2"} <= {
                x["name"] for x in n.ctl("names")["names"]} for n in self.nodes))
            self.linked()
        except Exception:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def text(self, *args, **kw):
        return super().text(*args, **kw).replace(" dead_after: 1s,", "", 1)

    def linked(self):
        eventually("the link is up", lambda: all(self.link(n)["state"] == "up" for n in self.nodes))

    def link(self, node):
        own = self.nodes.index(node) + 1
        return next(n for n in node.ctl("nodes")["nodes"] if n["harbor"] != own)

    def between(self, between):
        for p in self.proxies:
            p.between = between

    def cut(self, between):
        self.between(between)
        for p in self.proxies:
            for pair in list(p.pairs):
                pair[2] = random.randrange(between)

    def close(self, closed):
        for p in self.proxies:
            p.closed = closed

    def cuts(self):
        return sum(p.cuts for p in self.proxies)

    def __exit__(self, *error):
        super().__exit__(*error)
        for p in self.proxies:
            p.over = True
        for p in self.proxies:
            p.join()

    def all_arrives(self):
        """What each node has sent is at the other one, once and in order."""
        for here, there in ((self.a, self.b), (self.b, self.a)):
            sent = here.call(".probe", "sent")[0]
            eventually(f"all {sent} messages have arrived",
                       lambda: there.call(".probe", "arrived")[0] >= sent, 60)
            assert there.call(".probe", "arrived") == [sent, 0, 0, 0], (
                sent, there.call(".probe", "arrived"))
            assert self.link(here)["messages_lost"] == 0


def many_cuts(build):
    """messages of 4 bytes to 5 MiB in both directions over a link that is cut within frames: all
    arrive, once and in order; calls do not fail"""
    with Two(build) as c:
        c.cut(4 << 20)
        for n in c.nodes:
            n.call(".probe", "run")
        eventually("the link was cut often", lambda: c.cuts() > 150, 60)
        eventually("calls were made", lambda: all(n.call(".probe", "sent")[1] > 50
                                                  for n in c.nodes), 60)
        for n in c.nodes:
            eventually("much was sent meanwhile",
                       lambda: all(have > least for have, least
                                   in zip(n.call(".probe", "sent"), (1000, 50))), 60)
        for n in c.nodes:
            n.call(".probe", "stop")
        c.cut(64 << 20)
        c.all_arrives()
        for n in c.nodes:
            sent, called, failed, why = n.call(".probe", "sent")
            assert failed == 0, (sent, called, failed, why)
        assert sum(c.link(n)["frames_resent"] for n in c.nodes) > 60
        eventually("all is acknowledged",
                   lambda: all(c.link(n)["unacknowledged_bytes"] == 0 for n in c.nodes))


def door_closed(build):
    """calls fail when link_wait (1 s) is over, on their way or not; sends wait for the link"""
    with Two(build) as c:
        for n in c.nodes:
            n.call(".probe", "run")
        eventually("traffic", lambda: c.a.call(".probe", "sent")[1] > 20)
        c.close(True)
        eventually("calls are given up", lambda: c.a.logged("without a link for too long"), 5)
        ok, why, cs = c.a.call(".probe", "call", "late")
        assert not ok and "link lost" in why and cs < 50, (ok, why, cs)
        for n in c.nodes:
            n.call(".probe", "stop")
        c.close(False)
        c.linked()
        c.all_arrives()
        _, called, failed, why = c.a.call(".probe", "sent")
        assert failed > 0 and "link lost" in why, (called, failed, why)


def killed(build):
    """what a node that is killed had not acknowledged is counted, logged and told; calls fail"""
    with Two(build) as c:
        c.a.call(".probe", "run")
        c.a.call(".probe", "stop")
        c.b.signal(signal.SIGSTOP)
        c.a.call(".probe", "flood", "30", str(1 << 20))
        threading.Timer(0.3, c.b.kill).start()
        ok, why, _ = c.a.call(".probe", "call", "x", limit=20)
        assert not ok and ("link lost" in why or "node is down" in why), why
        eventually("what is lost is counted",
                   lambda: c.link(c.a)["messages_lost"] > 0 and
                   c.link(c.a)["messages_lost"] + c.link(c.a)["messages_dropped"] >= 30)
        assert c.link(c.a)["queued_bytes"] == 0 and c.link(c.a)["unacknowledged_bytes"] == 0
        assert c.a.logged("messages to node b (harbor 2) may not have arrived: ")
        told = eventually("a service is told", lambda: c.a.call(".probe", "losses")[0])
        node, sent, unsent, why = told.split(" ", 3)
        assert node == "2" and int(sent) == c.link(c.a)["messages_lost"], told
        assert int(sent) + int(unsent) >= 30 and "\n" not in why, told


def stopped(build):
    """what a node has sent before it stops in order arrives, also if the link breaks just then"""
    with Two(build) as c:
        c.a.call(".probe", "run")
        c.a.call(".probe", "stop")
        c.b.signal(signal.SIGSTOP)  # so some of it is on the way, and some still waits
        c.a.call(".probe", "flood", "16", str(1 << 20))
        sent = c.a.call(".probe", "sent")[0]
        c.a.signal(signal.SIGTERM)
        eventually("it stops", lambda: c.a.logged("stopping: "))
        c.cut(1)
        c.between(None)
        c.b.signal(signal.SIGCONT)
        assert c.a.process.wait(20) == 0
        assert c.b.call(".probe", "arrived") == [sent, 0, 0, 0], (
            sent, c.b.call(".probe", "arrived"))
        assert c.cuts() > 0 and not c.a.logged("may not have arrived")


def twins(build):
    """a service whose move is cut off lives once when the two nodes have found each other again"""
    with Two(build) as c:
        c.a.call(".probe", "travel")
        eventually("it is being born there", lambda: c.b.call(".probe", "travels")[1] == 1)
        c.close(True)
        eventually("the move has failed",
                   lambda: "link lost" in c.a.call(".probe", "travels")[0], 10)
        eventually("nobody can be asked", lambda: c.b.logged("until it is known whether"), 10)
        c.close(False)
        eventually("one is left", lambda: c.b.call(".probe", "travels")[1] == 0)
        _, count, answer = c.a.call(".probe", "travels")
        assert count == 1 and isinstance(answer, int), (count, answer)


main([many_cuts, door_closed, killed, stopped, twins])
