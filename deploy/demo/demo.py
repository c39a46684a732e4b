#!/usr/bin/python3
"""The arena: starts a cluster of four nodes, lets scripted players play over TCP and, as browsers
do, over WebSocket, kills and restarts nodes in the middle, shows the cluster's state, stops it.
Exit status 0 only if everything was as it should be.

usage: demo.py --build DIR [--keep]     --keep: leaves the cluster running and says how to reach it
"""
import argparse, re, socket, sys, time
from arena import NODES, Arena, Failed, WebPlayer, wait_for


def say(text):
    print(text, flush=True)


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
            raise Failed(f"{self.name} asked {line!r} and got {answer!r}, not {start!r}")
        return answer

    def heard(self, part):
        """Waits until an event holds `part`."""
        self.sock.settimeout(10)
        while not any(part in e for e in self.events):
            line = self.lines.readline().rstrip("\n")
            if not line:
                raise Failed(f"{self.name} never heard {part!r}")
            self.events.append(line)
        say(f"  {self.name:6} heard {next(e for e in self.events if part in e)}")


def play(arena):
    """Players on TCP; the node of their rooms is killed and comes back."""
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
    arena.kill("rooms")
    bob.expect("MOVE 1 1", "ERR room unavailable")
    bob.expect("SCORES", "OK ann=1")
    say("== it is started again and joins with its old id")
    began = time.monotonic()
    arena.start("rooms")
    wait_for("the gate sees all nodes again", lambda: arena.up("gate", len(NODES)), 10)
    wait_for("the rooms are back",
             lambda: {"ROOM_A", "ROOM_B", "ARENA"} <= set(arena.names("gate")), 10)
    say(f"  back after {time.monotonic() - began:.2f} s")
    bob.expect("JOIN A", "OK")
    ann.expect("JOIN A", "OK")
    ann.expect("SAY we are back", "OK")
    bob.heard("we are back")
    cleo.expect("QUIT", "OK bye")


def seen(player, other):
    p = player.players[other]
    return f"{player.name} on {player.gate} sees {other} at {p['x']},{p['y']} through {p['node']}"


def moves(mover, watcher, x):
    """The one runs; the other one, on another node, sees it."""
    watcher.until(f"{watcher.name} sees {mover.name}",
                  lambda _: watcher.sees(mover.name, node=mover.gate))
    before = watcher.players[mover.name]["x"]
    say(f"  {seen(watcher, mover.name)}")
    mover.go(x, 0)
    watcher.until(f"{watcher.name} sees {mover.name} move",
                  lambda _: abs(watcher.players[mover.name]["x"] - before) > 50)
    mover.go(0, 0)
    say(f"  {mover.name} runs; {seen(watcher, mover.name)}")


def towards_middle(player):
    player.until("a picture", lambda word: word == "STATE" and player.name in player.players)
    return 100 if player.players[player.name]["x"] < 480 else -100


def play_on_pages(arena):
    """Players of the page, on two nodes; the node of one is killed and he comes back."""
    say("== browsers: two players, each connected to another node, see each other move")
    dora, emil = WebPlayer(arena, "dora", "gate"), WebPlayer(arena, "emil", "gate2")
    moves(dora, emil, towards_middle(dora))
    moves(emil, dora, towards_middle(emil))
    say("== dora's node is killed with SIGKILL; she goes on through the other one")
    began = time.monotonic()
    arena.kill("gate")
    dora.lost()
    emil.until("emil sees that dora is away", lambda _: emil.sees("dora", node="-"))
    say("  emil sees that dora is away")
    dora.connect("gate2")
    moves(dora, emil, towards_middle(dora))
    say(f"  she was back after {time.monotonic() - began:.2f} s, in her old place")
    say("== it is started again, and the page shows it")
    arena.start("gate")
    emil.until("emil hears that the gate is up", lambda _: emil.nodes.get("gate") == "up")
    say(f"  nodes on the page: {' '.join(f'{n} is {s}' for n, s in emil.nodes.items())}")
    dora.ws.close()
    emil.ws.close()


def show(arena):
    say("== harborctl nodes")
    say(arena.ctl("master", "nodes"))
    say("== harborctl names")
    say(arena.ctl("master", "names"))


def say_how_to_play(arena):
    ctl = f"{arena.build}/harborctl --socket {arena.run}/arena-master.sock"
    say(f"The arena runs. Open {arena.url('gate')} and {arena.url('gate2')} in a browser\n"
        f"(as many windows as you like; kill -9 {arena.nodes['gate'].pid} and see the first one go "
        f"on).\n"
        f"Or play by hand: nc 127.0.0.1 {arena.gate_port} (HELLO name, JOIN A, MOVE x y, SAY text, "
        f"QUIT)\n"
        f"Look: {ctl} nodes\n"
        f"Stop: kill {' '.join(str(p.pid) for p in arena.nodes.values())}")


def run(arena, keep):
    say(f"== {len(NODES)} nodes form a cluster: {', '.join(NODES)}")
    arena.start_all()
    play(arena)
    play_on_pages(arena)
    show(arena)
    if keep:
        return say_how_to_play(arena)
    say("== the cluster stops")
    for name, status in arena.stop().items():
        if status != 0:
            raise Failed(f"{name} ended with status {status}")
        say(f"  {name} stopped, status 0")
    say("To play in a browser: make demo KEEP=1 leaves the arena running and prints its address.")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--keep", action="store_true")
    a = ap.parse_args()
    arena, good = Arena(a.build, stays=a.keep), False
    try:
        run(arena, a.keep)
        good = True
    except Failed as e:
        say(f"demo: {e}")
    finally:
        if not good:
            for name in arena.nodes:
                say(f"---- log of {name}\n{arena.log(name)[-3000:]}")
            say("RESULT: the arena failed")
        if not (a.keep and good):
            arena.end()
    if not good:
        sys.exit(1)
    say("RESULT: ok, four nodes, five players, two kills and returns")


if __name__ == "__main__":
    main()
