#!/usr/bin/python3
"""deploy/monitoring and /metrics under the eyes of Prometheus: promtool checks what a node says,
the configuration, the rules and their tests; a Prometheus scrapes three nodes, and says what
harborctl says. Each figure that a rule or the dashboard asks for is there.

Needs the package prometheus of Debian, which `make check-monitoring` installs and `make check` does
not.
"""
import http.client, json, os, re, shutil, signal, subprocess, sys, time, urllib.parse
from harness import Cluster, eventually, free_port, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "../../deploy/monitoring")
LUA = os.path.join(HERE, "../cluster/web")


def promtool(*args, stdin=None):
    p = subprocess.run(["promtool", *args], input=stdin, capture_output=True, text=True, timeout=60,
                       cwd=FILES)
    assert p.returncode == 0, p.stdout + p.stderr
    return p.stdout + p.stderr


def web(c, name, harbor, **kw):
    n = c.node(name, harbor, start_now=False, **kw)
    n.web = free_port()
    with open(n.config, "a") as f:
        f.write(f'web: {{ listen: "127.0.0.1:{n.web}" }}\n')
    return n.start()


def get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        c.request("GET", path)
        r = c.getresponse()
        body = r.read().decode()
        if r.status != 200:
            raise Failed(f"{path}: {r.status} {body}")
        return body
    finally:
        c.close()


def three(build):
    """Three nodes that have called each other."""
    c = Cluster(build, LUA)
    c.m = web(c, "m", 1, master=True, args="MAIN")
    c.a = web(c, "a", 2, args="ALPHA")
    c.b = web(c, "b", 3, args="BETA")
    for n in c.nodes:
        n.ready()
    for n in c.nodes:
        eventually(f"{n.name} sees three nodes",
                   lambda: sum(x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]) == 3)
    clerk = str(int(c.m.call(".shop", "hire")[0][1:], 16))
    for n in c.nodes:
        n.call(".shop", "ask", clerk, "50", "work")
        n.call(".shop", "ask_wrong", clerk, "2")
    return c


def figures_are_well_formed(build):
    """promtool check metrics has nothing to say about what a node answers"""
    with three(build) as c:
        for n in c.nodes:
            assert promtool("check", "metrics", stdin=get(n.web, "/metrics")).strip() == ""


def rules_are_right(build):
    """promtool check config, check rules, test rules"""
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


def each_alert_is_tested(build):
    """Each alert has a case in which it comes, and one in which it does not"""
    with open(FILES + "/alerts.yml") as f:
        alerts = set(re.findall(r"alert: (\w+)", f.read()))
    with open(FILES + "/alerts_test.yml") as f:
        text = f.read()
    comes = set(re.findall(r"alertname: (\w+).*\n +exp_alerts:\n +- exp_labels", text))
    quiet = set(re.findall(r"alertname: (\w+) }", text))
    assert len(alerts) > 10 and comes == quiet == alerts, (alerts ^ comes, alerts ^ quiet)


def what_is_asked_for_is_there(build):
    """Each figure of the rules and of the dashboard is one that a node has"""
    with open(FILES + "/alerts.yml") as f:
        asked = re.findall(r"^ +expr: (.*(?:\n {10,}.*)*)", f.read(), re.M)
    with open(FILES + "/dashboard.json") as f:
        dashboard = json.load(f)
    asked += [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]
    names = set(re.findall(r"\b(?:harbord|process)_[a-z0-9_]+", " ".join(asked)))
    assert len(asked) > 40 and len(names) > 20, (asked, names)
    if not os.environ.get("SECURE"): # a cluster without a key has none that could be old
        names.discard("harbord_secret_changed_timestamp_seconds")
    names.discard("harbord_certificate_expires_timestamp_seconds") # see cluster/secure_links
    with three(build) as c:
        there = lambda: set(re.findall(r"^([a-z0-9_]+)", get(c.m.web, "/metrics"), re.M))
        try: # a round trip is shown when it was measured
            eventually("all are there", lambda: names <= there())
        except Failed:
            raise Failed(f"not there: {names - there()}")
    assert len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"])


class Prometheus:
    def __init__(self, c):
        self.port, self.folder = free_port(), c.tmp + "/prometheus"
        os.mkdir(self.folder)
        with open(FILES + "/prometheus.yml") as f:
            text = f.read()
        targets = ", ".join(f'"127.0.0.1:{n.web}"' for n in c.nodes)
        text = text.replace("15s", "1s").replace('"127.0.0.1:9464"', targets) \
            .replace("alerts.yml", FILES + "/alerts.yml")
        assert targets in text, text
        with open(self.folder + "/prometheus.yml", "w") as f:
            f.write(text)
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml",
                 f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)

    def ask(self, path, **query):
        answer = json.loads(get(self.port, f"/api/v1/{path}?" + urllib.parse.urlencode(query)))
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, query):
        """The one value of a query."""
        result = self.ask("query", query=query)["result"]
        if len(result) != 1:
            raise Failed(f"{query}: {result}")
        return float(result[0]["value"][1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def prometheus_says_what_harborctl_says(build):
    """A Prometheus scrapes three nodes: it has harborctl's numbers, and sees one die"""
    with three(build) as c, Prometheus(c) as p:
        eventually("three nodes are scraped", lambda: p.value('sum(up{job="harbord"})') == 3, 60)
        at = lambda n: f'instance="127.0.0.1:{n.web}"'

        def is_at(query, wanted):
            if p.value(query) != wanted:
                raise Failed(f"{query} is {p.value(query)}, and not {wanted}")

        def same():
            for n in c.nodes:
                for row in n.ctl("calls")["calls"]:
                    pair = f'{at(n)},caller="{row["caller"]}",callee="{row["callee"]}"'
                    is_at(f"harbord_call_latency_seconds_count{{{pair}}}", row["calls"])
                    is_at(f"harbord_call_errors_total{{{pair}}}", row["errors"])
                for peer in n.ctl("nodes")["nodes"]:
                    if peer["state"] == "self":
                        continue
                    link = f'{at(n)},peer="{peer["name"]}"'
                    for figure in "messages_sent", "messages_received", "messages_dropped":
                        is_at(f"harbord_link_{figure}_total{{{link}}}", peer[figure])
                mains = [s for s in n.ctl("services")["services"]
                         if re.match("snlua main( |$)", s["service"])]
                is_at(f'harbord_services{{{at(n)},service="main"}}', len(mains))
            return True
        eventually("Prometheus says what harborctl says", same, 60)
        assert p.value("sum(harbord_master)") == 1
        assert p.value("min(harbord_link_up)") == 1
        quantile = p.value('histogram_quantile(0.99, sum by (le) '
                           '(harbord_call_latency_seconds_bucket{callee="clerk"}))')
        assert 0 < quantile < 5, quantile
        c.b.kill()
        eventually("it sees that one is gone",
                   lambda: p.value(f"up{{{at(c.b)}}}") == 0 and
                   p.value(f'harbord_link_up{{{at(c.a)},peer="b"}}') == 0, 60)
        eventually("the alerts are pending",
                   lambda: {a["labels"]["alertname"] for a in p.ask("alerts")["alerts"]} >=
                   {"HarbordNodeDown", "HarbordClusterIncomplete"}, 60)


tests = [figures_are_well_formed, rules_are_right, each_alert_is_tested,
         what_is_asked_for_is_there, prometheus_says_what_harborctl_says]
if shutil.which("prometheus") and shutil.which("promtool"):
    main(tests)
for i, test in enumerate(tests, 1):
    print(f"ok {i} - {test.__doc__.splitlines()[0]} # SKIP no prometheus (make check-monitoring)")
print(f"1..{len(tests)}")
