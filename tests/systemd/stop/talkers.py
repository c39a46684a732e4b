#!/usr/bin/python3
"""Clients inside of a host who talk until the gate ends their connections. Every second one says
the next thing when the last was acknowledged, the others say something ten times a second whether
they are heard or not. The file TALKING is made when each of them was acknowledged three times; at
the end it prints how far each has come, and how each connection has ended.

usage: talkers.py PORT COUNT TALKING
"""
import json, os, selectors, socket, struct, sys, time

PORT, COUNT, TALKING = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
selector = selectors.DefaultSelector()


class Talker:
    def __init__(self, name, waits):
        self.name, self.waits, self.said, self.acknowledged = name, waits, 0, 0
        self.got, self.end, self.mute = b"", None, False
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=30)
        self.socket.setblocking(False)
        self.say()

    def say(self):
        if self.mute:
            return
        text = f"{self.name} {self.said + 1}".encode()
        try:
            self.socket.sendall(struct.pack(">H", len(text)) + text)
            self.said += 1
        except OSError:
            self.mute = True # what the gate has said before is still to be read

    def hear(self):
        try:
            more = self.socket.recv(65536)
        except OSError as e:
            return self.ended(repr(e))
        if not more:
            return self.ended("orderly")
        self.got += more
        while len(self.got) >= 2:
            size = struct.unpack(">H", self.got[:2])[0]
            if len(self.got) < 2 + size:
                break
            self.acknowledged += 1
            assert self.got[2:2 + size].decode() == f"{self.name} {self.acknowledged}", self.got
            self.got = self.got[2 + size:]
            if self.waits:
                self.say()

    def ended(self, how):
        self.end = how
        selector.unregister(self.socket)
        self.socket.close()


talkers = [Talker(f"t{i}", i % 2 == 0) for i in range(COUNT)]
for t in talkers:
    selector.register(t.socket, selectors.EVENT_READ, t)
told, due = False, time.monotonic()
while selector.get_map():
    for key, _ in selector.select(0.1):
        key.data.hear()
    if time.monotonic() >= due:
        due = time.monotonic() + 0.1
        for t in talkers:
            if not t.waits and not t.end:
                t.say()
    if not told and all(t.acknowledged > 2 for t in talkers):
        told = True
        open(TALKING, "w").close()
print(json.dumps([[t.name, t.said, t.acknowledged, t.end] for t in talkers]))
