#!/usr/bin/python3
"""Nothing reads what is released, and a service without memory is its own affair: real nodes, with
an allocator that fills what is freed with junk (a sanitizer's does more)."""
import json, os, re, subprocess, sys, tempfile, time
from harness import eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(os.environ.get("LIFETIMES_SECONDS", "3"))


class One:
    """A single node in a folder of its own."""

    def __init__(self, build, threads=4):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.socket, self.log = self.tmp + "/n.sock", self.tmp + "/n.log"
        with open(self.tmp + "/n.yaml", "w") as f:
            f.write(f'node: {{ name: n, threads: {threads}, crash_dir: "{self.tmp}/crash" }}\n'
                    f'lua: {{ start: main, service_path: ["{HERE}/?.lua"] }}\n'
                    f'log: {{ level: warning, sink: file, file: "{self.log}" }}\n'
                    f'admin: {{ listen: "unix:{self.socket}" }}\n')
        self.err = open(self.tmp + "/err", "wb")
        self.process = subprocess.Popen([self.build + "/harbord", self.tmp + "/n.yaml"],
                                        stdin=subprocess.DEVNULL,
                                        stdout=self.err, stderr=self.err,
                                        env=dict(os.environ, MALLOC_CONF="junk:true"))
        eventually("the node is ready", lambda: self.ctl("status")["state"] in ("running", "ready"))

    def run(self, *args, limit=120):
        return subprocess.run([self.build + "/harborctl", "--socket", self.socket, "--json", *args],
                              capture_output=True,
                              timeout=limit)

    def ctl(self, *args, limit=120):
        p = self.run(*args, limit=limit)
        if p.returncode:
            raise Failed(f"harborctl {' '.join(args)}: {p.returncode} {p.stdout[:300]!r} "
                         f"{p.stderr.decode(errors='replace')}")
        return json.loads(p.stdout)

    def call(self, *args, limit=120):
        return self.ctl("call", ".lifetimes", *args, limit=limit)["values"]

    def stop(self):
        """A clean end: no signal, and with a sanitizer nothing to say."""
        self.run("stop")
        status = self.process.wait(60)
        if status:
            raise Failed(f"the node ended with status {status}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            for name in ("err", "n.log"):
                if os.path.exists(f"{self.tmp}/{name}"):
                    print(f"# {name}: "
                          f"{open(f'{self.tmp}/{name}', errors='replace').read()[-5000:]!r}")
        subprocess.run(["rm", "-rf", self.tmp])


def listing(build):
    """services, while services come and go: every text is whole; dumps look at them meanwhile"""
    with One(build) as n:
        n.call("churn", "24")
        end, looks, seen = time.monotonic() + SECONDS, 0, 0
        while time.monotonic() < end or seen < 20:
            p = n.run("services")
            if p.returncode:
                raise Failed(f"services: {p.returncode} {p.stderr!r}")
            for s in json.loads(p.stdout.decode("utf-8"))["services"]:
                args = s["service"]
                if not re.fullmatch(r"snlua [ -~]+|logger.*|[a-z]+ ?[ -~]*", args or ""):
                    raise Failed(f"odd arguments: {s!r}")
                if "argument" in args:
                    seen += 1
                    if not re.fullmatch(r"snlua main short argument-\d+-x{200}", args):
                        raise Failed(f"odd arguments: {args!r}")
            n.ctl("dump")
            looks += 1
            if looks > 5000:
                raise Failed("no short service was ever seen")
        n.call("rest")
        n.stop()


def long_mailbox(build):
    """a service with a long mailbox is killed while it runs"""
    with One(build, threads=2) as n:
        # under a sanitizer a million takes longer than harborctl waits for the answer
        n.call("longmailbox", "100000" if "/san-" in n.build else "1000000")
        n.stop()


def memory_fork(build):
    """a service that forks beyond its memory limit gets errors, and can be killed"""
    with One(build, threads=2) as n:
        n.ctl("list") # the service that does this and call is counted
        before = n.ctl("status")["services"]
        n.call("memfork")
        eventually("its limit is reached",
                   lambda: "lua memory error" in open(n.log, errors="replace").read())
        n.call("killforks")
        eventually("it is gone", lambda: n.ctl("status")["services"] == before, 60)
        n.stop()


def memory_wait(build):
    """a request for which there is no coroutine fails at once"""
    with One(build, threads=2) as n:
        why, = n.call("memwait")
        if "not enough memory" not in why:
            raise Failed(f"it failed with {why!r}")
        n.stop()


def storm(build):
    """services are listed, asked, interrupted, killed and aborted while they loop, are full and out
    of memory"""
    if "san-thread" in build:
        return # ThreadSanitizer holds signals back from a loop without calls
    with One(build, threads=6) as n: # three of them may be in a loop
        n.call("storm", "3", os.environ.get("SEED", "1"))
        end, looks = time.monotonic() + SECONDS, 0
        while time.monotonic() < end or looks < 3:
            for words in (["services"], ["status"], ["names"], ["list"]):
                p = n.run(*words)
                if n.process.poll() is not None:
                    raise Failed(f"the node has ended with status {n.process.returncode}")
                if p.returncode == 0:
                    json.loads(p.stdout)
            some = [s["handle"] for s in n.ctl("services")["services"] if "victim" in s["service"]]
            for handle in some[:2]:
                n.run("task", handle) # it may be gone, or busy
            looks += 1
        n.run("call", ".lifetimes", "abort") # the node may be sooner than the answer
        status = n.process.wait(60)
        if status:
            raise Failed(f"the node ended with status {status}")


if __name__ == "__main__":
    main([listing, long_mailbox, memory_fork, memory_wait, storm])
