"""Reads the pixels of a PNG (8 bits a channel, RGB or RGBA, not interlaced), as browsers make
them."""
import struct, zlib


def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


def paeth(a, b, c):
    p = a + b - c
    da, db, dc = abs(p - a), abs(p - b), abs(p - c)
    return a if da <= db and da <= dc else b if db <= dc else c


def unfilter(kind, line, above, n):
    """Undoes the filter of a line in place; n: bytes of a pixel."""
    for i in range(len(line)):
        left = line[i - n] if i >= n else 0
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 2:
            line[i] = (line[i] + above[i]) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            line[i] = (line[i] + paeth(left, above[i], above[i - n] if i >= n else 0)) & 255


class Image:
    """width, height; at(x, y) returns (red, green, blue)."""

    def __init__(self, data):
        parts = list(chunks(data))
        self.width, self.height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB",
                                                                                 parts[0][1])
        assert depth == 8 and colour in (2, 6) and not interlaced, (depth, colour, interlaced)
        self.n = 3 if colour == 2 else 4
        raw = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
        size, above, self.lines = self.width * self.n, bytearray(self.width * self.n), []
        for start in range(0, len(raw), size + 1):
            line = bytearray(raw[start + 1:start + 1 + size])
            if raw[start]:
                unfilter(raw[start], line, above, self.n)
            self.lines.append(line)
            above = line

    def at(self, x, y):
        return tuple(self.lines[y][x * self.n:x * self.n + 3])
