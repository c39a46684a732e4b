#!/usr/bin/python3
"""The arena: starts a three-node cluster, lets scripted players play over TCP, kills and restarts a
node in the middle, shows the cluster's state, stops it. Exit status 0 only if everything was as it
should be.

usage: demo.py --build DIR [--keep]     --keep: leaves the cluster running and says how to reach it
"""
import argparse, json, os, re, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def say(text):
    print(text, flush=True)


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit(f"demo: not within {seconds} s: {what}")


class Player:
    """A client that speaks the line protocol of gate.lua."""

    def __init__(self, port, name):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.lines, self.events, self.name = self.sock.makefile("r", newline="\n"), [], name
        self.expect(f"HELLO {name}", "OK hello")

    def ask(self, line):
        self.sock.sendall((line + "\n").encode())
        while True:
            answer = self.lines.readline().rstrip("\n")
            if not answer.startswith("EVENT"):
                return answer
            self.events.append(answer)

    def expect(self, line, start):
        answer = self.ask(line)
        say(f"  {self.name:6} > {line:28} < {answer}")
        if not answer.startswith(start):
            raise SystemExit(f"demo: {self.name} asked {line!r} and got {answer!r}, not {start!r}")
        return answer

    def heard(self, part):
        """Waits until an event holds `part`."""
        self.sock.settimeout(10)
        while not any(part in e for e in self.events):
            line = self.lines.readline().rstrip("\n")
            if not line:
                raise SystemExit(f"demo: {self.name} never heard {part!r}")
            self.events.append(line)
        say(f"  {self.name:6} heard {next(e for e in self.events if part in e)}")


class Arena:
    def __init__(self, build, keep):
        self.build, self.keep, self.nodes = os.path.abspath(build), keep, {}
        self.run = tempfile.mkdtemp(prefix="arena-")
        names = ["ARENA_MASTER_PORT", "ARENA_LINK_MASTER", "ARENA_LINK_ROOMS", "ARENA_LINK_GATE",
                 "ARENA_GATE_PORT"]
        ports = free_ports(len(names))
        self.env = dict(os.environ, ARENA_RUN=self.run, **dict(zip(names, map(str, ports))))
        self.gate_port = ports[-1]

    def start(self, name):
        log = open(f"{self.run}/{name}.log", "ab")
        self.nodes[name] = subprocess.Popen([self.build + "/harbord", f"{HERE}/{name}.yaml"],
                                            env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        log.close()

    def ctl(self, node, *args):
        p = subprocess.run([self.build + "/harborctl", "--socket", f"{self.run}/arena-{node}.sock",
                            *args],
                           capture_output=True, text=True, timeout=15)
        return p.stdout if p.returncode == 0 else ""

    def up(self, node, count):
        text = self.ctl(node, "--json", "nodes")
        return text and sum(n["state"] in ("up", "self")
                            for n in json.loads(text)["nodes"]) == count

    def names(self, node):
        text = self.ctl(node, "--json", "names")
        return [n["name"] for n in json.loads(text)["names"]] if text else []

    def stop(self):
        for name in ("gate", "rooms", "master"):
            p = self.nodes.get(name)
            if p and p.poll() is None:
                p.send_signal(signal.SIGTERM)
                if p.wait(20) != 0:
                    raise SystemExit(f"demo: {name} ended with status {p.returncode}")
                say(f"  {name} stopped, status 0")

    def kill_all(self):
        for p in self.nodes.values():
            if p.poll() is None:
                p.kill()
                p.wait()

    def logs(self):
        for name in self.nodes:
            with open(f"{self.run}/{name}.log", errors="replace") as f:
                say(f"---- log of {name}\n{f.read()[-3000:]}")


def play(arena):
    say("== three nodes form a cluster")
    for name in ("master", "rooms", "gate"):
        arena.start(name)
    for name in ("master", "rooms", "gate"):
        wait_for(f"{name} sees three nodes", lambda: arena.up(name, 3))
        say(f"  {name} sees three nodes")
    wait_for("the gate knows the rooms and the scores",
             lambda: {"ROOM_A", "ROOM_B", "SCORES"} <= set(arena.names("gate")))

    say("== players join, move and chat")
    ann, bob, cleo = (Player(arena.gate_port, n) for n in ("ann", "bob", "cleo"))
    treasure = re.search(r"(\d+) (\d+)", ann.expect("JOIN A", "OK")).groups()
    bob.expect("JOIN A", "OK")
    cleo.expect("JOIN B", "OK")
    bob.expect("SAY hello everybody", "OK")
    ann.heard("SAY bob hello everybody")
    cleo.expect("TELL A greetings from B", "OK")
    ann.heard("greetings from B")
    ann.expect(f"MOVE {treasure[0]} {treasure[1]}", "OK")
    bob.heard("TREASURE")
    wait_for("ann has a point", lambda: "ann=1" in ann.ask("SCORES"))
    ann.expect("SCORES", "OK ann=1")

    say("== the rooms' node is killed with SIGKILL; the others go on")
    arena.nodes["rooms"].kill()
    arena.nodes["rooms"].wait()
    bob.expect("MOVE 1 1", "ERR room unavailable")
    bob.expect("SCORES", "OK ann=1")
    say("== it is started again and joins with its old id")
    began = time.monotonic()
    arena.start("rooms")
    wait_for("the gate sees three nodes again", lambda: arena.up("gate", 3), 10)
    wait_for("the rooms are back", lambda: {"ROOM_A", "ROOM_B"} <= set(arena.names("gate")), 10)
    say(f"  back after {time.monotonic() - began:.2f} s")
    bob.expect("JOIN A", "OK")
    ann.expect("JOIN A", "OK")
    ann.expect("SAY we are back", "OK")
    bob.heard("we are back")
    cleo.expect("QUIT", "OK bye")

    say("== harborctl nodes")
    say(arena.ctl("master", "nodes"))
    say("== harborctl names")
    say(arena.ctl("master", "names"))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--keep", action="store_true")
    a = ap.parse_args()
    arena = Arena(a.build, a.keep)
    good = False
    try:
        play(arena)
        if a.keep:
            say(f"The arena runs. Play: nc 127.0.0.1 {arena.gate_port} (HELLO name, JOIN A, MOVE x "
                f"y, SAY text, QUIT)\n"
                f"Look: {a.build}/harborctl --socket {arena.run}/arena-master.sock nodes\n"
                f"Stop: kill {' '.join(str(p.pid) for p in arena.nodes.values())}")
            good = True
            return
        say("== the cluster stops")
        arena.stop()
        good = True
    finally:
        if not good:
            arena.logs()
            say("RESULT: the arena failed")
        if not (a.keep and good):
            arena.kill_all()
            subprocess.run(["rm", "-rf", arena.run])
    say("RESULT: ok, three nodes, three players, one kill and return")


main()
