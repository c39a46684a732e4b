#!/usr/bin/python3
"""deploy/QUESTIONS.md: every command that is named there is asked on a real cluster, and its answer
contains what the question asks for."""
import os, re, socket, subprocess, urllib.request
from harness import Cluster, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))

# What the answer must contain, by the question's number: patterns, over several lines.
ANSWERS = {
    1: [r"^node +m$", r"^state +running$", r"^healthy +yes$"],
    2: [r"^ +1 +m +127\.0\.0\.1:\d+ +self", r"^ +2 +a +127\.0\.0\.1:\d+ +up"],
    3: [r"rtt_seconds", r"queued_bytes +unacknowledged_bytes", r"frames_resent", r"messages_lost"],
    4: [r"^role +master$", r"^leader +m$", r"^registry +embedded$"],
    5: [r"^revision +\d+$", r"^ +2 +a +127", r"^global +ASHOP +:02", r"fence$"],
    6: [r"^ASHOP +:02[0-9a-f]{6} .*global +\d+m\d\ds +\d+$", r"^\.shop +:01"],
    7: [r"^NOBODY +:01"],
    8: [r"^guild +:01[0-9a-f]{6}"],
    9: [r"^a +\d[\d.]* .*snlua main A flood$", r"^node +interval_seconds"],
    10: [r"^node .*\n(m +.*\n)\nnode .*\nm .*snlua main M hoard$"],
    11: [r"memory_bytes_per_second", r"snlua main M"],
    12: [r"\n\nnode .*\na .*snlua main A flood$"],
    13: [r"mailbox_messages", r"snlua main A"],
    14: [r"^caller +callee +calls", r"p99_seconds"],
    15: [r"^state +answers$", r"main\.lua", r"sleep"],
    16: [r"main\.lua.* \d+$"],
    17: [r"^trace +on$"],
    18: [r"queued_bytes", r"tcp +open +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+"],
    19: [r"listen +open +127\.0\.0\.1:\d+ .* \.shop +snlua main M$", r"tcp +open"],
    20: [r"^ +1000 +.*snlua main M waits$", r"^timers +next_seconds +longest_seconds"],
    21: [r"^node\.name +m +\S+/m\.yaml:1:\d+", r"^cluster\.queue_max +512MiB +default",
         r"^env\.db_password +\(hidden\)"],
    22: [r"^node\.threads +2 +\S+m\.yaml:1:\d+ +3 +\S+other\.yaml:1:\d+ +restart$"],
    23: [r"^state +reloaded$", r"config_hash"],
    24: [r"^[\d-]+ [\d:.]+ m node_joined: master: node a joins as harbor 2 at 127\.0\.0\.1:\d+$",
         r"^\S+ \S+ a cluster_joined: ", r"^\S+ \S+ a link_up: harbor: link to node m .* is up$",
         r"^\S+ \S+ m name_changed: global name ASHOP is :02[0-9a-f]{6}$",
         r"^\S+ \S+ m config_applied: reload: done$"],
    25: [r"^\S+ \S+ m .*ready: harbor 1", r"^\S+ \S+ a .*ready: harbor 2"],
    26: [r"^m .* running +\d+ ", r"^a .* running +\d+ ", r"\.sock"],
    27: [r"^state +serving$", r"^services_left +\d+$"],
    28: [r"^encrypted +yes$", r"^proof +key \S+$", r"^connections_refused +0$",
         r"^handshakes_failed +0$"],
    29: [r"^file +(/\S+/state/m-\S+\.dump)$"],
    30: [r"^killed +\.mad$", r"^service +snlua main M mad$"],
}


def rows():
    with open(ROOT + "/deploy/QUESTIONS.md", encoding="utf-8") as f:
        found = re.findall(r"^\| (\d+) \| (.*?) \| `harborctl (.*?)` \| `(.*?)` \| (.*?) "
                           r"\| (.*?) \|$", f.read(), re.M)
    return [(int(n), *row) for n, *row in found]


def helped(build):
    return subprocess.run([build + "/harborctl", "--help"], capture_output=True, text=True).stdout


def town(build):
    os.environ["SECURE"] = "1"
    c = Cluster(build, os.path.dirname(HERE) + "/operator")
    del os.environ["SECURE"]
    c.m = c.node("m", 1, master=True, args="M", start_now=False)
    c.web = free_port()
    with open(c.m.config) as f: # who waits for a name still does when that is asked
        text = f.read().replace("name_wait: 300ms", "name_wait: 10min")
    with open(c.m.config, "w") as f:
        f.write(text + f"env: {{ db_password: hush }}\nweb: {{ listen: 127.0.0.1:{c.web} }}\n")
    c.m.start()
    c.a = c.node("a", 2, args="A")
    for n in c.nodes:
        n.ready()
        eventually(f"{n.name} sees both", lambda: sum(
            x["state"] in ("up", "self") for x in n.ctl("nodes")["nodes"]) == 2)
    return c


def live(c):
    """Something for each question."""
    flood = c.a.call(".shop", "child", "flood")[0]
    c.a.ctl("send", flood, "lua", "flood", "100")
    hoard, waits, mad, busy = [c.m.call(".shop", "child", what)[0]
                               for what in ("hoard", "waits", "mad", "busy")]
    c.m.ctl("send", busy, "lua", "name", ".busy")
    c.m.ctl("send", busy, "lua", "burn")
    c.m.ctl("call", hoard, "hoard", "16")
    c.m.ctl("send", waits, "lua", "wait", "1000", "60000")
    c.m.ctl("send", mad, "lua", "name", ".mad")
    c.m.ctl("send", ".shop", "lua", "sleep", "6000")
    c.m.ctl("send", ".shop", "lua", "join", "guild")
    c.m.ctl("call", "ASHOP", "echo", "x")
    c.port = c.m.call(".shop", "listen")[1]
    with open(c.m.config) as f, open(c.tmp + "/other.yaml", "w") as other:
        other.write(f.read().replace("threads: 2", "threads: 3"))
    eventually("all of it is there", lambda: c.m.ctl("groups")["members"]
               and any(n["name"] == ".mad" for n in c.m.ctl("names")["names"]))


def asked(build, c, command):
    words = command.replace("FILE", c.tmp + "/other.yaml").split()
    where = [] if words[0] == "local" else ["--socket", c.m.socket]
    p = subprocess.run([build + "/harborctl", *where, *words], capture_output=True, text=True,
                       timeout=60)
    assert p.returncode == 0, (command, p)
    return p.stdout


def waiting(build, c, command):
    """What is told while somebody waits, who does not wait for long."""
    c.m.ctl("send", ".shop", "lua", "ask", "NOBODY")
    out = asked(build, c, command)
    return "NOBODY" in out and out


def dumped(c, path):
    """The file of the black box tells what each worker was at, links, and the last log lines.
    Whether a service runs just then is not for us to say: cluster/crashes dumps a busy one."""
    with open(path, errors="replace") as f:
        text = f.read()
    for pattern in (r"\bworker 1\b", r"^links\n  2 a up", r"ready: harbor 1", r"snlua main M"):
        assert re.search(pattern, text, re.M), (pattern, text)


def each_question_has_an_answer(build):
    """all commands of deploy/QUESTIONS.md answer what is asked"""
    table = rows()
    assert [r[0] for r in table] == list(range(1, 31)), table
    with town(build) as c:
        live(c)
        with socket.create_connection(("127.0.0.1", c.port)) as s:
            s.sendall(b"x")
            eventually("it is seen", lambda: any(
                r["received_bytes"] for r in c.m.ctl("sockets", "--owner", ".shop")["sockets"]))
            for n, question, command, *_ in table:
                out = eventually("somebody waits", lambda: waiting(build, c, command)) \
                    if command == "names --waiting" else asked(build, c, command)
                for pattern in ANSWERS[n]:
                    assert re.search(pattern, out, re.M), (n, question, command, pattern, out)
                if command == "dump":
                    dumped(c, re.search(ANSWERS[n][0], out, re.M)[1])
            with urllib.request.urlopen(f"http://127.0.0.1:{c.web}/metrics", timeout=20) as f:
                metrics = f.read().decode()
            for n, question, _, metric, *_ in table:
                assert re.search(rf"^{metric}(_bucket|_count)?[ {{]", metrics, re.M), (n, metric)


def each_page_is_there(build):
    """the parts of the page and what is to be read are there, a question without a part has a
    reason, and the manual pages have the commands"""
    said = helped(build)
    with open(ROOT + "/lua/service/web/index.html", encoding="utf-8") as f:
        parts = {x.strip() for x in re.findall(r"<h2>([^<]*)", f.read())}
    assert len(parts) >= 8, parts
    for n, _, command, _, page, reading in rows():
        assert page in parts or re.fullmatch(r"-: \w.{20,}", page), (n, page, parts)
        link = re.search(r"\((\.\./[^)]*)\)", reading)
        if link:
            assert os.path.exists(os.path.join(ROOT, "deploy", link[1])), (n, reading)
        else:
            name = re.fullmatch(r"([\w.]+)\((\d)\)", reading)
            assert os.path.exists(f"{build}/man/{name[1]}.{name[2]}"), (n, reading)
        assert re.search(rf"^  {command.split()[0]}\b", said, re.M), (n, command)


if __name__ == "__main__":
    main([each_question_has_an_answer, each_page_is_there])
