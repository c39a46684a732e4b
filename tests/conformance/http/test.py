#!/usr/bin/python3
"""A web server written with http.httpd, asked by curl; http.httpc against python's server and a
scripted one; and http.websocket against peers written here after RFC 6455."""
import base64, hashlib, http.server, os, re, shutil, socket, struct, subprocess, tempfile
import threading, time, urllib.parse, zlib
from harness import eventually, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


class Web(Stock):
    def __init__(self, build):
        super().__init__(build, folder(HERE))
        self.limit = 60 if "/san-" in build else 10 # a hundred large pages take their time there

    def __enter__(self):
        super().__enter__()
        self.start()
        found = eventually("the server listens", lambda: re.search(
            r"web server on port (\d+), websockets on (\d+)", self.out))
        self.port, self.ws_port = int(found[1]), int(found[2])
        return self

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def curl(self, *args):
        p = subprocess.run(["curl", "-sS", "--max-time", "20", *args], capture_output=True,
                           timeout=30)
        assert p.returncode == 0, p
        return p.stdout.decode()

    def fetch(self, port, url, **more):
        return self.curl(self.url("/fetch?"
                                  + urllib.parse.urlencode({"host": f"127.0.0.1:{port}", "url": url,
                                                            **more})))

    def raw(self, data=b""):
        s = socket.create_connection(("127.0.0.1", self.port), self.limit)
        s.sendall(data)
        return s


def drain(s):
    out = b""
    while part := s.recv(65536):
        out += part
    return out


def curl_keeps_the_connection(build):
    """curl: several requests over one connection, chunked answers, what is not there"""
    with Web(build) as w:
        out = w.curl("-v", "--stderr", "-", w.url("/chunks?n=3"), w.url("/nowhere"),
                     w.url("/large?n=100000"))
        for part in ("chunk 2\nchunk 1\nchunk 0\n", "404 Not Found", "GET /nowhere", "x" * 100000):
            assert part in out, part[:20]
        assert out.count("Re-using existing connection") == 2, out[:3000]


def curl_uploads(build):
    """curl: a body with its length after 100-continue, in chunks, over the limit"""
    with Web(build) as w, tempfile.NamedTemporaryFile() as f:
        f.write(os.urandom(300000).hex().encode())
        f.flush()
        want = open(f.name).read()
        for more in ([], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"],
                     ["-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"]):
            start = time.monotonic()
            assert w.curl("--expect100-timeout", "15", "--data-binary", "@" + f.name, *more,
                          w.url("/echo")) == want
            assert time.monotonic() - start < 10, more
        f.write(b"x" * (1 << 20))
        f.flush()
        out = w.curl("--data-binary", "@" + f.name, "-o", "/dev/null", "-w", "%{http_code}", "-H",
                     "Expect: 100-continue",
                     w.url("/echo"))
        assert out == "413", out


def slow_clients(build):
    """a client that sends its request byte by byte is cut off, one that never reads costs no memory
    of Lua"""
    with Web(build) as w:
        before = float(w.curl(w.url("/memory")))
        slow = [w.raw(b"GET / HTT") for _ in range(50)]
        deaf = [w.raw(b"GET /large?n=1000000 HTTP/1.1\r\n\r\n" * 20) for _ in range(5)]
        start = time.monotonic()
        for s in slow:
            assert drain(s) == b""
        assert time.monotonic() - start < w.limit
        assert float(w.curl(w.url("/memory"))) < before + 3000
        for s in slow + deaf:
            s.close()
        assert w.curl(w.url("/echo"), "-d", "still here") == "still here"


def smuggling(build):
    """requests that could be read in two ways end the connection"""
    with Web(build) as w:
        for fields in ("Content-Length: 4\r\nTransfer-Encoding: chunked",
                       "Content-Length: 4\r\nContent-Length: 4",
                       "Transfer-Encoding : chunked", "Content-Length: 4\r\n Content-Length: 5"):
            s = w.raw(f"POST /echo HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n0\r\n\r\nGET /echo "
                      f"HTTP/1.1\r\n\r\n".encode())
            out = drain(s)
            assert out.startswith(b"HTTP/1.1 400 ") and out.count(b"HTTP/1.1") == 1, out


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/x")
        self.end_headers()
        self.wfile.write(self.headers["user-agent"].encode() + b" " + body)

    def log_message(self, *args):
        pass


def client_of_python(build):
    """httpc against python's server: a body until the end of the connection"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Web(build) as w:
        assert w.fetch(server.server_port, "/", method="POST",
                       content="hello") == "200 text/x game hello"
        assert w.fetch(server.server_port, "/").startswith("501 text/html")
    server.shutdown()


def client_of_hostile_servers(build):
    """httpc against a server that sends what it should not, slowly, or never"""
    answers = [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20000,
               b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc",
               b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
               b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n"]
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for answer in answers + [None]:
            s, _ = listener.accept()
            s.recv(65536)
            if answer is None:
                kept.append(s)
                return
            s.sendall(answer)
            s.close()

    kept = []
    threading.Thread(target=serve, daemon=True).start()
    with Web(build) as w:
        for answer in answers:
            out = w.fetch(listener.getsockname()[1], "/")
            assert "Error" in out or "Invalid" in out or "failed" in out, (answer, out)
        start = time.monotonic()
        assert "[Socket Error]" in w.fetch(listener.getsockname()[1], "/")
        assert time.monotonic() - start < 15


# ---- WebSocket ----

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """One end of a WebSocket. mask: it is the client's."""

    def __init__(self, sock, mask):
        self.sock, self.mask, self.pending = sock, mask, b""

    def exactly(self, n):
        while len(self.pending) < n:
            part = self.sock.recv(65536)
            if not part:
                raise EOFError
            self.pending += part
        out, self.pending = self.pending[:n], self.pending[n:]
        return out

    def head(self):
        while b"\r\n\r\n" not in self.pending:
            self.pending += self.sock.recv(65536)
        out, self.pending = self.pending.split(b"\r\n\r\n", 1)
        return out.decode()

    def send(self, code, data=b"", fin=True, rsv=0):
        n = len(data)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n & 65535)
        if n > 65535:
            size = b"\x7f" + struct.pack(">Q", n)
        out = bytes([(0x80 if fin else 0) | rsv << 4 | code])
        if self.mask:
            key = os.urandom(4)
            out += bytes([size[0] | 0x80]) + size[1:] + key
            out += bytes(b ^ key[i & 3] for i, b in enumerate(data))
        else:
            out += size + data
        self.sock.sendall(out)

    def receive(self, rsv=0):
        """(code, data) of the next frame; its mask must be as the standard wants it."""
        a, b = self.exactly(2)
        assert bool(b & 0x80) != self.mask, "the mask is wrong"
        assert a >> 4 & 7 == rsv
        n = b & 0x7f
        if n >= 126:
            n = int.from_bytes(self.exactly(2 if n == 126 else 8), "big")
        key = self.exactly(4) if b & 0x80 else bytes(4)
        return a & 15, bytes(c ^ key[i & 3] for i, c in enumerate(self.exactly(n)))

    def closed_with(self):
        """The status of the close frame that ends it."""
        while True:
            code, data = self.receive()
            if code == 8:
                rest = drain(self.sock)
                assert rest == b"", rest
                return struct.unpack(">H", data[:2])[0] if data else None


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def dial(w, extensions=None):
    key = base64.b64encode(os.urandom(16)).decode()
    p = Peer(socket.create_connection(("127.0.0.1", w.ws_port), 10), True)
    p.sock.sendall(("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n"
                    "Connection: keep-alive, upgrade\r\n"
                    f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                    + (f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else "")
                    + "\r\n").encode())
    p.answer = p.head()
    assert p.answer.startswith("HTTP/1.1 101 ") and accept_of(key) in p.answer, p.answer
    return p


class Packer:
    """Python's zlib as RFC 7692 wants it, with a window of its own for each direction."""

    def __init__(self, bits_out, bits_in, lasts_out=True, lasts_in=True):
        self.make_out = lambda: zlib.compressobj(6, zlib.DEFLATED, -max(bits_out, 9), 8)
        self.make_in = lambda: zlib.decompressobj(-bits_in)
        self.out, self.into = self.make_out(), self.make_in()
        self.lasts_out, self.lasts_in = lasts_out, lasts_in

    def pack(self, data):
        if not self.lasts_out:
            self.out = self.make_out()
        packed = self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)
        assert packed.endswith(b"\0\0\xff\xff")
        return packed[:-4]

    def unpack(self, packed):
        if not self.lasts_in:
            self.into = self.make_in()
        return self.into.decompress(packed + b"\0\0\xff\xff")


def websocket_compressed(build):
    """compressed messages against python's zlib, with every window that can be agreed on"""
    text = b"".join(b"player %d moves to %d;" % (i % 7, i * 31 % 100) for i in range(2000))
    with Web(build) as w:
        for offer, bits_in, bits_out, lasts_in, lasts_out in (
                ("permessage-deflate; client_max_window_bits", 12, 12, True, True),
                ("permessage-deflate", 12, 15, True, True),
                ("permessage-deflate; server_max_window_bits=8; client_max_window_bits=9", 8, 9,
                 True, True),
                ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", 12,
                 15, False, False)):
            p, packer = dial(w, offer), Packer(bits_out, bits_in, lasts_out, lasts_in)
            said = re.search("Sec-WebSocket-Extensions: ([^\r]*)", p.answer)[1]
            assert f"server_max_window_bits={bits_in}" in said, said
            assert ("server_no_context_takeover" in said) == (not lasts_in), said
            for data in (text, b"again and " * 4, text[:500], b"again and " * 4, text):
                packed = packer.pack(data)
                half = len(packed) // 2
                p.send(1, packed[:half], fin=False, rsv=4)
                p.send(0, packed[half:])
                code, answer = p.receive(rsv=4)
                assert code == 1 and len(answer) < len(data)
                assert packer.unpack(answer) == data
            p.send(2, b"as it is")
            assert p.receive() == (2, b"as it is")
        p = dial(w, "permessage-deflate")
        bomb = Packer(15, 15).pack(bytes(64 << 20))
        p.send(2, bomb[:65536], rsv=4)
        assert p.closed_with() == 1009
        assert float(w.curl(w.url("/memory"))) < 20000


def websocket_browser(build):
    """Chromium, where it is installed: its own compression, both ways"""
    chromium = shutil.which("chromium")
    if not chromium:
        return
    with Web(build) as w, tempfile.TemporaryDirectory() as profile:
        p = subprocess.Popen([chromium, "--headless", "--no-sandbox", "--disable-gpu",
                              f"--user-data-dir={profile}", "--remote-debugging-port=0",
                              w.url("/browser")], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            noted = eventually("the browser is done", lambda: w.curl(w.url("/noted")), 60)
        finally:
            p.terminate()
            p.wait(20)
        said, *lines = noted.split("|")
        assert said.startswith("extensions permessage-deflate"), said
        assert lines == [f"{i} right" for i in range(6)] + ["closed 4321"], lines
        heard = eventually("it heard the end", lambda: w.curl(w.url("/result")))
        assert heard == "close 4321 enough", heard


def websocket_server(build):
    """a WebSocket server: sizes, fragments, pings between them, an orderly end"""
    with Web(build) as w:
        p = dial(w)
        for size in (0, 1, 125, 126, 127, 65535, 65536, 262144):
            data = os.urandom(size)
            p.send(2, data)
            assert p.receive() == (2, data)
        p.send(1, "grü".encode()[:3], fin=False)
        p.send(9, b"ping")
        assert p.receive() == (10, b"ping")
        p.send(0, "grüße".encode()[3:6], fin=False)
        p.send(10, b"unasked")
        p.send(0, "grüße".encode()[6:])
        assert p.receive() == (1, "grüße".encode())
        start = time.monotonic()
        for _ in range(100):
            p.send(1, b"x" * 300)
            assert p.receive() == (1, b"x" * 300)
        assert time.monotonic() - start < 3, "a delayed acknowledgement is waited for"
        p.send(8, struct.pack(">H", 1001) + b"going")
        assert p.closed_with() == 1001
        heard = eventually("it heard the end", lambda: w.curl(w.url("/result")))
        assert heard == "close 1001 going", heard


def websocket_rules(build):
    """peers that break the rules of RFC 6455 hear the status for it"""
    huge = b"\x82\xff" + struct.pack(">Q", 1 << 62) + b"mask"
    cases = [(1002, lambda p: p.send(1, b"x", rsv=4)), (1002, lambda p: p.send(1, b"x", rsv=1)),
             (1002, lambda p: p.send(3)), (1002, lambda p: p.send(11)),
             (1002, lambda p: p.send(9, b"x" * 126)), (1002, lambda p: p.send(9, fin=False)),
             (1002, lambda p: p.send(0, b"x")),
             (1002, lambda p: (p.send(1, b"a", fin=False), p.send(1, b"b"))),
             (1002, lambda p: p.send(8, b"x")),
             (1002, lambda p: p.send(8, struct.pack(">H", 1005))),
             (1007, lambda p: p.send(8, struct.pack(">H", 1000) + b"\xff")),
             (1007, lambda p: p.send(1, b"\xed\xa0\x80")),
             (1007, lambda p: (p.send(1, b"\xce\xba", fin=False),
                               p.send(0, b"\xf4\x90\x80\x80"))),
             (1009, lambda p: p.send(2, bytes(262145))), (1009, lambda p: p.sock.sendall(huge)),
             (1002, lambda p: p.sock.sendall(b"\x81\x02hi"))]
    with Web(build) as w:
        for i, (status, act) in enumerate(cases):
            p = dial(w)
            try:
                act(p)
            except (BrokenPipeError, ConnectionResetError):
                pass # it was cut off while it still sent
            try:
                got = p.closed_with()
            except (ConnectionResetError, EOFError):
                got = status if status == 1009 else "reset" # what it still sent overtakes our frame
            assert got == status, (i, got, status)
        p = dial(w)
        p.send(1, b"still here")
        assert p.receive() == (1, b"still here")


def websocket_hostile(build):
    """half a handshake is cut off, half a frame and a deaf peer cost no memory of Lua"""
    with Web(build) as w:
        before = float(w.curl(w.url("/memory")))
        half = [socket.create_connection(("127.0.0.1", w.ws_port), 10) for _ in range(30)]
        for s in half:
            s.sendall(b"GET / HTTP/1.1\r\nHost:")
        announced = [dial(w) for _ in range(30)]
        for p in announced:
            p.sock.sendall(b"\x82\xff" + struct.pack(">Q", 262144) + b"maskfew")
        deaf = dial(w)
        deaf.sock.settimeout(2)
        try:
            for _ in range(400):
                deaf.send(2, bytes(131072))
        except (OSError, TimeoutError):
            pass
        for s in half:
            assert drain(s) == b""
        assert float(w.curl(w.url("/memory"))) < before + 5000
        p = dial(w)
        p.send(1, b"still here")
        assert p.receive() == (1, b"still here")


def websocket_client(build):
    """a WebSocket client against a server that fragments, pings, and breaks the rules"""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve(act, extensions=""):
        sock, _ = listener.accept()
        p = Peer(sock, False)
        p.request = p.head()
        key = re.search(r"Sec-WebSocket-Key:\s*(\S+)", p.request, re.I)[1]
        sock.sendall("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"{extensions}Sec-WebSocket-Accept: {accept_of(key)}\r\n\r\n".encode())
        try:
            act(p)
        except (EOFError, OSError) as e:
            seen.append(repr(e))

    def good(p):
        assert p.receive() == (1, b"one")
        p.send(1, b"O", fin=False)
        p.send(9, b"there?")
        p.send(0, b"NE")
        assert p.receive() == (10, b"there?")
        assert p.receive() == (1, b"two")
        p.send(1, b"TWO")
        seen.append(p.receive())

    def compressed(p):
        assert "permessage-deflate; server_max_window_bits=12" in p.request, p.request
        packer = Packer(12, 10)
        for _ in range(2):
            code, data = p.receive(rsv=4)
            p.send(code, packer.pack(packer.unpack(data).upper()), rsv=4)
        p.receive()

    def bad(p):
        p.receive()
        p.mask = True
        p.send(1, b"masked")

    with Web(build) as w:
        def talk(act, words="one two", extensions="", **more):
            t = threading.Thread(target=serve, args=(act, extensions), daemon=True)
            t.start()
            query = {"url": f"ws://127.0.0.1:{listener.getsockname()[1]}/x", "words": words, **more}
            out = w.curl(w.url("/talk?" + urllib.parse.urlencode(query)))
            t.join(10)
            return out
        assert talk(good) == "ONE TWO"
        assert seen == [(8, struct.pack(">H", 1000) + b"enough")], seen
        assert "a frame of a server is masked" in talk(bad)
        assert talk(lambda p: p.send(8, b"")) .startswith("false")
        word = "compressed" * 20
        answer = ("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12; "
                  "client_max_window_bits=10\r\n")
        assert talk(compressed, f"{word} {word}", answer, deflate=1) == f"{word} {word}".upper()
        assert "extensions that were not offered" in talk(lambda p: None, extensions=answer)


main([curl_keeps_the_connection, curl_uploads, slow_clients, smuggling, client_of_python,
      client_of_hostile_servers, websocket_server, websocket_rules, websocket_hostile,
      websocket_compressed, websocket_browser, websocket_client])
