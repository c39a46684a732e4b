"""Real nodes for tests: starts harbord processes, asks them by harborctl, kills and freezes them.

    with Cluster(build, folder_of_lua_files) as c:
        m = c.node("m", harbor=1, master=True, start="main")
        eventually("b knows the name", lambda: ...)

Ports are the kernel's; every wait has a deadline and says what it waits for. Nodes start as users
start them: no option, the environment as it is, control sockets in their default places, where
other nodes of this host may have theirs.

A test that fails leaves its folder (configurations, logs, state) and says where; with KEEP=1 in the
environment each does.
"""
import json, os, re, signal, socket, subprocess, sys, tempfile, time


class Failed(Exception):
    pass


given = set()
held = [] # what has processes, and whose __exit__ has not been called: see end_held()


def free_port():
    """A port that nobody has, and that this process was not given before: it may not be open
    yet."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in given:
            given.add(port)
            return port


def control_socket(text, pid):
    """The socket that the node with this pid opened, as its log says; a log may hold earlier
    lives."""
    begins = text.rfind(f", pid {pid}, configuration ")
    found = re.search(r"control socket (/\S+\.sock)$", text[begins:], re.M) if begins >= 0 else None
    if not found:
        raise Failed(f"no control socket in the log of {pid}")
    return found[1]


def eventually(what, condition, seconds=20.0):
    """Waits until condition() is true (errors count as not yet); gives its value."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (Failed, OSError, KeyError, IndexError, ValueError, TypeError) as e:
            last = e
        time.sleep(0.02)
    raise Failed(f"not within {seconds} s: {what} (last: {last!r})")


def exactly(s, n, who="the connection"):
    """The next n bytes of a socket."""
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise Failed(f"{who} has ended after {len(got)} of {n} bytes: {got[:64]!r}")
        got += more
    return got


class Node:
    def __init__(self, cluster, name, text, env=None):
        self.cluster, self.name, self.process, self.found = cluster, name, None, None
        self.config = f"{cluster.tmp}/{name}.yaml"
        self.log = f"{cluster.tmp}/{name}.log"
        self.env = dict(os.environ, **(env or {}))
        with open(self.config, "w") as f:
            f.write(text)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.cluster.build + "/harbord", self.config],
                                            stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.env)
        self.found = None
        return self

    @property
    def socket(self):
        if not self.found:
            with open(self.log, errors="replace") as f:
                self.found = control_socket(f.read(), self.process.pid)
        return self.found

    def ctl(self, *args, limit=10):
        p = subprocess.run([self.cluster.build + "/harborctl", "--socket", self.socket, "--json",
                            *args],
                           capture_output=True, text=True, timeout=limit)
        # 4: not healthy; 3: a gateway is down, the others have answered
        if p.returncode and (p.returncode, args[-1]) not in ((4, "status"), (3, "clusters")):
            raise Failed(f"harborctl {' '.join(args)}: {p.returncode} {p.stderr.strip()} "
                         f"{p.stdout.strip()}")
        return json.loads(p.stdout)

    def call(self, *args, limit=10):
        """Calls a service; gives the list of its answers."""
        answer = self.ctl("call", *args, limit=limit)
        return answer["values"]

    def ready(self, seconds=20):
        eventually(f"{self.name} is ready",
                   lambda: self.ctl("status")["state"] in ("running", "ready"), seconds)
        return self

    def signal(self, sig):
        """A SIGSTOP has stopped all threads when this returns."""
        os.kill(self.process.pid, sig)
        if sig == signal.SIGSTOP:
            eventually(f"{self.name} stands still", self.stands_still)

    def stands_still(self):
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat") as f:
                if f.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=20):
        self.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def logged(self, text):
        with open(self.log, errors="replace") as f:
            return text in f.read()


class Cluster:
    def __init__(self, build, lua):
        held.append(self)
        self.build, self.lua, self.nodes = os.path.abspath(build), os.path.abspath(lua), []
        self.tmp = tempfile.mkdtemp(prefix="harbor-test-")
        self.master_port = free_port()
        self.secure = f", key_file: {self.key()}" if os.environ.get("SECURE") else ""

    def key(self):
        """SECURE=1 in the environment: all links are encrypted, whatever the test is about. (Those
        that speak the wire's frames themselves fail then.)"""
        path = f"{self.tmp}/cluster.key"
        subprocess.run([self.build + "/harborctl", "key", "new", path], check=True,
                       capture_output=True)
        return path

    def text(self, name, harbor, master=False, start="main", args="", port=None, extra=""):
        secure = "" if "_file:" in extra else self.secure
        lines = [f"node: {{ name: {name}, harbor: {harbor}, threads: 2 }}",
                 f'lua: {{ start: {start}, args: "{args}", service_path: ["{self.lua}/?.lua"] }}',
                 f"cluster: {{ name: test, listen: 127.0.0.1:{port or free_port()}, heartbeat: "
                 f"100ms, dead_after: 1s, name_wait: 300ms, "
                 f"master: [127.0.0.1:{self.master_port}]{secure}{extra} }}"]
        if master:
            lines.append(f"master: {{ listen: 127.0.0.1:{self.master_port}, state_dir: "
                         f"{self.tmp}/state }}")
        return "\n".join(lines) + "\n"

    def node(self, name, harbor, start_now=True, env=None, **kw):
        n = Node(self, name, self.text(name, harbor, **kw), env)
        self.nodes.append(n)
        return n.start() if start_now else n

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        release(self)
        for n in self.nodes:
            if n.process and n.process.poll() is None:
                n.process.kill()
                n.process.wait()
        if kind:
            for n in self.nodes:
                if os.path.exists(n.log):
                    with open(n.log, errors="replace") as f:
                        print(f"---- log of {n.name}\n{f.read()[-4000:]}")
        leave(self.tmp, kind)


def release(holder):
    """Its __exit__ is called."""
    if holder in held:
        held.remove(holder)


def end_held(kind):
    """Ends what a test that raised has left: it may have done so before its `with` began."""
    while held:
        holder = held.pop()
        try:
            holder.__exit__(kind, None, None)
        except Exception as e:
            print(f"# {type(holder).__name__} is not ended: {type(e).__name__}: {e}", flush=True)


def leave(folder, failed):
    """Removes the folder of a test, or says where it is."""
    if failed or os.environ.get("KEEP"):
        print(f"# its files: {folder}", flush=True)
    else:
        subprocess.run(["rm", "-rf", folder])


class Defaults(Cluster):
    """As a user writes it: no time is set."""

    def text(self, name, harbor, master=False, **kw):
        text = [f"node: {{ name: {name}, harbor: {harbor} }}",
                f'lua: {{ start: main, service_path: ["{self.lua}/?.lua"] }}',
                f"cluster: {{ name: test, listen: 127.0.0.1:{free_port()}, "
                f"master: [127.0.0.1:{self.master_port}] }}"]
        if master:
            text.append(f"master: {{ listen: 127.0.0.1:{self.master_port}, "
                        f"state_dir: {self.tmp}/state }}")
        return "\n".join(text) + "\n"


def up(c):
    """Waits until each node of the cluster is ready and has a link to all others. Returns c."""
    for n in c.nodes:
        n.ready()
    for n in c.nodes:
        eventually(f"{n.name} sees all nodes up", lambda: len(c.nodes) == sum(
            x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]))
    return c


def main(tests, build=None):
    """Runs test functions, prints TAP; the docstring's first line is the name. --only TEXT: those
    that have it in their names."""
    if build is None:
        build = sys.argv[sys.argv.index("--build") + 1]
    if "--only" in sys.argv:
        only = sys.argv[sys.argv.index("--only") + 1]
        tests = [t for t in tests if only in t.__name__ or only in (t.__doc__ or "")]
    try:
        failed = run(tests, build)
    finally:
        end_held(None)
    print(f"1..{len(tests)}")
    sys.exit(1 if failed else 0)


def run(tests, build):
    """Returns how many have failed."""
    failed = 0
    for i, test in enumerate(tests, 1):
        name = (test.__doc__ or test.__name__).strip().splitlines()[0]
        try:
            test(build)
            print(f"ok {i} - {name}", flush=True)
        except Exception as e:
            failed += 1
            end_held(type(e))
            print(f"not ok {i} - {name}\n# {type(e).__name__}: {e}", flush=True)
    return failed
