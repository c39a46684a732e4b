#!/usr/bin/python3
"""The black box: what a node that crashes leaves behind, whatever it dies of, and what it does not
spoil: the signal it dies of, its core dump, the next start. And harborctl dump."""
import glob, os, re, signal, subprocess, sys, tempfile, threading
from harness import Cluster, eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv[sys.argv.index("--build") + 1]
ASAN, TSAN = "san-address" in BUILD, "san-thread" in BUILD


class One(Cluster):
    def __init__(self, build, crash_dir=None):
        super().__init__(build, HERE)
        self.dir = crash_dir or self.tmp + "/crash"
        none = "handle_abort=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:"
        env = {"ASAN_OPTIONS": none + "detect_leaks=0:disable_coredump=0",
               "TSAN_OPTIONS": none + os.environ.get("TSAN_OPTIONS", ""),
               "UBSAN_OPTIONS": "halt_on_error=1"}
        self.a = self.node("a", 0, start_now=False, env=env)
        with open(self.a.config, "w") as f:
            f.write(f"node: {{ name: a, harbor: 0, threads: 3, crash_dir: {self.dir} }}\n"
                    f'lua: {{ start: main, service_path: ["{HERE}/?.lua"], '
                    f'cpath: ["{self.build}/tests/cmod/?.so"] }}\n')
        self.a.start().ready()

    def files(self, suffix="crash"):
        return sorted(glob.glob(self.dir + "/*." + suffix))

    def crash(self, *args):
        subprocess.run([self.build + "/harborctl", "--socket", self.a.socket, "call", ".shop",
                        *args], capture_output=True)
        return self.a.process.wait(30)

    def told(self):
        path = self.files()[-1]
        assert os.stat(path).st_mode & 0o777 == 0o600
        with open(path) as f:
            return f.read()


def begin(c, *args):
    threading.Thread(target=lambda: subprocess.run(
        [c.build + "/harborctl", "--socket", c.a.socket, "call", *args], capture_output=True),
        daemon=True).start()


def part(text, head):
    """The lines of a part, which ends with a blank one."""
    found = re.search(rf"^{head}.*?$(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    assert found, (head, text)
    return found[0]


def every_way_to_die(build):
    """SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, a jump to nowhere, an overflow of the stack in C,
    a failed must: the file has the reason, the Lua stack, the C module, the message; the process
    ends by that signal, and its log says where the file is"""
    ways = {"segv": "SIGSEGV", "bus": "SIGBUS", "ill": "SIGILL", "abort": "SIGABRT",
            "must": "SIGABRT", "wild": "SIGSEGV", "overflow": "SIGSEGV"}
    if os.uname().machine == "x86_64" and not ASAN: # UBSan finds the division first
        ways["fpe"] = "SIGFPE"
    if ASAN or TSAN:
        del ways["overflow"] # the runtime's own frames need more than there is
    for how, name in ways.items():
        with One(build) as c:
            status = c.crash("crash", how, "argument")
            assert status == -getattr(signal, name), (how, status)
            assert len(c.files()) == 1, (how, c.files())
            text = c.told()
            assert re.search(rf"^reason: +{name}", text, re.M), (how, text)
            for key in ("node: +a$", "version: +harbord ", "uptime: +[0-9.]+ s", "config_hash: +",
                        r"thread: +worker\d \d+"):
                assert re.search("^" + key, text, re.M), (key, text)
            w = part(text, r"worker \d+, the one that crashed: service :[0-9a-f]{8} snlua main")
            assert re.search(r"message: type lua from :[0-9a-f]{8} session \d+ size \d+ begins "
                             r'".crash', w), w
            assert re.search(r"serves: a request of :[0-9a-f]{8} session \d+ protocol lua", w), w
            assert re.search(r"\[C\].*crash\.so\+0x", w) or how == "overflow", (how, w)
            assert len(re.findall(r"main\.lua:\d+: in", w)) == 3, (how, w)
            calls = w.split("calls of C:")[1]
            assert "crash.so+0x" in calls, (how, calls)
            if how not in ("overflow", "wild"): # too deep; frames without a frame pointer
                assert "host_message" in calls and "worker_main" in calls, (how, calls)
            assert "last lines of the log" in text and "LAUNCH snlua main" in text, text
            assert c.a.logged(f"harbord: crash: {name}") and c.a.logged(c.files()[0]), how
            if how == "must":
                assert "must(lua_gettop(L) > 200) failed" in open(c.a.log).read()


def other_workers_and_mailboxes(build):
    """the file has the stacks of the other workers, also of one in a loop and of one in C, and the
    fullest mailboxes"""
    if TSAN:
        return # which holds back signals for a thread that does not call the C library
    with One(build) as c:
        loop, nap = c.a.call(".shop", "child")[0], c.a.call(".shop", "child")[0]
        begin(c, loop, "loop")
        begin(c, nap, "crash", "nap", "60")
        for who in (loop, nap):
            eventually("busy", lambda: c.a.ctl("why", who)["state"] == "busy")
        c.a.call(".shop", "flood", loop, "500")
        c.crash("crash", "segv")
        text = c.told()
        parts = {h: part(text, rf"worker \d+: service {h}") for h in (loop, nap)}
        assert "main.lua:" in parts[loop] and "crash.so" not in parts[loop], parts[loop]
        assert "nap" in parts[nap] and re.search(r"turn for \d", parts[nap]), parts[nap]
        assert re.search(rf"^  {loop} 50\d snlua main child$", text, re.M), text


def inside_coroutines_and_deep(build):
    """a crash inside a coroutine, and below 5,000 frames of Lua: bounded, with both ends"""
    with One(build) as c:
        c.crash("coroutine", "segv")
        w = part(c.told(), r"worker \d+, the one that crashed")
        assert len(re.findall(r"main\.lua:\d+: in", w)) == 3, w
    with One(build) as c:
        c.crash("deep", "5000", "segv")
        text = c.told()
        assert re.search(r"\.\.\. \(49\d\d levels are left out\)", text), text
        assert len(text) < 30000


def killed_under_load(build):
    """kill -SEGV from outside while all workers are at work, ten times: a file each, from any
    thread; ten are kept; the next start names it once"""
    with One(build) as c:
        for i in range(4):
            c.a.call(".shop", "load", "6")
            c.a.process.send_signal((signal.SIGSEGV, signal.SIGABRT)[i % 2])
            assert c.a.process.wait(30) < 0
            text = c.told()
            assert f"sent by: " in text and f"process {os.getpid()}" in text, text
            assert "worker 0" in text and "worker 2" in text and "last lines" in text, text
            assert len(c.files()) == i + 1
            c.a.start().ready()
            eventually("the next run names it", lambda: c.a.logged(
                f"the run before has crashed: {c.files()[-1]}"))
        with open(c.a.log) as f:
            assert f.read().count("the run before has crashed") == 4
        assert c.a.stop() == 0
        c.a.start().ready()
        with open(c.a.log) as f:
            assert f.read().count("the run before has crashed") == 4
        for i in range(12):
            open(f"{c.dir}/a-20200101T0000{i:02}Z-77.crash", "w").close()
        open(f"{c.dir}/a-b-20200101T000000Z-77.crash", "w").close() # another node's
        dump = c.a.ctl("dump")["file"]
        assert os.path.exists(dump) and dump.endswith(".dump")
        left = c.files() + c.files("dump")
        assert len(left) == 11 and dump in left and f"{c.dir}/a-b-20200101T000000Z-77.crash" in left


def dump_on_demand(build):
    """harborctl dump, also while all workers are busy: a file, and the node goes on"""
    with One(build) as c:
        if not TSAN:
            loop = c.a.call(".shop", "child")[0]
            begin(c, loop, "loop")
            eventually("busy", lambda: c.a.ctl("why", loop)["state"] == "busy")
        with open(c.a.ctl("dump")["file"]) as f:
            text = f.read()
        assert "reason: " in text and "asked for" in text, text
        assert "LAUNCH snlua main" in text and "worker 2" in text, text
        assert TSAN or "main.lua:" in part(text, rf"worker \d: service {loop}"), text
        assert c.a.call(".shop", "echo", "x") == ["x"]
        assert c.files() == []


def nowhere_to_write(build):
    """a full disk, or a folder that cannot be made: what there is to say goes to stderr, and the
    signal is the same"""
    with One(build, crash_dir="/dev/full/crash") as c:
        assert c.crash("crash", "segv") == -signal.SIGSEGV
        with open(c.a.log) as f:
            text = f.read()
        assert "it cannot be written to a file: ENOTDIR" in text, text
        assert re.search(r"main\.lua:\d+: in", text) and "crash.so+0x" in text, text
    with Cluster(build, HERE) as c:
        c.dir = c.tmp + "/full"
        os.mkdir(c.dir)
        if os.system(f"mount -t tmpfs -o size=4096,nr_inodes=2 none {c.dir} 2>/dev/null"):
            return
        try:
            with open(c.dir + "/ballast", "wb") as f:
                f.write(bytes(4096))
            with One(build, crash_dir=c.dir) as d:
                assert d.crash("crash", "segv") == -signal.SIGSEGV
                text = open(d.a.log).read()
                assert "it cannot be written to a file: ENOSPC" in text, text
                assert re.search(r"main\.lua:\d+: in", text), text
        finally:
            os.system(f"umount {c.dir}")


def core_dump(build):
    """the default action still happens: a core is dumped"""
    build = os.path.abspath(build)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder) # where cores are written
        dies_with_core(build)
        os.chdir(HERE)


def dies_with_core(build):
    with One(build) as c:
        subprocess.run(["prlimit", f"--pid={c.a.process.pid}", "--core=unlimited"], check=True)
        subprocess.run([c.build + "/harborctl", "--socket", c.a.socket, "call", ".shop", "crash",
                        "segv"], capture_output=True)
        _, status, _ = os.wait4(c.a.process.pid, 0)
        c.a.process.returncode = -signal.SIGSEGV
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV, status
        with open("/proc/sys/kernel/core_pattern") as f:
            if not f.read().startswith("|") and not ASAN:
                assert os.WCOREDUMP(status), status


main([every_way_to_die, other_workers_and_mailboxes, inside_coroutines_and_deep,
      killed_under_load, dump_on_demand, nowhere_to_write, core_dump])
