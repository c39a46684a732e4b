"""A client of WebSocket (RFC 6455) on Python's standard library: for the players of demo.py, for
tests, and for what speaks to a browser."""
import base64, hashlib, os, socket, struct, time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Closed(Exception):
    """The connection has ended; .code and .reason are those of the close frame (1006: none)."""

    def __init__(self, code=1006, reason=""):
        super().__init__(f"closed: {code} {reason}")
        self.code, self.reason = code, reason


class WebSocket:
    """One connection. recv raises TimeoutError when nothing came in time, Closed at the end."""

    def __init__(self, host, port, path="/", timeout=10):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.parts = b"", b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                          f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          f"Sec-WebSocket-Key: {key}\r\n\r\n".encode())
        end = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.buffer:
            self._more(end)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        want = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or want not in head:
            raise Closed(1002, head.decode("latin-1"))

    def _more(self, end):
        self.sock.settimeout(max(0.001, end - time.monotonic()))
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed()
        self.buffer += data

    def _take(self, n, end):
        while len(self.buffer) < n:
            self._more(end)
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def frame(self, code, data):
        """Sends one frame with that code."""
        n, mask = len(data), os.urandom(4)
        size = bytes([128 | n]) if n < 126 else struct.pack(">BH", 254, n) if n < 65536 else \
            struct.pack(">BQ", 255, n)
        masked = bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.sock.settimeout(10)
        try:
            self.sock.sendall(bytes([128 | code]) + size + mask + masked)
        except ConnectionError:
            raise Closed() from None

    def send(self, text):
        self.frame(TEXT, text.encode())

    def recv(self, timeout=10):
        """Returns the next text; answers pings on the way."""
        end = time.monotonic() + timeout
        while True:
            while len(self.buffer) < 2: # a time-out must not leave half a frame taken
                self._more(end)
            n = self.buffer[1] & 127
            head = 2 if n < 126 else 4 if n == 126 else 10
            while len(self.buffer) < head:
                self._more(end)
            if n > 125:
                n = int.from_bytes(self.buffer[2:head], "big")
            while len(self.buffer) < head + n:
                self._more(end)
            first = self._take(head, end)[0]
            data, code = self._take(n, end), first & 15
            if code == CLOSE:
                self.sock.close()
                raise Closed(*struct.unpack(">H", data[:2]), data[2:].decode()) if data else \
                    Closed(1005)
            elif code == PING:
                self.frame(PONG, data)
            elif code in (0, TEXT):
                self.parts += data
                if first & 128:
                    text, self.parts = self.parts.decode(), b""
                    return text

    def close(self, code=1000):
        try:
            self.frame(CLOSE, struct.pack(">H", code))
        except (OSError, Closed):
            pass
        self.sock.close()
