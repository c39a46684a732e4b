#!/usr/bin/python3
"""Named failures (core/base/faults.def) in real nodes: each is reported, nothing crashes, hangs or
leaks (with a sanitizer build the node's exit status tells), and the node goes on or stops with a
status that says so.

usage: test.py --build DIR      a build with FAULTS=1
"""
import argparse, os, socket, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 30
number = failures = 0


def result(good, name, text=""):
    global number, failures
    number += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    if not good:
        print("\n".join("# " + line for line in text[-6000:].splitlines()), flush=True)


def node(build, faults, threads=2, start="main", notify=None):
    """Runs the program in a node; gives its status (a number, "timeout") and everything it said."""
    with tempfile.TemporaryDirectory() as tmp:
        conf = f"{tmp}/node.yaml"
        with open(conf, "w") as f:
            f.write(f'node: {{ name: t, threads: {threads} }}\n'
                    f'lua: {{ start: {start}, service_path: ["{HERE}/?.lua"] }}\n'
                    f'admin: {{ listen: "unix:{tmp}/t.sock" }}\n'
                    f'log: {{ level: info, format: plain }}\n')
        try:
            p = subprocess.run([build + "/harbord", conf],
                               env=dict(os.environ, HARBORD_FAULTS=faults,
                                        **({"NOTIFY_SOCKET": notify} if notify else {})),
                               text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL,
                               timeout=LIMIT, errors="replace")
            return p.returncode, p.stdout
        except subprocess.TimeoutExpired as e:
            return "timeout", (e.stdout or b"").decode(errors="replace")


def clean(status, text):
    """No signal, no hang, no report of a sanitizer."""
    return status != "timeout" and 0 <= status < 128 and "Sanitizer" not in text \
        and "runtime error" not in text


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    build = os.path.abspath(ap.parse_args().build)

    def goes_on(name, faults, *words, start="main"):
        status, text = node(build, faults, start=start)
        good = clean(status, text) and status == 0 and "rounds\t3" in text and "end\t" in text
        good = good and (not faults or "fault: " in text)
        result(good and all(w in text for w in words), name, f"status {status}\n{text}")

    goes_on("without faults the program runs to its end", "")
    for wrong, word in (("nothere:1", "no fault point 'nothere'"), ("accept", "want NAME:N"),
                        ("accept:0", "want NAME:N"), ("accept:1x", "want NAME:N"),
                        ("accept:every=", "want NAME:N")):
        status, text = node(build, wrong)
        result(status == 64 and word in text, f"HARBORD_FAULTS={wrong} is refused",
               f"status {status}\n{text}")

    goes_on("no descriptor for a connection: it is told and accepted later", "accept:1",
            "Too many open files")
    goes_on("a connection that can not be opened is an answer to the caller", "connect:1",
            "open failed\t1\t")
    goes_on("short writes lose and double nothing", "short_write:every=2")
    for when in ("every=1", "every=2", "5"):
        goes_on("datagrams that wait lose nothing and keep their order",
                "short_write:" + when, "order\ttrue", *["refused\ttrue"] * (when == "every=1"),
                start="udp")
    goes_on("a C service whose library does not load is an error of its launch", "dlopen:every=1",
            "try open nothere failed", "service\tmissing")

    for n in range(1, 5):
        status, text = node(build, f"thread:{n}")
        result(clean(status, text) and status == 71 and "Resource temporarily unavailable" in text,
               f"thread {n} is not created: the node says so and ends", f"status {status}\n{text}")

    status, text = node(build, "log_write:every=1")
    result(clean(status, text) and status == 0 and "rounds\t3" in text
           and "fault: log_write" in text, "a full disk under the log stops nobody",
           f"status {status}\n{text}")

    for n in range(1, 13):
        status, text = node(build, f"epoll_ctl:{n}")
        told = any(w in text for w in ("No space left on device", "read failed", "write failed",
                                       "open failed"))
        done = "rounds\t3" in text or n == 3 # the listener itself: nobody can get in
        result(clean(status, text) and "fault: epoll_ctl" in text
               and (status == 71 and told or status == 0 and done),
               f"epoll_ctl {n} fails: reported, no crash",
               f"status {status}\n{text}")

    raised = 0
    # not about 70: there the launcher has no memory to note that a service is up, and its parent
    # waits
    for n in (1, 2, 3, 5, 20, 40, 55, 100, 120):
        # one: the same allocation each time
        status, text = node(build, f"lua_alloc:{n}+2", threads=1)
        raised += "not enough memory" in text
        result(clean(status, text) and "fault: lua_alloc" in text
               and ("rounds\t3" in text or "not enough memory" in text),
               f"allocation {n} of the Lua states fails: an error, no crash",
               f"status {status}\n{text}")
    result(raised > 0, "a program without memory sees an error")

    # the service manager is told that this is the watchdog's, before the process ends
    with tempfile.TemporaryDirectory() as tmp, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(tmp + "/notify")
        manager.settimeout(10)
        status, text = node(build, "invariant:1", notify=tmp + "/notify")
        manager.settimeout(0)
        heard = []
        try:
            while True:
                heard.append(manager.recv(4096).decode())
        except BlockingIOError:
            pass
        result(status == -6 and "WATCHDOG=trigger" in heard
               and "a broken invariant was asked for" in text,
               "a broken invariant is logged, triggers the watchdog and ends the node",
               f"status {status}\n{heard}\n{text}")
    print(f"1..{number}")
    sys.exit(1 if failures else 0)


main()
