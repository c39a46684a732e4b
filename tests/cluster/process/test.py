#!/usr/bin/python3
"""One node as a process: command line, exit statuses, signals, logs, notify and watchdog, what it
costs."""
import json, os, re, resource, signal, socket, subprocess, tempfile, time
from harness import eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = None
SANITIZED = None


class One:
    """A single node in a folder of its own."""

    def __init__(self, build, args="", extra="", log=None, env=None, limits=None, threads=2,
                 level="info"):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.conf, self.socket = self.tmp + "/n.yaml", self.tmp + "/n.sock"
        self.log = self.tmp + "/n.log"
        with open(self.conf, "w") as f:
            f.write(f'node: {{ name: n, threads: {threads} }}\n'
                    f'lua: {{ start: proc, args: "{args}", service_path: ["{HERE}/?.lua"] }}\n'
                    f'log: {{ level: {level}, '
                    f'{log or f"sink: file, file: {chr(34)}{self.log}{chr(34)}"} }}\n'
                    f'admin: {{ listen: "unix:{self.socket}", stop_timeout: 2s }}\n{extra}')
        self.process = subprocess.Popen([self.build + "/harbord", self.conf],
                                        stdin=subprocess.DEVNULL,
                                        stdout=open(self.tmp + "/out", "wb"),
                                        stderr=open(self.tmp + "/err", "wb"),
                                        env=dict(os.environ, **(env or {})), preexec_fn=limits)

    def read(self, name):
        try:
            with open(f"{self.tmp}/{name}", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def ctl(self, *args, check=True, limit=20):
        p = subprocess.run([self.build + "/harborctl", "--socket", self.socket, "--json", *args],
                           capture_output=True,
                           text=True, timeout=limit)
        if not check:
            return p
        if p.returncode:
            raise Failed(f"harborctl {' '.join(args)}: {p.returncode} {p.stderr}")
        return json.loads(p.stdout)

    def call(self, *args, limit=60):
        return self.ctl("call", ".proc", *args, limit=limit)["values"]

    def ready(self):
        eventually("the node is ready", lambda: self.call("echo", "x") == ["x"])
        return self

    def end(self, sig=signal.SIGTERM, seconds=20):
        self.process.send_signal(sig)
        return self.process.wait(seconds)

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read())[1])

    def ticks(self):
        words = open(f"/proc/{self.process.pid}/stat").read().rsplit(") ", 1)[1].split()
        return int(words[11]) + int(words[12])

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            print(f"# out: {self.read('out')[-1500:]!r}\n# err: {self.read('err')[-1500:]!r}\n# "
                  f"log: {self.read('n.log')[-1500:]!r}")
        subprocess.run(["rm", "-rf", self.tmp])


def run(build, *args, **kw):
    return subprocess.run([os.path.abspath(build) + "/harbord", *args], capture_output=True,
                          text=True, timeout=30,
                          stdin=subprocess.DEVNULL, **kw)


def written(text):
    f = tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="harbor-test-", delete=False)
    f.write(text)
    f.close()
    return f.name


def the_command_line(build):
    """the command line: version, help, and what is wrong with it"""
    p = run(build, "--version")
    assert p.returncode == 0 and not p.stderr, p
    assert re.fullmatch(r"harbord \d+\.\d+\.\d+, Lua .*\nlinks speak protocol \d+ to \d+\n",
                        p.stdout), p
    p = run(build, "--help")
    assert p.returncode == 0 and "usage: harbord" in p.stdout and not p.stderr, p
    p = run(build, "--help-config")
    assert p.returncode == 0 and "\ncluster.heartbeat\n  type: time\n" in p.stdout \
        and not p.stderr, p
    for args, text in (((), "no configuration given"), (("--nonsense",), "nonsense"),
                       (("a", "b"), "b"), (("--node",), "node")):
        p = run(build, *args)
        assert p.returncode == 64 and text in p.stderr and not p.stdout, (args, p)


def a_wrong_configuration_is_told_at_once_and_in_full(build):
    """a wrong configuration: every error with its place, status 78"""
    bad = written("node: { nmae: x, threads: many }\nlog:\n  level: loud\nadmin: { stop_timeout: "
                  "-1s }\n")
    for args in ((bad,), ("--check", bad)):
        p = run(build, *args)
        assert p.returncode == 78, p
        for place, word in ((":1:9:", "nmae"), (":1:", "threads"), (":3:10:", "level"),
                            (":4:", "stop_timeout")):
            assert any(place in line and word in line for line in p.stderr.splitlines()), (place,
                    word, p.stderr)
        assert "name" in p.stderr.split("nmae", 1)[1], p.stderr  # the nearest key
    os.unlink(bad)
    p = run(build, "/nowhere/at/all.yaml")
    assert p.returncode == 78 and "/nowhere/at/all.yaml" in p.stderr, p
    good = written("node: { name: x }\n")
    p = run(build, "--check", good)
    assert p.returncode == 0 and not p.stderr, p
    os.unlink(good)


def a_start_that_fails_ends_the_node(build):
    """a start service that throws: status 70; none at all: status 78; both say why"""
    with One(build, args="throws") as n:
        assert n.process.wait(20) == 70
        assert "the start broke" in n.read("n.log") + n.read("err")
    with One(build) as n:
        n.process.kill()
        n.process.wait()
        conf = n.tmp + "/other.yaml"
        with open(n.conf) as f, open(conf, "w") as g:
            g.write(f.read().replace("start: proc", "start: notthere"))
        p = run(build, conf)
        assert p.returncode == 78 and "notthere" in p.stderr + n.read("n.log"), p


def what_is_taken_is_told(build):
    """a control socket in use, a port in use: status 69; a folder without permission or a missing
    one: told"""
    with One(build) as n:
        n.ready()
        p = run(build, n.conf)
        assert p.returncode == 69, p
        assert f"listen unix:{n.socket}: Address already in use" in p.stderr + n.read("n.log"), p
        n.ready()  # and the first one did not suffer
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        port = s.getsockname()[1]
        with One(build,
                 extra=f'cluster: {{ listen: "127.0.0.1:{port}", '
                       f'master: ["127.0.0.1:{port}"] }}\n') as n:
            assert n.process.wait(20) == 69
            assert f"listen: 127.0.0.1:{port}: Address already in use" \
                in n.read("n.log") + n.read("err")
    with One(build, log='sink: file, file: "/nowhere/at/all.log"') as n:
        assert n.process.wait(20) != 0
        assert "/nowhere/at/all.log" in n.read("err")


def sigterm_and_sigint_stop(build):
    """SIGTERM and SIGINT: services end, status 0, nothing is left behind"""
    for sig in (signal.SIGTERM, signal.SIGINT):
        with One(build) as n:
            n.ready()
            n.call("births", "50")
            assert n.end(sig) == 0
            assert not os.path.exists(n.socket)
            assert "stopped" in n.read("n.log").splitlines()[-1]


def a_stop_has_a_limit(build):
    """a service that never ends: the stop takes its limit and no longer; a second signal ends at
    once"""
    with One(build) as n:
        n.ready()
        n.call("loops", "2")
        began = time.monotonic()
        status = n.end(seconds=15)
        # a Lua loop is broken out of after 0.1 s; otherwise the limit of 2 s holds
        assert time.monotonic() - began < 10, time.monotonic() - began
        assert status >= 0, status
    with One(build) as n:
        n.ready()
        n.call("blocks", "30")
        began = time.monotonic()
        n.process.send_signal(signal.SIGTERM)
        eventually("it stops", lambda: "stopping" in n.read("n.log"))
        while time.monotonic() - began < 0.2:
            time.sleep(0.01)  # a second one that comes at once is the same request
        n.process.send_signal(signal.SIGTERM)
        assert n.process.wait(10) == 0
        assert "asked to stop a second time" in n.read("n.log") \
            and "did not end within" not in n.read("n.log")
    with One(build) as n:
        n.ready()
        n.process.send_signal(signal.SIGTERM)
        n.process.send_signal(signal.SIGTERM)
        assert n.process.wait(10) == 0
        assert "stopped, exit status 0" in n.read("n.log") \
            and "second time" not in n.read("n.log"), n.read("n.log")


def logs_rotate_and_lose_nothing(build):
    """SIGHUP reopens the log: a file renamed under load, every line is in one of the two, in
    order"""
    with One(build) as n:
        n.ready()
        n.call("log", "1", "2000")
        os.rename(n.log, n.log + ".1")
        n.process.send_signal(signal.SIGHUP)
        n.call("log", "2001", "4000")
        eventually("the new file", lambda: os.path.exists(n.log))
        n.call("log", "4001", "6000")
        assert n.end() == 0
        seen = [int(x) for x in re.findall(r"line (\d{6})", n.read("n.log.1") + n.read("n.log"))]
        assert seen == list(range(1, 6001)), (len(seen), seen[:3], seen[-3:])
        assert "line 006000" in n.read("n.log")


def no_line_is_lost_at_the_ends(build):
    """the first and the last lines of a node are in its log; repeated lines are counted, not
    written"""
    with One(build) as n:
        n.ready()
        n.call("same", "5000")
        n.call("log", "1", "1")
        assert n.end() == 0
        text = n.read("n.log")
        assert "harbord 0" in text.splitlines()[0], text.splitlines()[0]
        assert "proc is here" in text and "line 000001" in text
        assert any("stopped" in line for line in text.splitlines()[-2:]), text.splitlines()[-2:]
        assert text.count("the same again") < 1000
        assert re.search(r"repeated \d+ times", text), text[-2000:]


class Notify:
    """What systemd would hear."""

    def __enter__(self):
        self.tmp = tempfile.mkdtemp(prefix="harbor-test-")
        self.path = self.tmp + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.05)
        self.heard = []
        return self

    def listen(self):
        try:
            while True:
                self.heard += [(time.monotonic(), x)
                               for x in self.socket.recv(65536).decode().splitlines()]
        except TimeoutError:
            return self.heard

    def has(self, text):
        return [t for t, x in self.listen() if x.startswith(text)]

    def __exit__(self, *rest):
        self.socket.close()
        subprocess.run(["rm", "-rf", self.tmp])


def systemd_hears(build):
    """READY when the start service is up and not before, STATUS, WATCHDOG while it works,
    STOPPING"""
    with Notify() as s:
        with One(build, env={"NOTIFY_SOCKET": s.path, "WATCHDOG_USEC": "1000000"}) as n:
            eventually("READY=1", lambda: s.has("READY=1"))
            assert "proc is here" in n.read("n.log")
            assert s.has("STATUS=")
            eventually("two more WATCHDOG=1", lambda: len(s.has("WATCHDOG=1")) >= 2)
            assert "no proof of life" not in n.read("n.log"), n.read("n.log")
            assert n.end() == 0
            eventually("STOPPING=1", lambda: s.has("STOPPING=1"))
            assert len(s.has("READY=1")) == 1
    with Notify() as s:
        with One(build, args="throws", env={"NOTIFY_SOCKET": s.path}) as n:
            n.process.wait(20)
            assert not s.has("READY=1")


def a_start_is_given_time_while_it_goes_on(build):
    """S-03: a start service that sleeps is given more time, one that waits for ever is not,
    whatever other services do"""
    with Notify() as s, Notify() as w:
        with One(build, args="sleeps", env={"NOTIFY_SOCKET": s.path}), One(build, args="waits",
                env={"NOTIFY_SOCKET": w.path}) as n:
            eventually("the one that sleeps is up", lambda: s.has("READY=1"), 40)
            given = s.has("EXTEND_TIMEOUT_USEC=")
            assert given[-1] - given[0] > 4, given
            assert not w.has("READY=1") and n.process.poll() is None
            # what happened before the wait counts once or twice
            assert len(w.has("EXTEND_TIMEOUT_USEC=")) <= 2 < len(given), (given, w.heard)


def an_abort_of_the_start_service_is_no_failure(build):
    """skynet.abort in the start function, while another service takes its time to end: status 0"""
    with One(build, args="aborts") as n:
        assert n.process.wait(20) == 0, n.read("n.log")
        assert "failed" not in n.read("n.log") and "ready" not in n.read("n.log"), n.read("n.log")


def the_watchdog_is_earned(build):
    """H7: all workers in endless loops: the watchdog is not fed; one of two: it is"""
    with Notify() as s:
        with One(build, env={"NOTIFY_SOCKET": s.path, "WATCHDOG_USEC": "1000000"}) as n:
            n.ready()
            n.call("loops", "1")
            before = len(s.has("WATCHDOG=1"))
            eventually("it is fed with one worker left",
                       lambda: len(s.has("WATCHDOG=1")) >= before + 4)
            n.call("loops", "1")
            # it may be fed once more on what was done until then; after that never again
            eventually("two watchdog times without food", lambda: s.listen() and
                       time.monotonic() - s.has("WATCHDOG=1")[-1] > 2, 30)


def a_frozen_node_blames_nobody(build):
    """SIGSTOP for longer than a turn may take, then SIGCONT: no service is said to loop
    endlessly"""
    with One(build) as n:
        n.ready()
        n.call("computes", "8000")
        time.sleep(0.1)  # nobody tells when the overseer has seen the turn; it looks every few ms
        n.process.send_signal(signal.SIGSTOP)
        time.sleep(5.5)  # what is tested is that much time
        n.process.send_signal(signal.SIGCONT)
        eventually("it computes no more",
                   lambda: all(not s["endless"] and s["mailbox_messages"] == 0
                               for s in n.ctl("services")["services"]))
        assert "endless loop" not in n.read("n.log"), n.read("n.log")


def a_user_may_have_many_descriptors(build):
    """a soft limit of 1,024 descriptors, as users have it, is raised to the hard one"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with One(build, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                      (min(1024, hard), hard))) as n:
        n.ready()
        with open(f"/proc/{n.process.pid}/limits") as f:
            soft, = re.findall(r"^Max open files +(\d+)", f.read(), re.M)
        assert int(soft) == hard, soft


def an_idle_node_costs_nothing(build):
    """2,000 idle services use no CPU (at most two ticks in three seconds)"""
    if "thread" in build:
        return  # its runtime has a thread that ticks
    with One(build) as n:
        n.ready()
        n.call("births", "2000")
        time.sleep(1)  # what was begun ends
        before = n.ticks()
        time.sleep(3)
        assert n.ticks() - before <= 2, n.ticks() - before


def memory_comes_back(build):
    """memory of a burst of 500,000 messages and of 5,000 services that were born and died comes
    back"""
    with One(build) as n:
        n.ready()
        n.call("births", "50" if "thread" in build else "500")
        n.call("deaths")
        before = n.rss_kib()
        burst = 50000 if "thread" in build else 500000
        for _ in range(2):
            assert n.call("burst", str(burst)) == [burst + 2]
            n.call("births", str(burst // 100))
            n.call("deaths")
        if "san-" in build:
            return  # a sanitizer keeps what was freed
        eventually(f"RSS near {before} KiB", lambda: n.rss_kib() < before + 8192, 40)


def the_control_socket_bears_anything(build):
    """the control socket: garbage, half requests, readers that do not read, a hundred at a time"""
    with One(build) as n:
        n.ready()
        held = []
        for junk in (b"", b"\0" * 10, os.urandom(5000), b"status", b"x" * 300000,
                     b"\xff\xff\xff\xff"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(n.socket)
            s.settimeout(5)
            try:
                s.sendall(junk)
            except OSError:
                pass
            held.append(s)
        for _ in range(100):
            try:
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(5)
                s.connect(n.socket)
                held.append(s)
            except OSError:
                break
        for s in held:
            s.close()
        n.ready()
        p = n.ctl("call", ".nobody", "x", check=False)
        assert p.returncode != 0 and "no such service" in p.stderr + p.stdout, p
        p = n.ctl("nonsense", check=False)
        assert p.returncode != 0, p
        assert oct(os.stat(n.socket).st_mode & 0o777) in ("0o600",
                                                          "0o660"), oct(os.stat(n.socket).st_mode)
        tables = subprocess.run([n.build + "/harborctl", "--socket", n.socket, "services"],
                                capture_output=True, text=True)
        assert tables.returncode == 0 and "proc" in tables.stdout and "{" not in tables.stdout, \
            tables
        n.ctl("stop")
        assert n.process.wait(20) == 0


def a_skynet_configuration_runs(build):
    """a skynet-style configuration: include, $VAR, values of all kinds, what is wrong with it"""
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp:
        with open(tmp + "/common.cfg", "w") as f:
            f.write('from_include = "yes"\nnumber = 12\nfraction = 1.5\nflag = true\n')
        with open(tmp + "/app.lua", "w") as f:
            f.write('local skynet = require "skynet"\nrequire '
                    '"skynet.manager"\nskynet.start(function()\n'
                    '  for _, k in ipairs { "from_include", "number", "fraction", "flag", "home", '
                    '"thread", "start" } do\n'
                    '    skynet.error("env", k, tostring(skynet.getenv(k)))\n  end\n  '
                    'skynet.abort()\nend)\n')
        conf = tmp + "/config.lua"
        with open(conf, "w") as f:
            f.write(f'include "common.cfg"\nthread = 2\nharbor = 0\nstart = "app"\nhome = '
                    f'"$HARBOR_TEST_HOME/x"\n'
                    f'luaservice = "{tmp}/?.lua"\n')
        p = run(build, conf, env=dict(os.environ, HARBOR_TEST_HOME="/here", XDG_RUNTIME_DIR=tmp),
                cwd=tmp)
        assert p.returncode == 0, p
        for k, v in (("from_include", "yes"), ("number", "12"), ("fraction", "1.5"),
                     ("flag", "true"), ("home", "/here/x"),
                     ("thread", "2"), ("start", "app")):
            assert f"env {k} {v}" in p.stdout + p.stderr, (k, p)
        p = run(build, conf, env={k: v for k, v in os.environ.items() if k != "HARBOR_TEST_HOME"},
                cwd=tmp)
        assert p.returncode != 0 and "os.getenv() failed: HARBOR_TEST_HOME" in p.stderr, p
        with open(conf, "w") as f:
            f.write("bad = {}\n")
        p = run(build, conf, cwd=tmp)
        assert p.returncode != 0 and "Invalid config table key = bad" in p.stderr, p


if __name__ == "__main__":
    main([the_command_line, a_wrong_configuration_is_told_at_once_and_in_full,
          a_start_that_fails_ends_the_node,
          what_is_taken_is_told, sigterm_and_sigint_stop, a_stop_has_a_limit,
          logs_rotate_and_lose_nothing,
          no_line_is_lost_at_the_ends, systemd_hears, a_start_is_given_time_while_it_goes_on,
          an_abort_of_the_start_service_is_no_failure, the_watchdog_is_earned,
          a_frozen_node_blames_nobody, a_user_may_have_many_descriptors, an_idle_node_costs_nothing,
          memory_comes_back,
          the_control_socket_bears_anything, a_skynet_configuration_runs])
