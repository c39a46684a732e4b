"""The nodes of the arena, started as a user starts them, and players that speak with its gates:
for demo.py and for tests."""
import json, os, re, secrets, signal, socket, subprocess, tempfile, time
from wsclient import Closed, WebSocket

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = ("master", "rooms", "gate", "gate2")
PORTS = ("ARENA_MASTER_PORT", "ARENA_LINK_MASTER", "ARENA_LINK_ROOMS", "ARENA_LINK_GATE",
         "ARENA_LINK_GATE2", "ARENA_GATE_PORT", "ARENA_WEB_PORT", "ARENA_WEB2_PORT")


class Failed(Exception):
    pass


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def wait_for(what, condition, seconds=20):
    """Waits until condition() is true; returns its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"not within {seconds} s: {what}")


class Arena:
    """Four nodes (the .yaml files beside this one) with a folder of their own in run. stays: they
    outlive the terminal, and whoever ends this process with its group. more: further variables of
    their environment."""

    def __init__(self, build, stays=False, **more):
        self.build, self.stays, self.nodes = os.path.abspath(build), stays, {}
        self.run = tempfile.mkdtemp(prefix="arena-")
        ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.env = dict(os.environ, ARENA_RUN=self.run, **{k: str(v) for k, v in ports.items()},
                        **more)
        # Where pages are served, and where that is for somebody on this host.
        host = self.env.get("ARENA_WEB_HOST", "127.0.0.1")
        self.web_host = "127.0.0.1" if host == "0.0.0.0" else host
        self.gate_port = ports["ARENA_GATE_PORT"]
        self.web_ports = {"gate": ports["ARENA_WEB_PORT"], "gate2": ports["ARENA_WEB2_PORT"]}

    def url(self, gate):
        return f"http://{self.web_host}:{self.web_ports[gate]}/"

    def start(self, name):
        with open(f"{self.run}/{name}.log", "ab") as log:
            self.nodes[name] = subprocess.Popen([self.build + "/harbord", f"{HERE}/{name}.yaml"],
                                                env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, start_new_session=self.stays)

    def start_all(self):
        """Returns when every node sees all others and players can come."""
        for name in NODES:
            self.start(name)
        for name in NODES:
            wait_for(f"{name} sees {len(NODES)} nodes", lambda: self.up(name, len(NODES)))
        wait_for("the gate knows the rooms, the scores and the field",
                 lambda: {"ROOM_A", "ROOM_B", "SCORES", "ARENA"} <= set(self.names("gate")))
        for gate in self.web_ports:
            wait_for(f"the page of {gate}", lambda: self.log(gate).count("the arena is at http"))

    def ctl(self, node, *args):
        p = subprocess.run([self.build + "/harborctl", "--socket", f"{self.run}/arena-{node}.sock",
                            *args], capture_output=True, text=True, timeout=15)
        return p.stdout if p.returncode == 0 else ""

    def up(self, node, count):
        text = self.ctl(node, "--json", "nodes")
        return text and sum(n["state"] in ("up", "self")
                            for n in json.loads(text)["nodes"]) == count

    def names(self, node):
        text = self.ctl(node, "--json", "names")
        return [n["name"] for n in json.loads(text)["names"]] if text else []

    def kill(self, name):
        """SIGKILL: nobody says goodbye."""
        self.nodes[name].kill()
        self.nodes[name].wait()

    def stop(self):
        """Stops all nodes in order; returns name -> exit status."""
        status = {}
        for name in reversed(NODES):
            p = self.nodes.get(name)
            if p and p.poll() is None:
                p.send_signal(signal.SIGTERM)
                status[name] = p.wait(20)
        return status

    def end(self):
        """Kills what still runs and removes the folder."""
        for p in self.nodes.values():
            if p.poll() is None:
                p.kill()
                p.wait()
        subprocess.run(["rm", "-rf", self.run])

    def log(self, name):
        with open(f"{self.run}/{name}.log", errors="replace") as f:
            return f.read()


class WebPlayer:
    """A player as the page is one, without a browser: joins through a node, sees what the node
    shows, and comes back through another one when it is lost (web.lua has the words)."""

    def __init__(self, arena, name, gate):
        self.arena, self.name, self.key = arena, name, secrets.token_hex(16)
        self.nodes, self.players, self.star, self.pong = {}, {}, (0, 0), None
        self.connect(gate)

    def connect(self, gate):
        self.gate = gate
        self.ws = WebSocket(self.arena.web_host, self.arena.web_ports[gate], "/play")
        self.ws.send(f"JOIN {self.name} {self.key}")
        self.until(f"{self.name} is welcome on {gate}", lambda word: word == "WELCOME")

    def hear(self, timeout):
        """Takes in the next message; returns its first word."""
        word, *rest = self.ws.recv(timeout).split(" ")
        if word == "STATE":
            self.star = tuple(map(int, rest[0].split(",")))
            self.players = {}
            for text in rest[1:]:
                name, node, x, y, points = text.split(",")
                self.players[name] = {"node": node, "x": int(x), "y": int(y), "points": int(points)}
        elif word == "NODES":
            self.nodes = {n: state for n, _, state in (text.split(",") for text in rest)}
        elif word == "PONG":
            self.pong = rest
        elif word == "NO":
            raise Failed(f"{self.name} on {self.gate}: {' '.join(rest)}")
        return word

    def until(self, what, condition, seconds=10):
        """Hears messages until condition(first word of the last one) is true."""
        end = time.monotonic() + seconds
        while True:
            try:
                if condition(self.hear(max(0.01, end - time.monotonic()))):
                    return
            except TimeoutError:
                raise Failed(f"not within {seconds} s: {what}; {self.players}") from None

    def go(self, x, y):
        self.ws.send(f"GO {x} {y}")

    def sees(self, name, **what):
        """Whether that player is shown with these values."""
        p = self.players.get(name)
        return p is not None and all(p[k] == v for k, v in what.items())

    def lost(self, seconds=10):
        """Waits for the end of the connection."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.hear(max(0.01, end - time.monotonic()))
            except Closed as e:
                return e
            except TimeoutError:
                break
        raise Failed(f"{self.name} was not cut off")
