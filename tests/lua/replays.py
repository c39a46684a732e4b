#!/usr/bin/python3
"""Records the service of each test of this folder while it runs, and replays it: is it the same?

usage: replays.py --build DIR [test_x ...]

What a test does with files, pipes and programs by io is not covered by a recording, so tests that
do that are left out. TAP; by hand (make replays), for it takes some minutes.
"""
import argparse, glob, json, os, re, shutil, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/cluster")
from harness import Failed, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BY_IO = re.compile(r"\bio\.(open|popen|lines)|require \"(python|\w+_server)\"")
# Launches the test that is named, and reads the log for it: so what it reads comes by a message.
STARTER = """
local skynet = require "skynet"
local command = {}
function command.launch(name) skynet.fork(skynet.newservice, name) end
function command.read(name)
	local f <close> = assert(io.open(name))
	return f:read "a"
end
require "skynet.manager"
skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...) skynet.retpack(command[what](...)) end)
	skynet.register ".starter"
end)
"""


def write(name, text):
    with open(name, "w") as f:
        f.write(text)


class Node:
    def __init__(self, build, tmp):
        self.build, self.tmp, self.config = build, tmp, tmp + "/n.yaml"
        with open(HERE + "/tap.lua") as f:
            tap = f.read()
        assert "skynet.abort()" in tap
        tap = tap.replace("skynet.abort()", "skynet.exit()")
        tap, n = re.subn(r"function tap\.log\(\)\n.*?\nend\n", "function tap.log() return "
                         'skynet.call(".starter", "lua", "read", skynet.getenv "test_log") end\n',
                         tap, flags=re.S)
        assert n == 1
        write(tmp + "/tap.lua", tap)
        write(tmp + "/starter.lua", STARTER)
        places = f'["{tmp}/?.lua", "{HERE}/?.lua"]'
        write(self.config,
              f'node: {{ threads: 2 }}\n'
              f'lua: {{ start: starter, service_path: {places}, path: {places}, '
              f'cpath: ["{build}/tests/cmod/?.so"] }}\nadmin: {{ listen: "unix:{tmp}/s" }}\n'
              f'log: {{ level: debug, sink: file, file: "{tmp}/n.log", format: plain }}\n'
              f'env: {{ test_log: "{tmp}/n.log", logpath: "{tmp}" }}\n')
        self.out = open(tmp + "/out", "w")
        self.process = subprocess.Popen([build + "/harbord", self.config], stdout=self.out,
                                        stderr=self.out, stdin=subprocess.DEVNULL, cwd=ROOT)

    def ctl(self, *args):
        p = subprocess.run([self.build + "/harborctl", "--socket", self.tmp + "/s", "--json",
                            *args], capture_output=True, text=True, timeout=60)
        return json.loads(p.stdout) if p.returncode == 0 else None

    def record(self, name):
        """Runs the test; returns why its recording ended, or None: the test ended the node."""
        eventually("the node is up", lambda: self.ctl("status"))
        assert self.ctl("record", "--limit", "400", "--next", self.tmp + "/tape", name)
        assert self.ctl("call", ".starter", "launch", name) is not None
        end = time.monotonic() + 180
        while self.process.poll() is None:
            said = self.ctl("record")
            if said and said["recordings"][-1]["state"] == "off":
                return said["recordings"][-1]["why"]
            assert time.monotonic() < end, "the test does not end"
            time.sleep(0.05)
        assert self.process.returncode == 0, f"the node ended with {self.process.returncode}"
        return None

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.out.close()


def try_one(build, name):
    """What went wrong, or None."""
    tmp = tempfile.mkdtemp(prefix="harbor-test-")
    try:
        node = Node(build, tmp)
        try:
            why = node.record(name)
        finally:
            node.end()
        if why not in ("the service has ended", None):
            return f"the recording ended: {why}"
        p = subprocess.run([build + "/harbord", "--replay", tmp + "/tape", node.config],
                           capture_output=True, text=True, errors="replace", timeout=300, cwd=ROOT,
                           stdin=subprocess.DEVNULL)
        if p.returncode:
            return f"status {p.returncode}: {p.stdout[-300:]}{p.stderr[-2000:]}"
        return None
    except (AssertionError, Failed, subprocess.TimeoutExpired) as e:
        return str(e)
    finally:
        shutil.rmtree(tmp)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("tests", nargs="*")
    a = ap.parse_args()
    bad = n = 0
    for name in a.tests or sorted(os.path.basename(f)[:-4]
                                  for f in glob.glob(HERE + "/test_*.lua")):
        n += 1
        with open(f"{HERE}/{name}.lua") as f:
            if BY_IO.search(f.read()):
                print(f"ok {n} - {name} # SKIP it uses io, which a recording does not cover")
                continue
        wrong = try_one(os.path.abspath(a.build), name)
        bad += wrong is not None
        print(f"{'not ' if wrong else ''}ok {n} - the replay of {name} is the same", flush=True)
        if wrong:
            print("# " + wrong.replace("\n", "\n# "), flush=True)
    print(f"1..{n}")
    sys.exit(1 if bad else 0)


main()
