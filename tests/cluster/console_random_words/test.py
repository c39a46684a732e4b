#!/usr/bin/python3
"""The debug console against words by a seed: whatever is typed, or sent as HTTP, in pieces or cut
off, it and the node go on."""
import os, random, re, socket
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ("help list stat mem gc service start log snax kill exit info task uniqtask killtask ping "
         "inject call trace dbgcmd debug logon "
         "logoff signal clearcache cmem jmem profactive netstat getenv setenv cont").split()
# What they are given: no service of the node's own, which an operator may end but a test needs.
ARGUMENTS = (":ffffff00", ".victim", ".victim", ".victim", ":0", "0", "", ".nobody", ".", ":",
             ":zz", "-1", "1e400", "nan", "on", "off",
             "lua", "PING", "TASK", "INFO", "STAT", "SUPPORT", "nothing_here", "/", "/nonexistent",
             "{}", "1,2,{3}", "nil", "'x", "%", "%z", "[", "(",
             "thread:", "9" * 400, "x" * 3000, "\x00", "\xff\xfe", "\x1b[2J", "key value",
             "main victim")


def line(r):
    word = r.choice(WORDS) if r.random() < 0.9 else r.choice(ARGUMENTS)
    return " ".join([word] + [r.choice(ARGUMENTS) for _ in range(r.randrange(4))]).encode("latin-1")


def sent(r):
    """What one connection says."""
    kind = r.randrange(10)
    if kind == 0:
        return bytes(r.getrandbits(8) for _ in range(r.randrange(2000)))
    if kind == 1:
        path = "/".join(r.choice(WORDS + list(ARGUMENTS))
                        for _ in range(r.randrange(4))).replace(" ", "%20").replace("\n", "")
        return f"GET /{path} HTTP/1.{r.randrange(3)}\r\nHost: x\r\n\r\n".encode("latin-1")
    if kind == 2:
        body = line(r)
        return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % r.choice((0, len(body), 5,
                1 << 40)) + body
    lines = [line(r) for _ in range(r.randrange(1, 9))]
    return r.choice((b"\n", b"\r\n")).join(lines + [b"cont", b""])


def say(port, data, r):
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.settimeout(0.1)
        try:
            while data:
                n = r.choice((1, 7, len(data)))
                s.sendall(data[:n])
                data = data[n:]
            while s.recv(65536): # until it is silent, or has closed
                pass
        except OSError:
            pass


def words(build):
    """two seeds of random words over 50 connections each"""
    with Cluster(build, HERE) as c:
        n = c.node("n", 1, master=True).ready()
        with open(n.log) as f:
            handle, port = re.search(r"\[(:\w+)[^]]*\] Start debug console at 127\.0\.0\.1:(\d+)",
                                     f.read()).groups()
        idle = n.call(".probe", "tasks", handle)[0]
        for seed in (1, 20261126):
            r = random.Random(seed)
            for i in range(50):
                data = sent(r)
                say(int(port), data, r)
                assert n.process.poll() is None, (seed, i, data)
        # nothing is left of them but what waits for an answer that the victim owes
        eventually("the console's tasks end",
                   lambda: n.call(".probe", "tasks", handle)[0] <= idle + 2)
        with socket.create_connection(("127.0.0.1", int(port)), 20) as s:
            s.sendall(b"help\nping .probe\n")
            f = s.makefile("rb")
            text = b"".join(iter(lambda: f.readline(), b"<CMD OK>\n"))
            assert b"debug address" in text and re.fullmatch(rb"\d+\n", f.readline())
        assert n.ctl("status")["state"] in ("running", "ready")


main([words])
