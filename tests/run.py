#!/usr/bin/python3
"""Runs the test groups and ends with the line `N passed, N failed`.

usage: run.py [--build DIR] [--filter TEXT] [GROUP ...]

A group is a list of commands that print TAP (`ok 1 - name`, `not ok 2 - name`, `... # SKIP why`).
Every TAP line counts as one test; a command that ends with a status other than 0 and reported no
failure of its own counts as one failed test. Output is shown only for failures.
"""
import argparse, glob, os, re, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TAP = re.compile(r"^(\s*)(ok|not ok)\b(?:\s+\d+)?(?:\s*-?\s*(.*))?$")
GROUPS = ["layers", "unit", "fuzz", "lua", "cluster", "conformance", "chaos", "checks", "faults",
          "loops", "install", "demo", "browser"]
TIMEOUT = {"unit": 120, "checks": 120, "fuzz": 120, "lua": 180, "cluster": 300, "conformance": 120,
           "chaos": 60, "faults": 120, "loops": 180, "demo": 300, "browser": 300,
           "install": 120, "layers": 240, "systemd": 600, "deb": 1800, "monitoring": 300}
# Not among those that run unless groups are named: they boot hosts (`make check-systemd`,
# `make check-deb`), or have a Prometheus look (`make check-monitoring`).
EXTRA = ["systemd", "deb", "monitoring"]
if os.environ.get("HARBORD_TEST_ROUNDS"): # see tests/systemd/boxes.py
    TIMEOUT["systemd"] = 3600
# Commands of a group that run at the same time: those that mostly wait.
JOBS = {"cluster": 3, "conformance": 2, "systemd": 2}


def commands(group, build):
    """The (name, argv) pairs of a group, in a fixed order."""
    if group == "layers":
        return [("layers", [os.path.join(HERE, "check-layers.sh"), build]),
                ("index", ["/usr/bin/python3", os.path.join(HERE, "check-index.py")]),
                ("doc", ["/usr/bin/python3", f"{HERE}/doc/check.py", "--build", build]),
                ("man", ["/usr/bin/python3", f"{HERE}/man/check.py", "--build", build]),
                ("manifest", ["/usr/bin/python3", f"{HERE}/install/test.py", "--build", build,
                              "--list"]),
                ("style", ["/usr/bin/python3", os.path.join(HERE, "style.py")])]
    if group == "checks": # the unit tests in the FAULTS=1 build, which checks the order of locks
        return [("checks/" + name, argv) for name, argv in commands("unit", build + "/faults")]
    if group == "unit":
        return [(os.path.relpath(f, build), [f])
                for f in sorted(glob.glob(build + "/tests/unit/**/test_*", recursive=True))
                if os.access(f, os.X_OK)
                and os.path.exists(os.path.join(ROOT, os.path.relpath(f, build) + ".c"))]
    if group == "fuzz":
        programs = [("tests/vm/fuzz.py",
                     ["/usr/bin/python3", f"{HERE}/vm/fuzz.py", "--build", build, "--seed", "1",
                                          "--count", "100", "--seconds", "90", "--keep", build])]
        return [(os.path.relpath(f, build), [f, f"{HERE}/fuzz/{os.path.basename(f)[7:]}.in"])
                for f in sorted(glob.glob(build + "/tests/fuzz/replay_*"))
                if os.access(f, os.X_OK)
                and os.path.exists(f"{HERE}/fuzz/fuzz_{os.path.basename(f)[7:]}.c")] + \
               (programs if os.path.exists(build + "/vm/lua-shared") else [])
    if group == "lua":
        return [(os.path.relpath(f, ROOT),
                 ["/usr/bin/python3", f"{HERE}/lua/run.py", "--build", build, f])
                for f in sorted(glob.glob(HERE + "/lua/test_*.lua"))]
    if group == "cluster":
        return [(os.path.relpath(f, ROOT), ["/usr/bin/python3", f, "--build", build])
                for f in sorted(glob.glob(HERE + "/cluster/*/test.py"))]
    if group == "conformance":
        return [(os.path.relpath(f, ROOT), ["/usr/bin/python3", f, "--build", build])
                for f in sorted(glob.glob(HERE + "/conformance/*/test.py"))]
    if group == "chaos": # the checker alone; chaos itself is `make chaos`
        return [("chaos", ["/usr/bin/python3", f"{HERE}/chaos/test_check.py"])]
    if group == "faults": # in a build with FAULTS=1 of their own: `make check-faults`
        return [("faults", ["/usr/bin/python3", f"{HERE}/faults/test.py", "--build",
                            build + "/faults"])]
    if group == "loops": # tests of sockets on a node that has several loops for them
        return [("loops/" + name, ["env", "HARBORD_TEST_NET_THREADS=3", *argv])
                for name, argv in commands("unit", build) + commands("lua", build)
                if re.search("unit/net/|test_(socket|gate|udp)", name)]
    if group == "install":
        return [("install", ["/usr/bin/python3", f"{HERE}/install/test.py", "--build", build])]
    if group == "demo":
        return [("demo", ["/usr/bin/python3", f"{ROOT}/deploy/demo/demo.py", "--build", build])]
    if group == "browser": # skipped where there is no Chromium: `make browser-test`
        return [("browser", ["/usr/bin/python3", f"{HERE}/browser/test.py", "--build", build]),
                ("browser/dashboard", ["/usr/bin/python3", f"{HERE}/browser/dashboard.py",
                                       "--build", build])]
    if group == "systemd":
        return [(os.path.relpath(f, ROOT), ["/usr/bin/python3", f, "--build", build])
                for f in sorted(glob.glob(HERE + "/systemd/*/test.py"))]
    if group == "deb":
        return [(os.path.relpath(f, ROOT), ["/usr/bin/python3", f, "--build", build])
                for f in sorted(glob.glob(HERE + "/deb/*/test.py"))]
    if group == "monitoring": # skipped where there is no Prometheus: `make check-monitoring`
        return [("monitoring", ["/usr/bin/python3", f"{HERE}/monitoring/test.py", "--build",
                                build])]
    raise SystemExit(f"run.py: unknown group {group}; there are {' '.join(GROUPS + EXTRA)}")


def run(group, name, argv):
    """Runs one command; returns (passed, failed, skipped)."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    env.setdefault("ASAN_OPTIONS",
                   "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.setdefault("TSAN_OPTIONS", f"halt_on_error=0:exitcode=66:suppressions={HERE}/tsan.supp")
    reports = tempfile.TemporaryDirectory(prefix="harbor-reports-")
    for tool in "ASAN", "UBSAN", "TSAN": # of nodes that a test kills, too
        if "log_path=" not in env[tool + "_OPTIONS"]:
            env[tool + "_OPTIONS"] += f":log_path={reports.name}/report"
    env["PYTHONPATH"] = os.pathsep.join([HERE + "/cluster", HERE + "/systemd", HERE + "/deb",
                                         env.get("PYTHONPATH", "")])
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        proc = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, env=env,
                                cwd=ROOT, start_new_session=True)
        try:
            status = proc.wait(TIMEOUT[group])
        except subprocess.TimeoutExpired:
            os.killpg(proc.pid, 9)
            proc.wait()
            status = "timeout"
        out.seek(0)
        text = out.read()
    passed = failed = skipped = 0
    with reports:
        for path in sorted(glob.glob(reports.name + "/report*")):
            failed += 1
            with open(path, errors="replace") as f:
                text += f"\n---- {os.path.basename(path)}\n{f.read(12000)}"
    for line in text.splitlines():
        m = TAP.match(line)
        if not m:
            continue
        if "# SKIP" in line: # cmocka says "not ok 1 # SKIP"
            skipped += 1
        elif m[2] == "not ok":
            failed += 1
        else:
            passed += 1
    if status != 0 and not failed:
        failed += 1
    if status == 0 and not passed + failed + skipped:
        passed = 1
    took = time.monotonic() - start
    report = (f"{'FAIL' if failed else 'ok  '} {name} "
              f"({passed} passed, {failed} failed, {took:.1f} s)")
    if failed:
        report += f"\n---- {name}: status {status}\n{text[-12000:]}\n----"
    print(report, flush=True)
    return passed, failed, skipped


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default=ROOT + "/build")
    ap.add_argument("--filter", default="")
    ap.add_argument("groups", nargs="*")
    a = ap.parse_args()
    total = [0, 0, 0]
    for group in a.groups or GROUPS:
        chosen = [(group, name, argv) for name, argv in commands(group, os.path.abspath(a.build))
                  if a.filter in name]
        with ThreadPoolExecutor(JOBS.get(group, 1)) as pool:
            for result in pool.map(lambda c: run(*c), chosen):
                total = [x + y for x, y in zip(total, result)]
    skipped = f", {total[2]} skipped" if total[2] else ""
    print(f"{total[0]} passed, {total[1]} failed{skipped}")
    sys.exit(1 if total[1] or not total[0] else 0)


if __name__ == "__main__":
    main()
