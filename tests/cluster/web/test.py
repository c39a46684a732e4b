#!/usr/bin/python3
"""The node by HTTP (web.listen): /healthz, /readyz, /metrics, beside what harborctl says;
`harborctl calls`; clients that are many, silent or wrong; figures that never go back."""
import http.client, json, os, re, socket, subprocess, threading, time
from harness import Cluster, eventually, free_port, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = re.compile(r'^([a-z_:]+)(?:\{(.*)\})? ([0-9.e+-]+|NaN|[+-]Inf)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def node(c, name, harbor, web="127.0.0.1:0", **kw):
    n = c.node(name, harbor, start_now=False, **kw)
    if web:
        with open(n.config, "a") as f:
            f.write(f'web: {{ listen: "{web}" }}\n')
    return n.start()


def port(n):
    """The port at which the node answers, as its log says."""
    def find():
        with open(n.log, errors="replace") as f:
            return int(re.findall(r"answers HTTP at 127\.0\.0\.1:(\d+)$", f.read(), re.M)[-1])
    return eventually(f"{n.name} answers HTTP", find)


def get(n, path, method="GET", limit=10):
    """(status, header, body)"""
    c = http.client.HTTPConnection("127.0.0.1", port(n), timeout=limit)
    try:
        c.request(method, path)
        r = c.getresponse()
        return r.status, r.headers, r.read().decode()
    finally:
        c.close()


def metrics(n):
    """{(name, frozenset of labels): value}; each family has HELP and TYPE before its samples, and
    no sample comes twice."""
    status, header, body = get(n, "/metrics")
    assert status == 200 and header["content-type"].startswith("text/plain; version=0.0.4"), header
    found, kinds, family = {}, {}, None
    for line in body.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in kinds and len(line.split()) > 3, line
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family, line
            kinds[family] = line.split()[3]
        else:
            m = SAMPLE.match(line)
            assert m, line
            name = m[1]
            if kinds[family] == "histogram":
                assert name in (family + "_bucket", family + "_sum", family + "_count"), line
            else:
                assert name == family, line
            assert (kinds[family] == "counter") == family.endswith("_total"), line
            key = name, frozenset(LABEL.findall(m[2] or ""))
            assert key not in found, line
            found[key] = float(m[3])
    return found


def value(found, name, **labels):
    return found[name, frozenset(labels.items())]


def ready_and_not(build):
    """/readyz: 503 with the reason while the start service is not up, while the node drains, and
    200 otherwise; /healthz is 200 all the time"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="SLOW")
        assert get(m, "/readyz")[0::2] == (503, "starting\n"), get(m, "/readyz")
        assert get(m, "/healthz")[0::2] == (200, "ok\n")
        assert value(metrics(m), "harbord_ready") == 0
        m.ctl("call", ".shop", "go")
        eventually("m is ready", lambda: get(m, "/readyz")[0::2] == (200, "ok\n"))
        a = node(c, "a", 2, args="ALPHA").ready()
        eventually("a is ready", lambda: get(a, "/readyz")[0] == 200)
        a.ctl("drain", "a")
        eventually("a is not ready: it drains",
                   lambda: get(a, "/readyz")[0] == 503 and
                   get(a, "/readyz")[2].startswith("drain"))
        assert value(metrics(a), "harbord_draining") == 1
        assert get(m, "/readyz")[0] == 200 and get(a, "/healthz")[0] == 200
        a.ctl("drain", "a", "--undo")
        eventually("a is ready again", lambda: get(a, "/readyz")[0] == 200)
        m.kill() # a node without a master goes on
        eventually("a has lost the master", lambda: value(metrics(a), "harbord_joined") == 0)
        assert get(a, "/readyz")[0] == 200, get(a, "/readyz")
        assert value(metrics(a), "harbord_link_up", peer="m", peer_id="1") == 0


def stuck(build):
    """/healthz: 503 and which service, while one of two workers does not come back, although the
    other one answers"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        assert get(m, "/healthz")[0] == 200
        shop = [s["handle"] for s in m.ctl("services")["services"] if s["name"] == ".shop"][0]
        asker = threading.Thread(target=lambda: subprocess.run(
            [c.build + "/harborctl", "--socket", m.socket, "call", ".shop", "loop_for", "8"],
            capture_output=True))
        asker.start()
        status, _, why = eventually("a worker is stuck",
                                    lambda: (lambda r: r[0] == 503 and r)(get(m, "/healthz")))
        assert re.fullmatch(rf"worker \d has been in one message of service {shop} main "
                            r"for [5-9] s\n", why), why
        eventually("it is counted", lambda: value(metrics(m), "harbord_workers_stuck") == 1, 2)
        eventually("it is back", lambda: get(m, "/healthz")[0] == 200)
        eventually("none is stuck", lambda: value(metrics(m), "harbord_workers_stuck") == 0, 2)
        assert value(metrics(m), "harbord_endless_loops_total") == 1, metrics(m)
        asker.join()


def same_numbers(build):
    """/metrics and harborctl say the same of services, links and calls; harborctl calls: who calls
    whom on this node and on others, errors, time-outs, those that have died"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        a = node(c, "a", 2, args="ALPHA").ready()
        clerk = m.call(".shop", "hire")[0]
        far = a.call(".shop", "hire")[0]
        number = lambda handle: str(int(handle[1:], 16))
        assert m.call(".shop", "ask", number(clerk), "300", "work") == [300]
        assert m.call(".shop", "ask", number(far), "40", "work") == [40]
        assert m.call(".shop", "ask", "ALPHASHOP", "7", "rest", "1") == [7]
        assert m.call(".shop", "ask_wrong", number(clerk), "3") == [3]
        assert m.call(".shop", "late", number(clerk)) == [False]
        m.call(".shop", "season", "5", "2")
        gone = int(clerk[1:], 16) + 1 # the first of the season
        assert m.call(".shop", "ask_wrong", str(gone), "2") == [2]

        def calls(*args):
            return {(r["caller"], r["callee"]): r for r in m.ctl("calls", *args)["calls"]}

        rows = calls()
        near = rows["main", "clerk"]
        # 300, 3 that fail, 1 that is late, 10 of the season; a call into the void was none. In a
        # burst a call that is measured may stand for others, of another callee as well.
        assert near["errors"] == 4 and 240 <= near["calls"] <= 314, near
        made = sum(r["calls"] for (caller, _), r in rows.items() if caller == "main")
        assert 314 + 47 + 6 - 63 <= made <= 314 + 47 + 6, rows
        assert near["p50_seconds"] <= near["p99_seconds"] <= near["max_seconds"], near
        assert 0.05 <= near["max_seconds"] < 5 and near["p50_seconds"] < 0.05, near
        assert near["mean_seconds"] < near["max_seconds"], near
        over = rows["main", "node a (harbor 2)"]
        assert over["errors"] == 0 and 40 <= over["calls"] <= 110, over
        assert over["max_seconds"] >= 0.01, over
        assert rows["main", "launcher"]["calls"] >= 1, rows
        assert set(calls("clerk")) == {("main", "clerk")}
        assert set(calls(".launcher")) == {p for p in rows if "launcher" in p}
        assert calls("nobody") == {}

        def same():
            found = metrics(m)
            rows = calls()
            for (caller, callee), row in rows.items():
                labels = dict(caller=caller, callee=callee)
                for name, figure in (("latency_seconds_count", "calls"),
                                     ("errors_total", "errors")):
                    assert value(found, "harbord_call_" + name, **labels) == row[figure], row
            clerks = [s for s in m.ctl("services")["services"] if "clerk" in s["service"]]
            assert value(found, "harbord_services", service="clerk") == len(clerks) == 1
            assert value(found, "harbord_service_launches_total", service="clerk") == 6
            assert value(found, "harbord_service_errors_total", service="clerk") == 3
            assert value(found, "harbord_service_memory_bytes", service="clerk") > 1000
            # 5 of the season: started, 2 things, left
            assert value(found, "harbord_service_messages_total", service="clerk") >= \
                clerks[0]["messages"] + 5 * 3, clerks
            n = [n for n in m.ctl("nodes")["nodes"] if n["name"] == "a"][0]
            link = dict(peer="a", peer_id="2")
            assert value(found, "harbord_link_up", **link) == 1
            for name, figure in (("messages_sent_total", "messages_sent"),
                                 ("messages_received_total", "messages_received")):
                assert value(found, "harbord_link_" + name, **link) == n[figure] >= 47, n
            assert value(found, "harbord_link_frames_sent_total", **link) >= 47
            for name in "sent_bytes", "received_bytes":
                assert value(found, f"harbord_link_{name}_total", **link) == n[name] > 47 * 20, n
            assert 0 < value(found, "harbord_link_rtt_seconds", **link) < 5
            return True
        eventually("both say the same", same)


LINK = {"messages_sent_total": "messages_sent", "messages_received_total": "messages_received",
        "sent_bytes_total": "sent_bytes", "received_bytes_total": "received_bytes",
        "frames_resent_total": "frames_resent", "messages_dropped_total": "messages_dropped",
        "messages_lost_total": "messages_lost", "queued_bytes": "queued_bytes",
        "unacknowledged_bytes": "unacknowledged_bytes"}
SERVICE = {"_messages_total": "messages", "_cpu_seconds_total": "cpu_seconds",
           "_messages_refused_total": "messages_refused", "_mailbox_messages": "mailbox_messages",
           "_memory_bytes": "memory_bytes"}


def told(m):
    """What harborctl says, as /metrics calls it: of links, and of the titles that only living
    services have had."""
    found = {}
    for n in m.ctl("nodes")["nodes"]:
        labels = frozenset({"peer": n["name"], "peer_id": str(n["harbor"])}.items())
        if n["state"] != "self":
            found["harbord_link_up", labels] = float(n["state"] == "up")
            found.update({("harbord_link_" + metric, labels): float(n[figure])
                          for metric, figure in LINK.items()})
    for title in "main", "clerk", "datacenterd", "service_mgr":
        rows = [s for s in m.ctl("services")["services"] if s["service"].split()[1:2] == [title]]
        labels = frozenset({"service": title}.items())
        found["harbord_services", labels] = float(len(rows))
        found.update({("harbord_service" + metric, labels): sum(float(s[figure]) for s in rows)
                      for metric, figure in SERVICE.items()})
    return found


def every_figure(build):
    """each figure of links and services that both have is the same in /metrics and harborctl: under
    load what only grows is between two looks, at rest all are equal"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        a = node(c, "a", 2, args="ALPHA").ready()
        near, far = (str(int(n.call(".shop", "hire")[0][1:], 16)) for n in (m, a))
        m.call(".shop", "ask", near, "10", "work")
        stop = threading.Event()

        def load():
            while not stop.is_set():
                for who in near, far:
                    m.call(".shop", "ask", who, "2000", "work", limit=60)
        loader = threading.Thread(target=load)
        loader.start()
        try:
            for _ in range(5):
                time.sleep(0.25) # /metrics is made anew when it is 0.2 s old
                before, found, after = told(m), metrics(m), told(m)
                grows = [k for k in before if k[0].endswith("_total")]
                assert len(grows) == 4 * 3 + 7, grows
                for key in grows:
                    assert before[key] - 1e-6 <= found[key] <= after[key] + 1e-6, \
                        (key, before[key], found[key], after[key])
        finally:
            stop.set()
            loader.join()
        work = found["harbord_service_messages_total", frozenset({"service": "clerk"}.items())]
        assert work > 1000, "there was no load"

        def same():
            now, found = told(m), metrics(m)
            wrong = {k: (v, found[k]) for k, v in now.items() if abs(v - found[k]) > 1e-5}
            if wrong:
                raise Failed(f"not the same: {wrong}")
            return len(now) == 4 * 6 + 10
        eventually("all are the same", same)


def histograms_are_histograms(build):
    """The buckets of each pair of callers grow, and end with the count"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        clerk = m.call(".shop", "hire")[0]
        m.call(".shop", "ask", str(int(clerk[1:], 16)), "20000", "work")
        found = metrics(m)
        buckets = sorted((float(dict(labels)["le"]), v) for (name, labels), v in found.items()
                         if name == "harbord_call_latency_seconds_bucket"
                         and dict(labels)["callee"] == "clerk")
        assert len(buckets) == 31 and buckets[-1][0] == float("inf"), buckets
        assert [v for _, v in buckets] == sorted(v for _, v in buckets), buckets
        count = value(found, "harbord_call_latency_seconds_count", caller="main", callee="clerk")
        assert 20000 - 63 <= count == buckets[-1][1] <= 20000, count
        assert value(found, "harbord_call_latency_seconds_sum", caller="main", callee="clerk") > 0


def nothing_goes_back(build):
    """What only grows never goes back while services die, and ends with what was done"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        asker = subprocess.Popen([c.build + "/harborctl", "--socket", m.socket, "call", ".shop",
                                  "season", "1500", "3"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        last, looks = {}, 0
        while asker.poll() is None:
            now = metrics(m)
            for key, v in now.items():
                if key[0].endswith("_total"):
                    assert v >= last.get(key, 0), (key, v, last[key])
            last, looks = now, looks + 1
        assert looks > 3, looks
        clerks = lambda what: value(metrics(m), "harbord_service" + what, service="clerk")
        eventually("all are gone", lambda: clerks("s") == 0 and
                   clerks("_launches_total") == 1500)
        # the start, three requests, and the word to leave; each as often as in one that lives
        hired = m.call(".shop", "hire")[0]
        m.call(".shop", "ask", str(int(hired[1:], 16)), "3", "work")
        one = [s["messages"] for s in m.ctl("services")["services"] if s["handle"] == hired][0]
        eventually("all are counted",
                   lambda: clerks("_messages_total") == 1500 * (one + 1) + one)


def wrong_requests(build):
    """Only GET and HEAD of three paths are answered; a request that is none, too large or has a
    body ends its connection"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        at = port(m)
        for method in "POST", "PUT", "DELETE", "OPTIONS":
            status, header, _ = get(m, "/metrics", method)
            assert status == 405 and header["allow"] == "GET, HEAD", (method, status)
        for path in "/nothing", "/metrics/", "/../etc/passwd", "/%2e%2e/", "//metrics":
            assert get(m, path)[0] == 404, path
        status, header, body = get(m, "/metrics", "HEAD")
        assert status == 200 and body == "" and int(header["content-length"]) > 1000
        assert get(m, "/readyz?verbose=1")[0] == 200

        def raw(data):
            with socket.create_connection(("127.0.0.1", at), 10) as s:
                s.settimeout(10)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    got = b""
                    while True:
                        more = s.recv(65536)
                        if not more:
                            return got
                        got += more
                except ConnectionError:
                    return b""
        assert raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello") \
            .startswith(b"HTTP/1.1 413"), "a body"
        # a reset may overtake the answer
        assert raw(b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 100000)[:12] in (b"", b"HTTP/1.1 413")
        assert raw(b"\0\1\2\3\r\n\r\n") == b""
        two = raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        assert two.count(b"HTTP/1.1 200 OK") == 2, two
        assert get(m, "/healthz")[0] == 200


def what_the_page_asks(build):
    """The page and its files; /api/COMMAND is what harborctl shows, of each node; what is no
    command, no node or no address is refused, and nothing can be changed"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        a = node(c, "a", 2, args="ALPHA").ready()
        eventually("a is known", lambda: len(m.ctl("nodes")["nodes"]) == 2)
        for path, kind in ("/", "html"), ("/harbor.js", "javascript"), ("/harbor.css", "css"):
            status, header, body = get(m, path)
            assert status == 200 and header["content-type"].startswith("text/" + kind), path
            assert "default-src 'none'" in header["content-security-policy"] and len(body) > 500
        api = lambda path: (lambda r: (r[0], json.loads(r[2])))(get(m, "/api/" + path))
        for name in "names", "groups":
            eventually(f"both say the same {name}, of which some still come",
                       lambda: api(name) == (200, m.ctl(name)))
        assert api("status")[1]["node"] == "m" and api("status?node=1")[1]["node"] == "m"
        assert api("status?node=2")[1]["node"] == "a"
        assert {s["handle"][:3] for s in api("services?node=2")[1]["services"]} == {":02"}
        shop = [s["handle"] for s in a.ctl("services")["services"] if s["name"] == ".shop"][0]
        status, why = api(f"why?node=2&argument={shop}")
        assert status == 200 and why["handle"] == shop, why
        assert api("why?argument=%3Affffffff")[0] == 422
        for path in ("stop", "call", "inject", "log", "drain", "dump", "Status", ""):
            assert get(m, "/api/" + path)[0] == 404, path
        for path in ("why", "why?argument=", "why?argument=a%20b", "why?argument=a%0ab",
                     "status?argument=x", "status?node=256", "status?node=-1"):
            assert get(m, "/api/" + path)[0] == 400, path
        assert get(m, "/api/status?node=77")[0] in (422, 504)
        assert api("status")[0] == 200 and m.process.poll() is None


def crowds(build):
    """A hundred silent connections: whoever asks is answered, and the oldest of them end"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, master=True, args="MAIN").ready()
        at = port(m)
        crowd = [socket.create_connection(("127.0.0.1", at), 10) for _ in range(100)]
        try:
            for _ in range(5):
                assert get(m, "/healthz")[0] == 200
            crowd[0].settimeout(10)
            assert crowd[0].recv(1) == b"", "the first one has ended"
            crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            crowd[-1].settimeout(10)
            assert crowd[-1].recv(12) == b"HTTP/1.1 200", "the last one has not"
        finally:
            for s in crowd:
                s.close()


def addresses(build):
    """No web.listen: nothing listens; IPv6"""
    with Cluster(build, HERE) as c:
        m = node(c, "m", 1, web=None, master=True, args="MAIN").ready()
        assert not any("harborweb" in s["service"] for s in m.ctl("services")["services"])
        b = node(c, "b", 3, web="[::1]:0", args="BETA").ready()
        with open(b.log) as f:
            at = int(re.search(r"answers HTTP at \[::1\]:(\d+)$", f.read(), re.M)[1])
        h = http.client.HTTPConnection("::1", at, timeout=10)
        h.request("GET", "/readyz")
        assert h.getresponse().status == 200


main([ready_and_not, stuck, same_numbers, every_figure, histograms_are_histograms,
      nothing_goes_back, wrong_requests, what_the_page_asks, crowds, addresses])
