#!/usr/bin/python3
"""A chat over TCP: agents by newservice, a unique lobby with a queue, socket.readline."""
import os, re, socket
from harness import eventually, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.socket.makefile("r", newline="\n")

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hear(self, *wanted):
        for text in wanted:
            line = self.file.readline()
            assert line == text + "\n", (line, text)

    def ask(self, text, *wanted):
        self.say(text)
        self.hear(*wanted)


def people_talk(build):
    """three clients talk, whisper, take names, crash a verb, leave"""
    with Stock(build, folder(HERE), env={"CHAT_NAME": "the test"}).start() as n:
        port = int(eventually("its port",
                              lambda: re.search(r"chat listens on 127.0.0.1:(\d+)", n.out))[1])
        a, b, c = (Client(port) for _ in range(3))
        for x in (a, b, c):
            x.hear("welcome to the test")
        a.ask("/nick ann", "you are ann")
        b.ask("/nick ann", "no: the name is taken")
        b.ask("/nick bob", "you are bob")
        a.hear("* bob is here")
        c.ask("/nick cat", "you are cat")
        a.hear("* cat is here")
        b.hear("* cat is here")
        a.ask("/who", "ann bob cat")
        a.say("hello, all")
        for x in (a, b, c):
            x.hear("<ann> hello, all")
        b.say("/msg cat between us")
        c.hear("(bob) between us")
        b.ask("/msg dog you?", "no such name: dog")
        b.ask("/crash", "it broke")
        b.ask("/dance", "what is dance?")
        c.socket.sendall(b"in two ")
        c.say("parts")
        for x in (a, b, c):
            x.hear("<cat> in two parts")
        b.say("/quit")
        assert b.file.readline() == ""
        for x in (a, c):
            x.hear("* bob has left")
        c.socket.close()
        c.file.close()
        a.hear("* cat has left")
        eventually("two agents are gone", lambda: n.out.count("gone: 127.0.0.1:") == 2)
        for i in range(500):
            a.say(f"line {i}")
        a.hear(*(f"<ann> line {i}" for i in range(500)))
        assert n.end() == 0


def a_name_is_taken_once(build):
    """twenty clients ask for one name at the same time: one gets it"""
    with Stock(build, folder(HERE), env={"CHAT_NAME": "x"}).start() as n:
        port = int(eventually("its port",
                              lambda: re.search(r"chat listens on 127.0.0.1:(\d+)", n.out))[1])
        clients = [Client(port) for _ in range(20)]
        for c in clients:
            c.hear("welcome to x")
        for c in clients:
            c.say("/nick one")
        answers = sorted(c.file.readline() for c in clients)
        assert answers == ["no: the name is taken\n"] * 19 + ["you are one\n"], answers


main([people_talk, a_name_is_taken_once])
