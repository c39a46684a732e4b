#!/usr/bin/python3
"""Starts the gate, and the moment that this has returned clients connect, log in and wait for their
welcome.

usage: early.py PORT CLIENTS
"""
import socket, struct, subprocess, sys

PORT, COUNT = int(sys.argv[1]), int(sys.argv[2])
subprocess.run(["systemctl", "start", "harbord@gate"], check=True)
clients = [socket.create_connection(("127.0.0.1", PORT), timeout=10) for _ in range(COUNT)]
for i, s in enumerate(clients):
    name = f"early{i}".encode()
    s.sendall(struct.pack(">H", len(name)) + name)
served = 0
for i, s in enumerate(clients):
    wanted = f"welcome early{i}".encode()
    served += s.recv(100) == struct.pack(">H", len(wanted)) + wanted
print("served", served)
