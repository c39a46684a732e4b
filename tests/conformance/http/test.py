#!/usr/bin/python3
"""A web server written with http.httpd, asked by curl; http.httpc against python's server and a
scripted one."""
import http.server, os, re, socket, subprocess, tempfile, threading, time, urllib.parse
from harness import eventually, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


class Web(Stock):
    def __init__(self, build):
        super().__init__(build, folder(HERE))

    def __enter__(self):
        super().__enter__()
        self.start()
        self.port = eventually("the server listens",
                               lambda: int(re.search(r"web server on port (\d+)", self.out)[1]))
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
        s = socket.create_connection(("127.0.0.1", self.port), 10)
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
        assert "chunk 2\nchunk 1\nchunk 0\n" in out and "404 Not Found" in out and "GET /nowhere" in out and "x" * 100000 in out
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
        assert time.monotonic() - start < 10
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


main([curl_keeps_the_connection, curl_uploads, slow_clients, smuggling, client_of_python,
      client_of_hostile_servers])
