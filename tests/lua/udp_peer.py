#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A peer for UDP tests, on asyncio: prints its port and answers each datagram by its first word.

usage: udp_peer.py HOST

  echo X       X comes back                       burst N SIZE  N datagrams of SIZE bytes come back
  count        how many datagrams came so far     move X        X comes back from another port
  quit         the peer ends, as it does when its standard input ends
"""
import asyncio, sys


class Peer(asyncio.DatagramProtocol):
    def __init__(self, host, end):
        self.host, self.end, self.count = host, end, 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.count += 1
        word, _, rest = data.partition(b" ")
        if word == b"echo":
            self.transport.sendto(rest, sender)
        elif word == b"count":
            self.transport.sendto(b"%d" % self.count, sender)
        elif word == b"burst":
            n, size = map(int, rest.split())
            for i in range(n):
                self.transport.sendto((b"%08d" % i).ljust(size, b"x"), sender)
        elif word == b"move":
            asyncio.ensure_future(self.move(rest, sender))
        elif word == b"quit":
            self.end.set()

    async def move(self, data, sender):
        loop = asyncio.get_running_loop()
        t, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol,
                                                   local_addr=(self.host, 0))
        t.sendto(data, sender)
        t.close()


async def main(host):
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_reader(sys.stdin, end.set)
    transport, _ = await loop.create_datagram_endpoint(lambda: Peer(host, end),
                                                       local_addr=(host, 0))
    print(transport.get_extra_info("sockname")[1], flush=True)
    await end.wait()
    transport.close()


asyncio.run(main(sys.argv[1]))
