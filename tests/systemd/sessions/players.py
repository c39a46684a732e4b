#!/usr/bin/python3
"""Clients inside of a host: players who talk all the time over one connection each, and somebody
who connects again and again. Ends when the file OVER is there, and prints what went wrong.

usage: players.py [ADDRESS:]PORT PLAYERS OVER
"""
import json, os, socket, struct, sys, threading, time

ADDRESS, _, PORT = sys.argv[1].rpartition(":")
SERVER = (ADDRESS or "127.0.0.1", int(PORT))
COUNT, OVER = int(sys.argv[2]), sys.argv[3]
lost, refused = [], []
sums = {"said": 0, "connects": 0, "slowest_answer_seconds": 0.0, "slowest_connect_seconds": 0.0}
over = threading.Event()


def slowest(what, began):
    key = f"slowest_{what}_seconds"
    sums[key] = max(sums[key], round(time.monotonic() - began, 2))


def exactly(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise OSError("the connection has ended")
        got += more
    return got


def hear(s):
    return exactly(s, struct.unpack(">H", exactly(s, 2))[0]).decode()


def say(s, text):
    s.sendall(struct.pack(">H", len(text)) + text.encode())


def play(name):
    count = 0
    try:
        s = socket.create_connection(SERVER, timeout=30)
        say(s, name)
        assert hear(s) == f"welcome {name}"
        while not over.is_set():
            count += 1
            began = time.monotonic()
            say(s, "x")
            heard = hear(s)
            slowest("answer", began)
            assert heard == f"{name} {count} x", heard
            time.sleep(0.02)
    except (OSError, AssertionError) as e:
        lost.append(f"{name} after {count}: {e!r}")
    sums["said"] += count


def connect():
    while not over.is_set():
        began = time.monotonic()
        try:
            socket.create_connection(SERVER, timeout=30).close()
            sums["connects"] += 1
        except OSError as e:
            refused.append(repr(e))
        slowest("connect", began)
        time.sleep(0.005)


threads = [threading.Thread(target=play, args=(f"{ADDRESS}p{i}",)) for i in range(COUNT)]
threads.append(threading.Thread(target=connect))
for t in threads:
    t.start()
while not os.path.exists(OVER):
    time.sleep(0.05)
over.set()
for t in threads:
    t.join()
print(json.dumps({"lost": lost, "refused": refused, **sums}))
