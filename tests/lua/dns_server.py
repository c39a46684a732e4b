#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A name server for tests, UDP and TCP on one port, which it prints. What it answers depends on the
first label of the name; see the functions below. It ends when its standard input ends.

usage: dns_server.py [HOST]
"""
import asyncio, os, socket, struct, sys

A, CNAME, AAAA = 1, 5, 28
asked = {}  # name: how many questions came


def name_bytes(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"


def read_question(q):
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode())
        at += 1 + q[at]
    return ".".join(labels), struct.unpack(">H", q[at + 1:at + 3])[0], q[12:at + 5]


def record(kind, data, ttl=60, name=b"\xc0\x0c", size=None):
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data) if size is None else size) + data


def ip(text):
    return socket.inet_aton(text)


def answer(q, question, records, rcode=0, flags=0x8180, ident=None):
    return struct.pack(">HHHHHH", struct.unpack(">H", q[:2])[0] if ident is None else ident,
                       flags | rcode, 1, len(records), 0, 0) + question + b"".join(records)


def reply(q, tcp):
    """A list of (delay, other port?, bytes) for a question; None: the connection ends."""
    name, kind, question = read_question(q)
    first = name.lower().split(".")[0]
    n = asked[name] = asked.get(name, 0) + 1
    good = answer(q, question, [record(A, ip("10.0.0.1"))])
    bad = record(A, ip("6.6.6.6"))
    wrong_id = (struct.unpack(">H", q[:2])[0] + 1) & 0xffff

    def only(*records, **more):
        return [(0, False, answer(q, question, records, **more))]

    if first == "a":
        return only(record(A, ip("10.0.0.1")))
    if first == "local":
        return only(record(A, ip("127.0.0.1")))
    if first == "second":  # what listens on IPv6 knows it
        return only(record(A, ip("10.0.7.1"))) if ":" in sys.argv[1] else only(rcode=2)
    if first == "many":
        return only(*[record(A, ip(f"10.0.1.{i}"), 60 + i) for i in range(1, 4)])
    if first == "six":
        return only(record(AAAA, socket.inet_pton(socket.AF_INET6, "2001:db8::1")),
                    record(AAAA, socket.inet_pton(socket.AF_INET6, "::1"))) \
            if kind == AAAA else only()
    if first == "alias":
        target = name_bytes("a.test")
        return only(record(CNAME, target), record(A, ip("10.0.2.1"), name=target))
    if first == "nx":
        return only(rcode=3)
    if first == "empty":
        return only()
    if first == "servfail":
        return only(rcode=2)
    if first == "refused":
        return only(rcode=5)
    if first == "silent":
        return []
    if first == "retry":
        return [] if n == 1 else only(record(A, ip("10.0.3.1")))
    if first == "big":
        if not tcp:
            return only(flags=0x8380)
        return only(*[record(A, ip(f"10.0.4.{i}")) for i in range(1, 51)])
    if first == "cutoff":
        return None if tcp else only(flags=0x8380)
    if first == "wrongid":
        return [(0, False, answer(q, question, [bad], ident=wrong_id)), (.05, False, good)]
    if first == "wrongname":
        other = name_bytes("other.test") + question[-4:]
        return [(0, False, answer(q, other, [bad])), (.05, False, good)]
    if first == "spoof":
        return [(0, True, answer(q, question, [bad])), (.05, False, good)]
    if first == "garbage":
        return [(0, False, os.urandom(i)) for i in (1, 11, 12, 40, 500)] + [(.05, False, good)]
    if first == "badrecord":
        return only(record(A, b"\1\2\3"))
    if first == "beyond":
        return only(record(A, ip("10.0.5.1"), size=4000))
    if first == "loop":
        return only(record(A, ip("10.0.5.2"), name=b"\xc0" + bytes([12 + len(question)])))
    if first == "lies":
        return [(0, False, good[:6] + b"\xff\xff" + good[8:])]
    if first.startswith("count"):  # 10.9.0.N: the N-th question; countT lives T seconds
        return only(record(A, ip(f"10.9.0.{n}"), int(first[5:] or 60)))
    if first == "once":  # answers the first question, then fails
        return only(record(A, ip("10.0.6.1"), 1)) if n == 1 else only(rcode=3)
    if first == "slow":
        return [(.3, False, answer(q, question, [record(A, ip(f"10.9.1.{n}"), 0)]))]
    return only(rcode=3)


class Udp(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        asyncio.ensure_future(self.send(reply(data, False), sender))

    async def send(self, replies, sender):
        for delay, other, data in replies:
            await asyncio.sleep(delay)
            if other:
                host = self.transport.get_extra_info("sockname")[0]
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as s:
                    s.sendto(data, sender)
            else:
                self.transport.sendto(data, sender)


async def tcp(reader, writer):
    try:
        while True:
            size, = struct.unpack(">H", await reader.readexactly(2))
            replies = reply(await reader.readexactly(size), True)
            if replies is None:
                break
            for _, _, data in replies:
                whole = struct.pack(">H", len(data)) + data
                writer.write(whole[:3])  # in two pieces
                await writer.drain()
                await asyncio.sleep(.01)
                writer.write(whole[3:])
    except asyncio.IncompleteReadError:
        pass
    writer.close()


async def main(host):
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, end.set)
    while True:
        server = await asyncio.start_server(tcp, host, 0)
        port = server.sockets[0].getsockname()[1]
        try:
            await loop.create_datagram_endpoint(Udp, local_addr=(host, port))
            break
        except OSError:  # somebody has that UDP port
            server.close()
    print(port, flush=True)
    await end.wait()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"))
