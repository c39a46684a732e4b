"""Frames of the cluster's protocol as a stranger would write them (harbor/protocol/wire.h)."""
import socket, struct

MAGIC, VERSION = 0x48425244, 3
HELLO, WELCOME, REFUSE, JOIN, JOINED = 4, 5, 6, 10, 11
OTHER_CLUSTER, NOT_HERE = 1, 9
NAMED, HELD = 1, 2


def text(s):
    s = s.encode()
    return bytes([len(s)]) + s


def u32(n): return struct.pack(">I", n)
def u64(n): return struct.pack(">Q", n)


def frame(kind, body):
    return u32(len(body) + 1) + bytes([kind]) + body


def hello(id, epoch, peer_epoch, cluster="test"):
    return frame(HELLO, u32(MAGIC) + u32(VERSION) + u32(VERSION) + text(cluster) + u32(id)
                 + u64(epoch) + u64(peer_epoch) + u32(0)
                 + u32(1) + u64(0) + u64(0) + u64(0))


def join(name, address, id=0, epoch=77, flags=0, births=0, cluster="test"):
    return frame(JOIN, u32(MAGIC) + u32(VERSION) + u32(VERSION) + text(cluster) + text(name)
                 + text(address) + u32(id) + u64(epoch)
                 + u32(flags) + u64(births) + u32(0))


def ask(port, bytes):
    """Sends bytes; gives the first frame that comes back: its kind and body."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(bytes)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
            more = s.recv(65536)
            if not more:
                raise ConnectionError("closed without an answer")
            data += more
        return data[4], data[5:4 + struct.unpack(">I", data[:4])[0]]


def refusal(answer):
    """Code and text of a REFUSE."""
    kind, body = answer
    assert kind == REFUSE, kind
    return struct.unpack(">I", body[4:8])[0], body[9:9 + body[8]].decode()
