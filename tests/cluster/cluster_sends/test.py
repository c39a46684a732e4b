#!/usr/bin/python3
"""skynet.cluster: what is sent to a node that is frozen and dies, or that is not there, is counted
by node, in status and metrics, and told in a line a second."""
import os, re, signal, urllib.request
from harness import Cluster, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
SENDS = 100000


def pair(build):
    c = Cluster(build, HERE)
    ports = free_port(), free_port()
    c.web = free_port()
    c.a, c.b = [c.node(name, 0, start_now=False, args="%d %d" % p)
                for name, p in (("a", ports), ("b", ports[::-1]))]
    for n in c.nodes:
        with open(n.config) as f:
            text = "".join(line for line in f if not line.startswith("cluster:"))
        with open(n.config, "w") as f:
            f.write(text.replace(", harbor: 0", ""))
            if n is c.a:
                f.write(f"web: {{ listen: 127.0.0.1:{c.web} }}\n")
        n.start().ready()
    return c


def peer(n):
    rows = n.ctl("status").get("cluster_peers", [])
    assert len(rows) <= 1, rows
    return rows[0] if rows else None


def metrics(c):
    with urllib.request.urlopen(f"http://127.0.0.1:{c.web}/metrics", timeout=20) as f:
        found = re.findall(r'^harbord_cluster_sends_(\w+)_total\{peer="there"\} (\d+)$',
                           f.read().decode(), re.M)
    return {name: int(value) for name, value in found}


def lines(n):
    with open(n.log, errors="replace") as f:
        return [x for x in f if "cluster send to [there] failed: " in x]


def a_frozen_node_that_dies(build):
    """100,000 sends to a frozen node that is killed: those that it did not get are counted"""
    with pair(build) as c:
        assert c.a.call(".main", "flood", "10", "64") == [10]
        eventually("ten have come", lambda: c.a.call(".main", "ask") == [True, 10])
        assert peer(c.a) is None and metrics(c) == {}
        c.b.signal(signal.SIGSTOP)
        assert c.a.call(".main", "flood", str(SENDS), "200", limit=60) == [SENDS]
        eventually("all are written", lambda: not any(
            x["mailbox_messages"] for x in c.a.ctl("services")["services"]
            if "clustersender" in x["service"]), 60)
        c.b.kill()
        lost = eventually("they are counted", lambda: peer(c.a), 60)
        assert lost["peer"] == "there" and lost["cluster_sends_dropped"] == 0, lost
        # what the system of the other had taken is not known to be lost; whether the ten came is
        # looked at five times a second, and so may not be known
        assert SENDS * 0.5 < lost["cluster_sends_lost"] <= SENDS + 10, lost
        eventually("the metrics have them", # a page is made at most so often
                   lambda: metrics(c) == {"dropped": 0, "lost": lost["cluster_sends_lost"]})
        said, = [x for x in c.a.ctl("status")["warnings"] if "skynet.cluster" in x]
        assert said.startswith(f"{lost['cluster_sends_lost']} sends of skynet.cluster to node "
                               "there did not arrive"), said
        assert len(lines(c.a)) == 1 and f"{lost['cluster_sends_lost']} that may not" in \
            lines(c.a)[0] and " warning " in lines(c.a)[0], lines(c.a)


def nobody_there(build):
    """sends to a node that is not there: each is counted, the log has a few lines"""
    with pair(build) as c:
        c.b.kill()
        assert c.a.call(".main", "flood", "2000", "10", limit=60) == [2000]
        eventually("all are counted", lambda: peer(c.a)["cluster_sends_dropped"] == 2000, 60)
        eventually("the last line has them all",
                   lambda: "; 2000 dropped and 0 that" in lines(c.a)[-1])
        assert "refused" in lines(c.a)[0] and len(lines(c.a)) < 60, len(lines(c.a))
        c.b.start().ready()
        eventually("it goes on", lambda: c.a.call(".main", "ask")[0] is True)
        c.a.call(".main", "flood", "10", "10")
        eventually("they have come", lambda: c.a.call(".main", "ask") == [True, 10])
        assert peer(c.a)["cluster_sends_lost"] == 0, peer(c.a)


def a_file_that_is_not_there(build):
    """env.cluster: an error names the file, and where a relative path begins"""
    for path, said in (("no/such.lua", "no/such.lua: No such file or directory: a relative path "
                        "begins where the node was started"),
                       ("/no/such.lua", "env.cluster: /no/such.lua: No such file or directory")):
        with Cluster(build, HERE) as c:
            n = c.node("n", 0, start_now=False, args="%d %d" % (free_port(), free_port()))
            with open(n.config) as f:
                text = "".join(line for line in f if not line.startswith("cluster:"))
            with open(n.config, "w") as f:
                f.write(text.replace(", harbor: 0", "") + f"env: {{ cluster: {path} }}\n")
            n.start()
            eventually("it says so", lambda: n.logged(said))


if __name__ == "__main__":
    main([a_frozen_node_that_dies, nobody_there, a_file_that_is_not_there])
