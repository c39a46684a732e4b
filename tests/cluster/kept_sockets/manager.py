"""A service manager of the test's own: it keeps what a node stores, and passes it to the next."""
import array, os, select, socket, subprocess, tempfile, threading, time
from harness import Failed, eventually, leave


class Manager:
    """Runs one node again and again. store: list of (name, descriptor); said: all that the node
    said."""

    def __init__(self, build, text):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.store, self.said, self.process = [], [], None
        self.sockets = [] # of socket units: (name, socket)
        self.lock = threading.Lock()
        self.write(text)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(self.tmp + "/notify")
        self.over = False
        threading.Thread(target=self.listen, daemon=True).start()

    def write(self, text):
        with open(self.tmp + "/n.yaml", "w") as f:
            f.write(text)

    def listen(self):
        while not self.over:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
            fds = array.array("i")
            for _, _, more in ancillary:
                fds.frombytes(more)
            for fd in fds:
                os.set_inheritable(fd, False)
            self.take(data.decode(), list(fds))

    def take(self, text, fds):
        lines = dict(line.split("=", 1) for line in text.split("\n"))
        with self.lock:
            self.said.append(text)
            if "FDSTORE" in lines and any(os.path.sameopenfile(fd, fds[0])
                                          for _, fd in self.store):
                pass # as systemd does: it has that one
            elif "FDSTORE" in lines:
                self.store.append((lines["FDNAME"], fds.pop()))
            if "FDSTOREREMOVE" in lines:
                for name, fd in self.store:
                    if name == lines["FDNAME"]:
                        os.close(fd)
                self.store = [s for s in self.store if s[0] != lines["FDNAME"]]
        for fd in fds: # a barrier
            os.close(fd)

    def names(self):
        with self.lock:
            return sorted(name for name, _ in self.store)

    def start(self, wait=True):
        with self.lock:
            passed = [(n, s.fileno()) for n, s in self.sockets] + self.store
        env = dict(os.environ, RUNTIME_DIRECTORY=self.tmp, NOTIFY_SOCKET=self.tmp + "/notify")
        if passed:
            env.update(LISTEN_FDS=str(len(passed)), LISTEN_FDNAMES=":".join(n for n, _ in passed))
        high = [os.dup(fd) for _, fd in passed]
        moved = {}

        def place():
            for i, fd in enumerate(high): # out of the way of where they go
                moved[i] = os.dup2(fd, 1000 + i)
            for i in moved:
                os.dup2(1000 + i, 3 + i)
                os.close(1000 + i)
                os.set_inheritable(3 + i, True)
        with self.lock:
            self.said = []
        with open(self.tmp + "/err", "ab") as err:
            self.process = subprocess.Popen(
                ["sh", "-c", ("LISTEN_PID=$$; export LISTEN_PID; " if passed else "") +
                 f"exec {self.build}/harbord {self.tmp}/n.yaml"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env=env,
                close_fds=False, preexec_fn=place)
        for fd in high:
            os.close(fd)
        self.env = env
        if wait:
            self.ready()
        return self

    def ready(self):
        def told():
            with self.lock:
                if any("READY=1" in s for s in self.said):
                    return True
            if self.process.poll() is not None:
                raise Failed(f"ended with {self.process.returncode}: {self.log()[-2000:]}")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if told():
                return
            time.sleep(0.01)
        raise Failed(f"not ready: {self.log()[-2000:]}")

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def log(self):
        with open(self.tmp + "/err", errors="replace") as f:
            return f.read()

    def call(self, *words):
        p = subprocess.run([self.build + "/harborctl", "--json", "call", ".main", *words],
                           capture_output=True, text=True, timeout=20, env=self.env)
        if p.returncode:
            raise Failed(p.stdout + p.stderr)
        return __import__("json").loads(p.stdout)["values"]

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.over = True
        if kind:
            print(self.log()[-4000:])
        leave(self.tmp, kind)
