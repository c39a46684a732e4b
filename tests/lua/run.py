#!/usr/bin/python3
"""Runs one Lua test script as the start service of a real node and passes its TAP lines on.

usage: run.py --build DIR tests/lua/test_x.lua
"""
import argparse, os, subprocess, sys, tempfile

# net.threads of the node; the node has at least as many workers.
LOOPS = int(os.environ.get("HARBORD_TEST_NET_THREADS", "1"))
LIMIT = int(os.environ.get("HARBORD_TEST_LIMIT", "100")) # seconds


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("script")
    a = ap.parse_args()
    folder = os.path.dirname(os.path.abspath(a.script))
    name = os.path.basename(a.script)[:-4]
    with tempfile.TemporaryDirectory() as tmp:
        conf, log = os.path.join(tmp, "node.yaml"), os.path.join(tmp, "node.log")
        with open(conf, "w") as f:
            f.write(f'node: {{ threads: {max(2, LOOPS)} }}\nnet: {{ threads: {LOOPS} }}\n'
                    f'lua: {{ start: {name}, service_path: ["{folder}/?.lua"], path: '
                    f'["{folder}/?.lua"], '
                    f'cpath: ["{os.path.abspath(a.build)}/tests/cmod/?.so"] }}\n'
                    f'log: {{ level: debug, sink: file, file: "{log}", format: plain }}\n'
                    f'env: {{ test_log: "{log}", logpath: "{tmp}" }}\n')
        try:
            env = dict(os.environ,
                       HARBORD_TEST_TSAN="1") if "thread" in a.build or "tsan" in a.build else None
            p = subprocess.run([a.build + "/harbord", conf], capture_output=True, text=True,
                               timeout=LIMIT,
                               errors="replace", stdin=subprocess.DEVNULL, env=env)
            status, out, err = p.returncode, p.stdout, p.stderr
        except subprocess.TimeoutExpired as e:
            status, out, err = "timeout", (e.stdout or b"").decode(errors="replace"), (e.stderr
                    or b"").decode(errors="replace")
        if os.path.exists(log):
            with open(log, errors="replace") as f:
                err = f.read() + err
    print(out, end="")
    bad = status != 0 or "\nnot ok" in "\n" + out or "\n1.." not in "\n" + out
    if bad:
        print(f"# node ended with status {status}\n" + err[-8000:])
    sys.exit(1 if bad else 0)


main()
