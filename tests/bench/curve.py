#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Curves: how costs grow, and the tail of latency. Prints `curve x y` rows (median, least, most of
the runs).

usage: curve.py BUILD_FOLDER [-n RUNS] [--threads N] [--save] CURVE [X ...]

CURVE is one of births, services, timers, sockets, links, handles, workers, inflight, open; X
replaces the points of its x axis (for open: its cases, CASE@SHARE for another load than half; for
births: quiet, ticking). Each point runs in nodes of its own; with several points the runs are
interleaved, for the machine changes its speed within minutes. A run during which other processes
used the machine is rejected, and said so. --save writes plots/CURVE.dat, from which plots/plot.sh
draws.
"""
import argparse, collections, os, re, resource, signal, socket, statistics, subprocess, sys, \
    tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROW = re.compile(r"(?:XY|BENCH) (\S+) (\S+)(?: (\S+))?")
POINTS = {
    "births": ["quiet", "ticking"],
    "services": [10, 100, 1000, 10000, 100000],
    "timers": [1000, 10000, 100000, 1000000, 5000000],
    "sockets": [100, 400, 2000, 8000, 19800],
    "links": [2, 4, 8, 16, 32],
    "handles": [2000000],
    "workers": [1, 2, 4, 8, 16],
    "inflight": [f"{n} {m}" for n in (16, 64, 256, 1000, 4000, 16000, 64000) 
                 for m in ("generational", "incremental", "generational fresh",
                           "incremental fresh")],
    "open": ["local", "noisy@0.25", "hog@0.25", "remote", "remote_noisy@0.2", "generational",
             "incremental"],
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(build, tmp, name, script, args, threads, cluster=None):
    """One node; cluster = (harbor id, master's port) or None. Gives its process."""
    lua = ", ".join(f'"{HERE}/{d}/?.lua"' for d in ("curves", "cases"))
    harbor = cluster[0] if cluster else 0
    lines = [f"node: {{ name: {name}, threads: {threads}, harbor: {harbor} }}",
             f'lua: {{ start: {script}, args: "{args}", service_path: [{lua}], path: [{lua}], '
             f'service_cpath: ["{tmp}/?.so"] }}',
             f'admin: {{ listen: "unix:{tmp}/{name}.sock" }}', "log: { level: error }"]
    if cluster:
        lines.append(f"cluster: {{ name: bench, listen: 127.0.0.1:0, master: "
                     f"[127.0.0.1:{cluster[1]}] }}")
        if cluster[0] == 1:
            lines.append(f"master: {{ listen: 127.0.0.1:{cluster[1]}, state_dir: {tmp} }}")
    with open(f"{tmp}/{name}.yaml", "w") as f:
        f.write("\n".join(lines) + "\n")
    return subprocess.Popen([f"{build}/harbord", f"{tmp}/{name}.yaml"], stdout=subprocess.PIPE,
                            stderr=sys.stderr,
                            stdin=subprocess.DEVNULL, text=True)


def busy():
    """CPU seconds that the machine has spent on anything, and those that our children have."""
    t = [int(w) for w in open("/proc/stat").readline().split()[1:]]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (sum(t[:3]) + sum(t[5:8])) / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def run(build, curve, x, threads, limit):
    """[(curve, x, y)] of one run; raises when the case failed or did not end in time."""
    others, rows, done = [], [], False
    with tempfile.TemporaryDirectory() as tmp:
        if curve == "handles":
            subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-I", f"{HERE}/../..",
                            f"{HERE}/curves/cell.c", "-o",
                            f"{tmp}/cell.so"], check=True)
        script, args, cluster, nodes = curve, str(x), None, 1
        if curve == "links":
            nodes = x
        elif curve == "open":
            case, _, share = x.partition("@")
            args, nodes = f"{case} 3 {share or 0.5}", 2 if case.startswith("remote") else 1
        elif curve == "workers":
            script, args, threads = "b_workers", "", x
        try:
            if nodes > 1:
                cluster = (1, free_port())
            main = start(build, tmp, "n1", script, args, threads, cluster)
            for i in range(2, nodes + 1):
                others.append(start(build, tmp, f"n{i}", "links_peer", f"PEER{i}", threads,
                                    (i, cluster[1])))
            clock = threading.Timer(limit, main.kill)
            clock.start()
            for line in main.stdout:
                found = ROW.match(line)
                if line.startswith("XY_DONE"):
                    done = True
                    break
                if not found:
                    raise RuntimeError(f"{curve} {x}: {line.strip()}")
                name, a, b = found.groups()
                rows.append((name, float(a), float(b)) if line.startswith("XY")
                            else (name, float(x), float(a)))
        finally:
            clock.cancel()
            for p in [main, *others]:
                p.kill()
            for p in [main, *others]:
                p.wait()
                p.stdout.close()
    if not done:
        raise RuntimeError(f"{curve} {x}: no result within {limit} s; so far {rows}")
    return rows


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("curve", choices=POINTS)
    ap.add_argument("points", nargs="*")
    ap.add_argument("-n", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--limit", type=int, default=115)
    ap.add_argument("--foreign", type=float, default=0.15,
                    help="CPUs that others may use during a run")
    ap.add_argument("--save", action="store_true")
    a = ap.parse_intermixed_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    points = a.points if a.curve in ("open", "births", "inflight") else [int(p) for p in a.points]
    seen, failed, rejected = collections.OrderedDict(), False, 0
    for _ in range(a.n):
        for x in points or POINTS[a.curve]:
            try:
                all0, own0, t0 = *busy(), time.monotonic()
                rows = run(os.path.abspath(a.build), a.curve, x, a.threads, a.limit)
                all1, own1, wall = *busy(), time.monotonic() - t0
                foreign = (all1 - all0 - own1 + own0) / wall
                if foreign > a.foreign:
                    rejected += 1
                    sys.stderr.write(f"{a.curve} {x}: rejected, others used {foreign:.2f} CPUs "
                                     f"meanwhile\n")
                    continue
                for name, at, y in rows:
                    seen.setdefault(name, collections.OrderedDict()).setdefault(at, []).append(y)
            except RuntimeError as e:
                failed = True
                sys.stderr.write(f"{e}\n")
    text = f"# {a.curve}: x, median, least, most; {a.n} runs, {a.threads} workers; " \
           f"{rejected} runs rejected\n"
    for name, at in seen.items():
        text += f'\n\n"{name}"\n' + "".join(f"{x:.9g} {statistics.median(y):.6g} {min(y):.6g} "
                                            f"{max(y):.6g}\n"
                                            for x, y in sorted(at.items()))
    print(text, end="")
    if a.save:
        with open(f"{HERE}/plots/{a.curve}.dat", "w") as f:
            f.write(text)
    sys.exit(failed or rejected > 0)


if __name__ == "__main__":
    main()
