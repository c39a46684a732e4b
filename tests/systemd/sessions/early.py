#!/usr/bin/python3
"""Starts the gate, and the moment that this has returned clients connect, log in and wait for their
welcome. Prints how many were; with --stay also the status of harborctl while all are there.

usage: early.py PORT CLIENTS [--stay]
"""
import socket, struct, subprocess, sys

PORT, COUNT = int(sys.argv[1]), int(sys.argv[2])
subprocess.run(["systemctl", "start", "harbord@gate"], check=True)
clients = [socket.create_connection(("127.0.0.1", PORT), timeout=10) for _ in range(COUNT)]
for i, s in enumerate(clients):
    name = f"early{i}".encode()
    try:
        s.sendall(struct.pack(">H", len(name)) + name)
    except ConnectionError:
        pass # it is closed already
served = 0
for i, s in enumerate(clients):
    wanted = f"welcome early{i}".encode()
    try:
        served += s.recv(100) == struct.pack(">H", len(wanted)) + wanted
    except ConnectionError:
        pass # it was closed before it said anything
print("served", served)
if "--stay" in sys.argv:
    asked = subprocess.run(["harborctl", "--node", "gate", "status"], stdout=subprocess.DEVNULL)
    print("asked", asked.returncode)
