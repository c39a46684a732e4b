"""A node for hostile clients: what it costs them, and it, and those who behave."""
import json, os, re, resource, signal, socket, subprocess, tempfile, threading, time
from harness import eventually, Failed, held, release

MIB = 1 << 20


class Victim:
    """`start` is the script of the folder `here` that is started; it registers .victim."""

    def __init__(self, build, here, start, files=None, extra="", lua=""):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.measured = "san" not in os.path.basename(self.build)
        self.conf, self.socket = self.tmp + "/n.yaml", self.tmp + "/n.sock"
        self.log = self.tmp + "/n.log"
        with open(self.conf, "w") as f:
            f.write(f'node: {{ name: victim, threads: 2 }}\n'
                    f'lua: {{ start: {start}, service_path: ["{here}/?.lua"]{lua} }}\n'
                    f'log: {{ sink: file, file: "{self.log}" }}\n'
                    f'admin: {{ listen: "unix:{self.socket}", stop_timeout: 2s }}\n{extra}')
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                            (files, files))) if files else None
        self.process = subprocess.Popen([self.build + "/harbord", self.conf],
                                        stdin=subprocess.DEVNULL,
                                        stdout=open(self.tmp + "/out", "wb"),
                                        stderr=subprocess.STDOUT, preexec_fn=limit)
        self.sockets = []
        held.append(self)

    def greet(self):
        """Asks the script for its ports; raises until it is there."""
        self.port = self.call("listen")

    def __enter__(self):
        eventually("the node is ready", lambda: self.call("ready"))
        self.greet()
        return self

    def __exit__(self, kind, *rest):
        release(self)
        for s in self.sockets:
            s.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        status = self.process.returncode
        if kind is None and status != 0:
            kind = Failed
        if kind:
            print("---- log\n" + self.logged()[-3000:] + open(self.tmp + "/out").read()[-3000:])
        else:
            subprocess.run(["rm", "-rf", self.tmp])
        if status != 0 and not rest[0]:
            raise Failed(f"the node ended with status {status}")

    def ctl(self, *args, limit=20):
        p = subprocess.run([self.build + "/harborctl", "--socket", self.socket, "--json", *args],
                           capture_output=True,
                           text=True, timeout=limit)
        if p.returncode:
            raise Failed(f"harborctl {' '.join(args)}: {p.returncode} {p.stderr}")
        return json.loads(p.stdout)

    def call(self, *args):
        return self.ctl("call", ".victim", *args)["values"][0]

    def logged(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def connect(self, port, buffer=None):
        s = socket.socket()
        self.sockets.append(s)
        if buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        s.settimeout(20)
        s.connect(("127.0.0.1", port))
        return s

    def client(self, hello="", buffer=None):
        s = self.connect(self.port, buffer)
        if hello:
            s.sendall(hello.encode() + b"\n")
        return s

    def number(self, file, word):
        return int(re.search(rf"{word}:\s+(\d+)",
                             open(f"/proc/{self.process.pid}/{file}").read())[1])

    def peak(self):
        return self.number("status", "VmHWM") * 1024

    def rss(self):
        return self.number("status", "VmRSS") * 1024

    def ticks(self):
        words = open(f"/proc/{self.process.pid}/stat").read().rsplit(") ", 1)[1].split()
        return int(words[11]) + int(words[12])

    def grew_at_most(self, before, n):
        grown = self.peak() - before
        if self.measured and grown > n:
            raise Failed(f"grew by {grown / MIB:.1f} MiB, at most {n / MIB:.1f} are right")


def gone(s):
    """The other end has closed it: whatever comes, the end comes after it."""
    try:
        while s.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass
    return True


def is_open(s):
    s.setblocking(False)
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
