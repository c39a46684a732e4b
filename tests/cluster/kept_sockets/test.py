#!/usr/bin/python3
"""Sockets that live longer than a node: those that its service manager opens for it, listeners that
it has kept, and sessions that go to its next life."""
import os, shutil, socket, struct, subprocess, sys, threading, time
from harness import Failed, eventually, exactly, free_port, main

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from manager import Manager

HERE = os.path.dirname(os.path.abspath(__file__))


def config(address, slow=""):
    return (f'node: {{ name: n, threads: 2 }}\nlua: {{ start: main, args: "{address} {slow}", '
            f'service_path: ["{HERE}/?.lua"] }}\n')


class Player:
    def __init__(self, port, name):
        self.name, self.count = name, 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.send(name)
        assert self.hear() == f"welcome {name}"

    def send(self, text):
        self.socket.sendall(struct.pack(">H", len(text)) + text.encode())

    def exactly(self, n):
        return exactly(self.socket, n, f"{self.name}: the connection")

    def hear(self):
        return self.exactly(struct.unpack(">H", self.exactly(2))[0]).decode()

    def play(self, text="x"):
        self.send(text)
        self.count += 1
        heard = self.hear()
        assert heard == f"{self.name} {self.count} {text}", (heard, self.count)

    def ended(self):
        return self.socket.recv(1) == b""


def sessions_stay(build):
    """players stay connected through restarts, and nothing that they said is lost"""
    port = free_port()
    with Manager(build, config(f"127.0.0.1:{port}")) as m:
        m.start()
        players = [Player(port, f"p{i}") for i in range(50)]
        for p in players:
            p.play()
        for life in range(5):
            half = players[life] # half of a frame is said in this life, half in the next
            half.socket.sendall(struct.pack(">H", 5) + b"ha")
            eventually("it was read", lambda: m.call("ask")[0] == 50)
            assert m.stop() == 0
            names = m.names()
            assert names[0] == f"harbor-listen-127.0.0.1-{port}" and len(names) == 52, names
            whole = players[life + 10] # said while nobody is there
            whole.send("early")
            m.start()
            half.socket.sendall(b"lf!")
            half.count += 1
            assert half.hear() == f"{half.name} {half.count} half!"
            whole.count += 1
            assert whole.hear() == f"{whole.name} {whole.count} early"
            for p in players:
                p.play(f"life {life}")
            assert m.call("ask") == [50, "nothing"]
            # they are the node's own again: when one ends, its peer sees it
            assert m.names() == [f"harbor-listen-127.0.0.1-{port}"], m.names()
        players[0].socket.close()
        eventually("the node sees the end", lambda: m.call("ask")[0] == 49)


def under_load(build):
    """players who never stop talking lose nothing, and nobody is refused"""
    port, over, errors, refused = free_port(), threading.Event(), [], []

    def play(name):
        try:
            p = Player(port, name)
            while not over.is_set():
                p.play()
        except Exception as e:
            errors.append(f"{name}: {e!r}")

    def connect():
        while not over.is_set():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=20).close()
            except OSError as e:
                refused.append(e)
            time.sleep(0.002)

    with Manager(build, config(f"127.0.0.1:{port}")) as m:
        m.start()
        threads = [threading.Thread(target=play, args=(f"q{i}",)) for i in range(20)]
        threads.append(threading.Thread(target=connect))
        for t in threads:
            t.start()
        for _ in range(4):
            time.sleep(0.3)
            assert m.stop() == 0
            m.start()
        over.set()
        for t in threads:
            t.join()
        assert not errors and not refused, (errors, refused)


def listener_survives_a_crash(build):
    """who connects while a node that was killed is away is served when it is back"""
    port = free_port()
    with Manager(build, config(f"127.0.0.1:{port}")) as m:
        m.start()
        for i in range(3):
            m.process.kill()
            m.process.wait()
            waiting = socket.create_connection(("127.0.0.1", port), timeout=20)
            m.start()
            waiting.sendall(struct.pack(">H", 4) + b"late")
            assert waiting.recv(100)[2:] == b"welcome late"
        assert m.names() == [f"harbor-listen-127.0.0.1-{port}"] * len(m.names()), m.names()


def closed_is_forgotten(build):
    """a listener that the game closes is closed for all, and can be opened again at once"""
    port = free_port()
    with Manager(build, config(f"127.0.0.1:{port}")) as m:
        m.start()
        for _ in range(10):
            m.call("close")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                raise Failed("somebody listens still")
            except ConnectionRefusedError:
                pass
            eventually("it left the store", lambda: m.names() == [])
            m.call("again")
            Player(port, "z").play()


def other_address(build):
    """what the next life does not ask for leaves the store, and who asked for it in vain ends"""
    port, other = free_port(), free_port()
    with Manager(build, config(f"127.0.0.1:{port}")) as m:
        m.start()
        p = Player(port, "lost")
        p.play()
        m.stop()
        m.write(config(f"127.0.0.1:{other}"))
        m.start()
        eventually("all that is left is dropped",
                   lambda: m.names() == [f"harbor-listen-127.0.0.1-{other}"], 45)
        assert p.ended()
        eventually("it says so", lambda: "1 sessions of the last life" in m.log())
        assert f'nobody asked for the passed socket "harbor-listen-127.0.0.1-{port}"' in m.log()


def activated(build):
    """a socket unit's socket is found by its name, wherever it stands among others"""
    def listening():
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen(64)
        return s
    with Manager(build, config("systemd:client")) as m:
        client = listening()
        m.sockets = [("web", listening()), ("client", client), ("more", listening())]
        m.start()
        port = client.getsockname()[1]
        p = Player(port, "a")
        p.play()
        m.stop()
        m.start()
        p.play()
        assert m.names() == [], m.names() # it is the manager's own, and not stored


def wrong(build):
    """a socket that is not passed, and one that does not listen: 78"""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    quiet = socket.socket()
    for sockets, why in ([], "no socket of this name was passed"), \
                        ([("client", datagrams)], "is no stream"), \
                        ([("client", quiet)], "does not listen"), \
                        ([("other", quiet)], "no socket of this name"):
        with Manager(build, config("systemd:client")) as m:
            m.sockets = sockets
            m.start(wait=False)
            assert m.process.wait(20) == 78, m.log()
            assert why in m.log(), m.log()


def without_manager(build):
    """under systemd-socket-activate, which starts a node at the first connection"""
    program = shutil.which("systemd-socket-activate")
    if not program:
        return
    port = free_port()
    with Manager(build, config("systemd:client")) as m:
        m.process = subprocess.Popen(
            [program, "-l", f"127.0.0.1:{port}", "--fdname=client", "-E",
             f"RUNTIME_DIRECTORY={m.tmp}", f"{m.build}/harbord", f"{m.tmp}/n.yaml"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(m.tmp + "/err", "wb"))
        eventually("it listens", lambda: socket.create_connection(("127.0.0.1", port)))
        Player(port, "a").play()
        assert m.stop() == 0


if __name__ == "__main__":
    main([sessions_stay, under_load, listener_survives_a_crash, closed_is_forgotten, activated,
          wrong, other_address,
          without_manager])
