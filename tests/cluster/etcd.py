"""etcd for tests: a real server of Debian's etcd-server, and a proxy before it that is slow, dead,
lies, or loses answers."""
import base64, json, os, shutil, socket, subprocess, threading, time, urllib.request
from harness import eventually, free_port

PROGRAM = shutil.which("etcd")


class Etcd:
    """One server. Its data stay when it is killed and started again. Several are a cluster of their
    own: see several()."""

    def __init__(self, folder, *more, scheme="http", context=None, name="default"):
        self.folder, self.more, self.scheme, self.context = folder, more, scheme, context
        self.port, self.peer_port, self.name = free_port(), free_port(), name
        self.process, self.token, self.cluster = None, None, [self]

    @property
    def peer(self):
        return f"http://127.0.0.1:{self.peer_port}"

    @classmethod
    def several(cls, folder, count):
        servers = []
        for i in range(count):
            os.mkdir(f"{folder}/etcd{i}")
            servers.append(cls(f"{folder}/etcd{i}", name=f"e{i}"))
        for s in servers:
            s.cluster = servers
            s.start(wait=False)
        for s in servers:
            s.wait()
        return servers

    def start(self, wait=True):
        url = f"{self.scheme}://127.0.0.1:{self.port}"
        peer, all_of_them = self.peer, ",".join(f"{s.name}={s.peer}" for s in self.cluster)
        with open(self.folder + "/etcd.log", "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--name", self.name, "--data-dir", self.folder + "/etcd",
                 "--listen-client-urls", url,
                 "--advertise-client-urls", url, "--listen-peer-urls", peer,
                 "--initial-advertise-peer-urls", peer, "--initial-cluster", all_of_them,
                 "--logger", "zap", *self.more],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine})
        if wait:
            self.wait()
        return self

    def wait(self):
        eventually("etcd answers", lambda: self.ask("kv/range", {"key": "AA=="}), 30)

    def ask(self, path, question):
        headers = {"Authorization": self.token} if self.token else {}
        r = urllib.request.Request(f"{self.scheme}://127.0.0.1:{self.port}/v3/{path}",
                                   json.dumps(question).encode(), headers)
        with urllib.request.urlopen(r, timeout=5, context=self.context) as answer:
            return json.load(answer)

    def put(self, key, value):
        encode = lambda text: base64.b64encode(text.encode()).decode()
        return self.ask("kv/put", {"key": encode(key), "value": encode(value)})

    def keys(self, prefix="harbord/"):
        """{key: value} of all that begin so"""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        encode = lambda text: base64.b64encode(text.encode()).decode()
        answer = self.ask("kv/range", {"key": encode(prefix), "range_end": encode(end)})
        decode = lambda text: base64.b64decode(text).decode()
        return {decode(k["key"]): decode(k.get("value", "")) for k in answer.get("kvs", [])}

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Proxy:
    """Stands before a server. `mode` says what becomes of each question:
    pass, slow (a delay before it is passed on), rubbish, huge, error, hang, lose (it is passed on,
    and the answer thrown away)."""

    def __init__(self, port):
        self.server, self.mode, self.delay, self.asked = port, "pass", 0.0, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client, client.makefile("rb") as f:
                while question := read_message(f):
                    self.asked += 1
                    if not self.answer(client, question):
                        return
        except OSError:
            pass

    def answer(self, client, question):
        mode = self.mode
        if mode == "hang":
            while self.mode == "hang":
                time.sleep(0.05)
            return False
        if mode == "rubbish":
            client.sendall(response(b'{"header":{"revision":"x"},"kvs":7,"responses":{}}'))
            return True
        if mode == "error":
            client.sendall(response(b'{"error":"no leader","code":14}', b"503 Unavailable"))
            return True
        if mode == "huge":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while self.mode == "huge":
                client.sendall(b"{" * 65536)
            return False
        if mode == "slow":
            time.sleep(self.delay)
        with socket.create_connection(("127.0.0.1", self.server)) as s, s.makefile("rb") as f:
            s.sendall(question)
            answer = read_message(f)
        if mode == "lose" or not answer:
            return False
        client.sendall(answer)
        return True

    def close(self):
        self.mode = "pass"
        self.socket.close()


def response(body, status=b"200 OK"):
    return (b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n" + body)


def read_message(f):
    """A whole message of HTTP, as it came; b"": the connection has ended."""
    head, length, chunked = b"", 0, False
    while True:
        line = f.readline(65536)
        head += line
        if not line:
            return b""
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line.lower().startswith(b"transfer-encoding:"):
            chunked = b"chunked" in line.lower()
        if line == b"\r\n":
            break
    if not chunked:
        return head + f.read(length)
    while True:
        line = f.readline(65536)
        size = int(line, 16)
        head += line + f.read(size + 2)
        if size == 0:
            return head
