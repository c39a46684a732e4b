#!/usr/bin/python3
"""Runs the benchmark cases and says how each figure stands.

usage: run.py NODE_BINARY [-n RUNS] [--threads N] [--net-threads N] [--yardstick] [--record]
              [CASE ...]

A case is an ordinary service script of cases/; the node runs it as its start service. The figure is
the median of the runs. The machine changes its speed within minutes, so a run is all cases and the
yardstick once, and then again. A figure counts as a ratio: to the peer's fastest setting on its own
day (table below), and with --yardstick to what Erlang and a program that does nothing else
(yardstick/) reach in the same sitting (medians as well). "Before" is the last sitting in
RESULTS.md. --record appends the sitting to RESULTS.md.
"""
import argparse, collections, datetime, os, re, secrets, shutil, signal, socket, statistics
import subprocess, sys, tempfile, time

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "cases")
LINE = re.compile(r"BENCH (\S+) (\S+) (\S+)")

# figure: (peer's fastest, target ratio); "<": less is better
FIGURES = {
    "call.sequential": (391511, 5), "call.concurrent": (349952, 4.2),
    "send.one_to_one": (743439, 4.7),
    "send.pairs16": (708929, 5.5), "ring.hops": (390468, 3.8), "payload.table100": (4765, 1.55),
    "payload.blob64k": (2309, 1.55), "payload.pack_unpack": (9610, 1.55), "spawn.rate": (2650, 5.6),
    "spawn.kib_per_service": (55.0, 0.36, "<"), "spawn.idle_cpu": (1.0, 0, "<"),
    "spawn.exit_rate": (18404, 3.3),
    "timer.arm": (223930, 6), "timer.cpu_per_timer": (8040, 0.15, "<"),
    "timer.error_mean": (1.3, 0.08, "<"),
    "echo.round_trips": (37779, 2.2), "echo.p99": (4819, 0.5, "<"), "echo.bulk": (1750, 1.5),
    "harbor.sequential": (19711, 1.7), "harbor.p99": (122, 0.45, "<"),
    "harbor.concurrent": (66983, 3.9),
    "harbor.send": (276969, 4.5), "harbor.blob64k": (1215, 2.1), "boot.rss": (15.3, 0.4, "<"),
    "agent.start_rate": (1432, 2), "agent.kib": (94.6, 0.9, "<"),
    "agent.kib_used": (97.9, 0.95, "<"),
    "agent.exit_rate": (7551, 1.5), "share.read": (77338000, 1), "share.walk": (17734000, 1),
    "share.sharedata_read": (4518000, 1.5), "share.kib_per_user": (2.2, 1, "<"),
    "gc.calls": (51519, 1.2), "gc.p9999": (12881, 0.3, "<"), "gate.round_trips": (27578, 3),
    "gate.p99": (6572, 0.4, "<"),
    "gate.broadcast": (87001, 2.5), "multicast.deliveries": (139660, 6),
    "sproto.encode": (14189, 1.5),
    "sproto.decode": (4919, 1.5), "cluster.sequential": (9778, 2.2),
    "cluster.concurrent": (17877, 2.5),
    "http.requests": (5812, 3), "http.p99": (10209, 0.4, "<"), "http.bulk": (751, 2),
    "ws.round_trips": (1130, 40), "ws.p99": (92596, 0.05, "<"), "ws.bulk": (722, 2),
    "crypt.sha1": (309379, 3), "crypt.hmac_sha1": (300508, 2), "crypt.hmac64": (4482230, 1),
    "crypt.base64": (254877, 3), "crypt.hex": (316433, 3), "crypt.des": (37743, 1),
    "crypt.dhexchange": (181659, 1), "crypt.md5": (143100, 2),
    "redis.sequential": (16694, 1.3), "redis.concurrent": (42373, 2.5),
    "redis.pipeline": (324287, 2),
    "udp.round_trips": (42877, 2),
}
# figure: what bounds or calibrates it, as the yardstick names it
ANCHORS = {
    "call.sequential": "erl.call.sequential", "call.concurrent": "erl.call.concurrent",
    "harbor.sequential": "tcp.loopback_rtt", "harbor.p50": "limit.rtt.p50",
    "harbor.p99": "limit.rtt.p99", "harbor.concurrent": "erl.dist.concurrent",
    "harbor.blob64k": "tcp.loopback_stream",
    "echo.round_trips": "limit.echo.round_trips", "echo.p50": "limit.echo.p50",
    "echo.p99": "limit.echo.p99", "echo.bulk": "limit.echo.bulk",
    "timer.error_mean": "limit.timer.error_mean",
    "udp.round_trips": "limit.udp.round_trips",
    "pgsql.sequential": "pgbench.sequential", "pgsql.concurrent": "limit.pgsql.concurrent",
}


net_threads = 1 # of the nodes


# The same with encrypted links: its figures are called harbor_tls.
TLS = "b_harbor_tls"


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def key_file(tmp):
    path = os.path.join(tmp, "key")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(f"harbor-key-1 bench {secrets.token_hex(32)}\n")
    return path


def config(tmp, name, start, threads, harbor=None):
    # not at all if it is 1: the binary may be older than the key
    lines = [f"net: {{ threads: {net_threads} }}" if net_threads > 1 else "",
             f"node: {{ name: {name}, threads: {threads}, harbor: {harbor[0] if harbor else 0} }}",
             f'lua: {{ start: {start}, service_path: ["{CASES}/?.lua"], path: ["{CASES}/?.lua"] }}',
             f'admin: {{ listen: "unix:{tmp}/{name}.sock" }}',
             "log: { level: warning }"]
    if harbor:
        _, listen, master, is_master, extra = harbor
        lines.append(f"cluster: {{ name: bench, listen: {listen}, master: [{master}]{extra} }}")
        if is_master:
            lines.append(f"master: {{ listen: {master}, state_dir: {tmp} }}")
    path = os.path.join(tmp, name + ".yaml")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


# case: the server that it needs, and the package that brings it
SERVERS = {"b_redis": (servers.redis, "redis-tools"), "b_pgsql": (servers.pgsql, "postgresql-15")}


def run_case(node, case, threads, timeout):
    with tempfile.TemporaryDirectory() as tmp:
        other, master = None, free_address()
        if case in ("b_harbor", TLS):
            extra = f", key_file: {key_file(tmp)}" if case == TLS else ""
            first = config(tmp, "one", "b_harbor_server", threads,
                           (1, free_address(), master, True, extra))
            conf = config(tmp, "two", "b_harbor", threads,
                          (2, free_address(), master, False, extra))
            other = subprocess.Popen([node, first], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            time.sleep(0.5)
        else:
            conf = config(tmp, "one", case, threads)
        if case in SERVERS:
            other = SERVERS[case][0](tmp)
            if not other:
                sys.stderr.write(f"{case}: needs the package {SERVERS[case][1]}\n")
                return {}
        try:
            done = subprocess.run([node, conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=timeout)
            beside = servers.pgsql_yardstick(tmp) if case == "b_pgsql" else {}
        finally:
            if other:
                if case in SERVERS:
                    other.send_signal(signal.SIGINT)
                try:
                    other.wait(3)
                except subprocess.TimeoutExpired:
                    other.kill()
                    other.wait()
        found = {m[0]: (float(m[1]), m[2]) for m in LINE.findall(done.stdout)}
        if case == TLS:
            found = {k.replace("harbor.", "harbor_tls."): v for k, v in found.items()}
        if "BENCH_ERROR" in done.stdout or not found:
            sys.stderr.write(f"{case}: no result\n{done.stdout[-1000:]}{done.stderr[-1000:]}\n")
        return found | beside


def yardstick():
    """{name: value} of what this machine does at this hour."""
    text, y = "", os.path.join(HERE, "yardstick")
    with tempfile.TemporaryDirectory() as tmp:
        for name in ("limits", "limit_echo", "limit_rtt", "limit_sleep", "limit_udp"):
            subprocess.run(["cc", "-O2", "-pthread", f"{y}/{name}.c", "-o", f"{tmp}/{name}"],
                           check=True)
            text += subprocess.run([f"{tmp}/{name}"], capture_output=True, text=True).stdout
        if shutil.which("erlc"):
            subprocess.run(["erlc", "-o", tmp, f"{y}/bench.erl"], check=True)
            text += subprocess.run(["erl", "-noshell", "-pa", tmp, "-s", "bench", "main", "-s",
                                    "init", "stop"],
                                   capture_output=True, text=True).stdout
            dist = ["-setcookie", "bench", "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                    "-pa", tmp, "-noshell"]
            a = subprocess.Popen(["erl", "-name", "a@127.0.0.1", *dist, "-eval", "bench:serve()"],
                                 stdin=subprocess.DEVNULL)
            time.sleep(1.5)
            try:
                text += subprocess.run(["erl", "-name", "b@127.0.0.1", *dist, "-eval",
                                        "bench:remote('a@127.0.0.1'), init:stop()"],
                                       capture_output=True, text=True, timeout=60).stdout
                a.wait(10)
            finally:
                a.kill()
                a.wait()
    return text


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "?")
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release}"


def commit():
    p = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True,
                       text=True)
    return p.stdout.strip() or "?"


def number(v):
    return f"{v:,.0f}" if v >= 1000 else f"{v:.3g}"


def last_sitting():
    """{figure: its text} of the last section of RESULTS.md"""
    try:
        with open(f"{HERE}/RESULTS.md") as f:
            last = f.read().split("\n## ")[-1]
    except OSError:
        return {}
    rows = [[c.strip() for c in line.split("|")] for line in last.splitlines()
            if line.startswith("| ")]
    return {r[1]: r[2] for r in rows if len(r) > 3 and "." in r[1]}


def table(figures, anchors, before):
    """figures: {name: ([value of each run], unit)}"""
    rows = ["| figure | median | least to most | unit | before | to the peer | target | met | "
            "anchor of the sitting | to it |",
            "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- | --- | ---: |"]
    for name, (values, unit) in figures.items():
        value = statistics.median(values)
        known, anchor = FIGURES.get(name), ANCHORS.get(name)
        ratio = goal = met = ""
        if known:
            less = len(known) > 2
            ratio, goal = f"x {value / known[0]:.2f}", f"{'at most ' if less else ''}x {known[1]}"
            met = "yes" if (value <= known[0] * known[1] + 1e-9 if less
                            else value >= known[0] * known[1]) else "no"
        beside = anchors.get(anchor)
        rows.append(f"| {name} | {number(value)} | {number(min(values))} to {number(max(values))} "
                    f"| {unit} | "
                    f"{before.get(name, '')} | {ratio} | {goal} | {met} | "
                    + (f"{anchor} {number(beside)} | x {value / beside:.2f} |" if beside
                       else " | |"))
    return "\n".join(rows)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("node")
    ap.add_argument("cases", nargs="*")
    ap.add_argument("-n", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--net-threads", type=int, default=1)
    ap.add_argument("--timeout", type=int, default=120)
    ap.add_argument("--yardstick", action="store_true")
    ap.add_argument("--record", action="store_true")
    a = ap.parse_intermixed_args()
    global net_threads
    net_threads = a.net_threads
    anchors, seen, unit = {}, collections.OrderedDict(), {}
    cases = a.cases or sorted(f[:-4] for f in os.listdir(CASES) if f.startswith("b_")
                              and f != "b_harbor_server.lua") + [TLS]
    for i in range(a.n):
        for line in (yardstick() if a.yardstick else "").splitlines():
            words = line.replace(",", "").split()
            name = next((w for w in words if re.match(r"[a-z_]+[.][a-z0-9_.]+$", w)), None)
            value = next((w for w in words if re.match(r"[0-9.e+]+$", w)), None)
            if name and value:
                anchors.setdefault(name, []).append(float(value))
        for case in cases:
            for k, (v, u) in run_case(os.path.abspath(a.node), case, a.threads, a.timeout).items():
                if k.startswith(("limit.", "pgbench.")):
                    anchors.setdefault(k, []).append(v)
                    continue
                seen.setdefault(k, []).append(v)
                unit[k] = u
        sys.stderr.write(f"run {i + 1} of {a.n} done\n")
    for name, values in anchors.items():
        print(f"{name:32} {number(statistics.median(values)):>14}   {number(min(values))} to "
              f"{number(max(values))}")
    result = table({k: (v, unit[k]) for k, v in seen.items()},
                   {k: statistics.median(v) for k, v in anchors.items()}, last_sitting())
    print(result)
    if a.record:
        with open(f"{HERE}/RESULTS.md", "a") as f:
            f.write(f"\n## {datetime.date.today()}, {commit()}\n\n{machine()}; {a.n} runs, "
                    f"{a.threads} workers\n\n{result}\n")


main()
