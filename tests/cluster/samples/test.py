#!/usr/bin/python3
"""The samples of conf/ run as they are, from the source tree, and leave nothing in it. In a network
namespace of their own, because they use the default ports."""
import json, os, shutil, subprocess, tempfile
from harness import Failed, eventually, main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ALONE = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def tree():
    """Every file and folder of the source tree, without what git and make put there."""
    return {os.path.join(at, name) for at, folders,
            names in os.walk(ROOT) if "/build" not in at and "/.git" not in at
            for name in folders + names}


class Samples:
    """Starts samples in one network namespace; the first one makes it."""

    def __init__(self, build):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.processes = []
        self.env = {k: v for k, v in os.environ.items()
                    if k not in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY")}
        self.env["XDG_RUNTIME_DIR"] = self.tmp

    def start(self, name, **env):
        net = ALONE if not self.processes else ["nsenter", "--net", "--target",
                                                str(self.processes[0].pid)]
        log = open(f"{self.tmp}/{len(self.processes)}.log", "wb")
        p = subprocess.Popen([*net, self.build + "/harbord", f"conf/{name}.yaml"], cwd=ROOT,
                             env=dict(self.env, **env),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(p)
        return p

    def ctl(self, node, *words):
        p = subprocess.run([self.build + "/harborctl", "--node", node, "--json", *words],
                           env=self.env, capture_output=True,
                           text=True, timeout=20)
        if p.returncode:
            raise Failed(f"{words}: {p.returncode} {p.stderr}{p.stdout}")
        return json.loads(p.stdout)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        if kind:
            for i in range(len(self.processes)):
                print(f"# {open(f'{self.tmp}/{i}.log').read()!r}")
        shutil.rmtree(self.tmp)


def they_run_and_leave_nothing(build):
    """conf/single.yaml alone; conf/master.yaml and two of conf/member.yaml as one cluster; the tree
    stays as it was"""
    before = tree()
    with Samples(build) as s:
        single = s.start("single")
        eventually("the single node answers",
                   lambda: s.ctl("single", "call", "GREETER", "hello",
                                 "you")["values"] == ["hello you, this is single"])
        assert single.poll() is None
    with Samples(build) as s:
        s.start("master")
        eventually("the master is up", lambda: s.ctl("master", "status")["state"] == "running")
        s.start("member")
        s.start("member", NODE="game-2")
        for node in ("game-1", "game-2"):
            eventually(f"{node} reaches the greeter",
                       lambda: s.ctl(node, "call", "GREETER", "hello")["values"] ==
                       ["hello stranger, this is master"])
        for p in reversed(s.processes):
            p.terminate()
            assert p.wait(20) == 0, p.args
    assert tree() == before, tree() ^ before


if __name__ == "__main__":
    if os.geteuid():
        print("ok 1 - the samples of conf/ # SKIP making a network namespace needs root\n1..1")
    else:
        main([they_run_and_leave_nothing])
