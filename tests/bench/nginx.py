#!/usr/bin/python3
"""http.httpd beside nginx with Debian's Lua module: the same answers, as many workers, asked by wrk
over connections that stay, in turn.

usage: nginx.py NODE_BINARY [-n ROUNDS] [--seconds S] [--threads N] [--record]

Prints the medians; --record puts them into RESULTS.md. Needs the packages nginx,
libnginx-mod-http-lua and wrk, and says so where one is missing.
"""
import argparse, datetime, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "cases")
MODULES = "/usr/lib/nginx/modules"
SIZES = (128, 16384)
CONNECTIONS = 64
TICK = 1 / os.sysconf("SC_CLK_TCK")
HEADING = "## Beside nginx"

NGINX = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
worker_processes {threads};
daemon off;
pid {tmp}/pid;
error_log {tmp}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {tmp}/body;
  proxy_temp_path {tmp}/proxy;
  fastcgi_temp_path {tmp}/fastcgi;
  uwsgi_temp_path {tmp}/uwsgi;
  scgi_temp_path {tmp}/scgi;
  init_by_lua_block {{
    bodies = {{}}
    for _, size in ipairs {{ {sizes} }} do bodies["/" .. size] = ("a"):rep(size) end
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      default_type text/plain;
      content_by_lua_block {{
        local body = bodies[ngx.var.uri]
        ngx.header["content-length"] = #body
        ngx.print(body)
      }}
    }}
  }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_node(binary, tmp, threads):
    path = os.path.join(tmp, "node.yaml")
    with open(path, "w") as f:
        f.write(f"node: {{ threads: {threads} }}\n"
                f'lua: {{ start: web, service_path: ["{CASES}/?.lua"] }}\n'
                f'admin: {{ listen: "unix:{tmp}/node.sock" }}\n'
                f'env: {{ thread: "{threads}" }}\n'
                'log: { level: warning }\n')
    server = subprocess.Popen([binary, path], stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        if line.startswith("PORT "):
            return server, int(line[5:])
    raise SystemExit("the node did not start")


def start_nginx(tmp, threads):
    path, port = os.path.join(tmp, "nginx.conf"), free_port()
    with open(path, "w") as f:
        f.write(NGINX.format(modules=MODULES, threads=threads, tmp=tmp, port=port,
                             sizes=", ".join(map(str, SIZES))))
    server = subprocess.Popen(["nginx", "-p", tmp, "-c", path], stderr=subprocess.DEVNULL)
    for _ in range(500):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.01)
    raise SystemExit("nginx did not start")


def processes(pid):
    """It and its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [pid, *map(int, f.read().split())]


def cpu(pid):
    """Seconds of processor time, user and system, of a server so far."""
    ticks = 0
    for p in processes(pid):
        with open(f"/proc/{p}/stat") as f:
            words = f.read().rsplit(")", 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return ticks * TICK


UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def ask(server, port, size, seconds):
    """requests a second, the 99th percentile in us, us of processor time a request"""
    before = cpu(server.pid)
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency",
                          f"http://127.0.0.1:{port}/{size}"], capture_output=True, text=True,
                         timeout=seconds + 30).stdout
    spent = cpu(server.pid) - before
    bad = re.search(r"Non-2xx.*|Socket errors.*", out)
    if bad:
        sys.stderr.write(f"port {port}, {size} bytes: {bad[0]}\n")
    count = int(re.search(r"(\d+) requests in", out)[1])
    rate = float(re.search(r"Requests/sec:\s*([0-9.]+)", out)[1])
    p99 = re.search(r"99%\s+([0-9.]+)([a-z]+)", out)
    return rate, float(p99[1]) * UNITS[p99[2]], spent / count * 1e6


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "?")
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release}"


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.3g}"


def table(seen):
    rows = ["| figure | unit | here | nginx | here to nginx | least to most of the rounds |",
            "| --- | --- | ---: | ---: | ---: | --- |"]
    for size in SIZES:
        for i, (name, unit) in enumerate((("requests", "req/s"), ("p99", "us"),
                                          ("processor time", "us a request"))):
            ours, theirs = ([r[i] for r in seen[who, size]] for who in ("here", "nginx"))
            ratios = [a / b for a, b in zip(ours, theirs)]
            rows.append(f"| {name}, {size} bytes | {unit} | {number(statistics.median(ours))} | "
                        f"{number(statistics.median(theirs))} | "
                        f"x {statistics.median(ratios):.2f} | "
                        f"x {min(ratios):.2f} to x {max(ratios):.2f} |")
    return "\n".join(rows)


def record(text):
    """Replaces the section, which stands before those of the sittings."""
    path = os.path.join(HERE, "RESULTS.md")
    with open(path) as f:
        parts = re.split(r"(?m)^(?=## )", f.read())
    parts = [p for p in parts if not p.startswith(HEADING)]
    parts.insert(1, text + "\n\n")
    with open(path, "w") as f:
        f.write("".join(parts))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("node")
    ap.add_argument("-n", type=int, default=5)
    ap.add_argument("--seconds", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--record", action="store_true")
    a = ap.parse_args()
    missing = [p for p, there in (("nginx", shutil.which("nginx")), ("wrk", shutil.which("wrk")), (
        "libnginx-mod-http-lua", os.path.exists(f"{MODULES}/ngx_http_lua_module.so"))) if not there]
    if missing:
        raise SystemExit(f"nginx.py needs the packages {', '.join(missing)}")
    seen, servers = {}, {}
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        try:
            servers["here"] = start_node(os.path.abspath(a.node), tmp, a.threads)
            servers["nginx"] = start_nginx(tmp, a.threads)
            for i in range(a.n):
                for size in SIZES:
                    for who, (server, port) in servers.items():
                        seen.setdefault((who, size), []).append(ask(server, port, size, a.seconds))
                sys.stderr.write(f"round {i + 1} of {a.n} done\n")
        finally:
            for server, _ in servers.values():
                server.terminate()
                server.wait(10)
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
    text = (f"{HEADING}\n\n{datetime.date.today()}, {machine()}; {version.split(': ')[-1]} with "
            f"its Lua\nmodule, {a.threads} workers each, {CONNECTIONS} connections that stay, "
            f"medians of {a.n} rounds of {a.seconds} s\nin turn (nginx.py):\n\n{table(seen)}")
    print(text)
    if a.record:
        record(text)


main()
