#!/usr/bin/python3
"""Two nodes of a host whose configuration, often a shared harbor.yaml, names the same addresses:
what each of them does, and what an operator reads; addresses that are none of this host."""
import os, re, socket, subprocess, tempfile, urllib.request
from harness import control_socket, eventually, free_port, leave, main

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = "{}: Address already in use"


class Host:
    """Nodes as instances: a file for each, and one that they share."""

    def __init__(self, build, shared):
        self.build, self.nodes = os.path.abspath(build), {}
        self.tmp = tempfile.mkdtemp(prefix="harbor-test-")
        self.shared = self.tmp + "/harbor.yaml"
        with open(self.shared, "w") as f:
            f.write(f'lua: {{ start: main, service_path: ["{HERE}/?.lua"] }}\n{shared}')
        os.mkdir(self.tmp + "/run")

    def start(self, name, text="", env=None):
        with open(f"{self.tmp}/{name}.yaml", "w") as f:
            f.write(f"node: {{ threads: 1 }}\n{text}")
        env = {**os.environ, "CONFIGURATION_DIRECTORY": self.tmp,
               "RUNTIME_DIRECTORY": self.tmp + "/run", **(env or {})}
        with open(f"{self.tmp}/{name}.log", "wb") as log:
            self.nodes[name] = subprocess.Popen([self.build + "/harbord", "--instance", name],
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env=env)
        return self.nodes[name]

    def log(self, name):
        with open(f"{self.tmp}/{name}.log", errors="replace") as f:
            return f.read()

    def status(self, name):
        path = control_socket(self.log(name), self.nodes[name].pid)
        return subprocess.run([self.build + "/harborctl", "--socket", path, "status"],
                              capture_output=True, text=True, timeout=20)

    def runs(self, name):
        """Waits until it does, and returns what status says."""
        return eventually(f"{name} runs", lambda: re.search(
            r"^state +running$", (p := self.status(name)).stdout, re.M) and p)

    def ends(self, name):
        """Returns its exit status and the errors of its log."""
        status = self.nodes[name].wait(20)
        lines = self.log(name).splitlines()
        assert not any("traceback" in x for x in lines), self.log(name)
        return status, [x for x in lines if " error " in x or ".yaml:" in x and " info " not in x]

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        for p in self.nodes.values():
            if p.poll() is None:
                p.kill()
                p.wait()
        if kind:
            for name in self.nodes:
                print(f"---- log of {name}\n{self.log(name)[-3000:]}")
        leave(self.tmp, kind)


def answers(at):
    with urllib.request.urlopen(f"http://{at}/readyz", timeout=10) as r:
        return r.status == 200


def the_page_waits(build):
    """web.listen is taken: the node runs without its page and says so in one line of its log, in
    status and STATUS; when the port is free it answers there"""
    at = f"127.0.0.1:{free_port()}"
    with Host(build, f'web: {{ listen: "{at}" }}\n') as h, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(h.tmp + "/notify")
        manager.settimeout(20)
        h.start("a")
        p = h.runs("a")
        assert re.search(rf"^web_address +{re.escape(at)}$", p.stdout, re.M), p
        h.start("b", env={"NOTIFY_SOCKET": h.tmp + "/notify"})
        p = h.runs("b")
        why = "web.listen: " + PAGE.format(at)
        assert p.returncode == 0, p
        assert re.search(rf"^web_error +{re.escape(why)}$", p.stdout, re.M), p
        assert f"; no page: {why}" in p.stdout and "web_address" not in p.stdout, p
        eventually("STATUS says so", lambda: f"; no page: {why}" in manager.recv(4096).decode())
        assert "traceback" not in h.log("b") and " error " not in h.log("b"), h.log("b")
        h.nodes["a"].terminate()
        assert h.nodes["a"].wait(20) == 0
        eventually("b answers there", lambda: answers(at), 40)
        p = h.runs("b")
        assert re.search(rf"^web_address +{re.escape(at)}$", p.stdout, re.M), p
        assert "no page" not in p.stdout and "web_error" not in p.stdout, p
        assert h.log("b").count(why) == 1, h.log("b")
        assert h.log("b").count("answers HTTP at " + at) == 1


def wrong_addresses(build):
    """a page's address that is none, or none of this host, ends the node with 78 and its place;
    IPv6 is one"""
    host = "the address must be one of this host"
    for at, why in (("192.0.2.1:80", f"Cannot assign requested address: {host}"),
                    ("[2001:db8::1]:80", host), ("no-such-host.invalid:80", host),
                    ("127.0.0.1", "ip:port"), ("127.0.0.1:99999", "ip:port")):
        with Host(build, f'web: {{ listen: "{at}" }}\n') as h:
            h.start("a")
            status, lines = h.ends("a")
            assert status == 78 and len(lines) == 1, (at, status, lines)
            assert f"{h.shared}:2:16: web.listen: " in lines[0] and why in lines[0], lines
    with Host(build, 'web: { listen: "[::1]:0" }\n') as h:
        h.start("a")
        p = h.runs("a")
        assert answers(re.search(r"^web_address +(\S+)$", p.stdout, re.M)[1]), p


def sections(key, at):
    """A shared file whose key `key` is `at`, and that names no other port."""
    listen = {"cluster": "127.0.0.1:0", "master": f"127.0.0.1:{free_port()}", **{key: at}}
    text = (f'cluster: {{ insecure: true, listen: "{listen["cluster"]}", '
            f'master: ["{listen["master"]}"] }}\n')
    if key == "federation":
        text += f'federation: {{ listen: "{at}", clusters: ["far=127.0.0.1:{free_port()}"] }}\n'
    return text, f'master: {{ listen: "{listen["master"]}" }}\n'


def needed_ports(build):
    """cluster.listen, master.listen and federation.listen of two nodes: the second one ends with 69
    and one line that has the place, the address and the cure; so it does if the host has no such
    address"""
    for key in ("cluster", "master", "federation"):
        at = f"127.0.0.1:{free_port()}"
        shared, master = sections(key, at)
        with Host(build, shared) as h:
            h.start("a", master)
            h.runs("a")
            h.start("b", master if key == "master" else "")
            status, lines = h.ends("b")
            assert status == 69 and len(lines) == 1, (key, status, lines, h.log("b"))
            assert re.search(rf"(harbor|b)\.yaml:\d+:\d+: {key}\.listen: {re.escape(at)}: Address "
                             "already in use: another process has it; of several nodes on a host "
                             "each needs its own$", lines[0]), lines
            assert h.runs("a").returncode == 0
        shared, master = sections(key, "192.0.2.1:5000")
        with Host(build, shared) as h:
            h.start("a", master)
            status, lines = h.ends("a")
            assert status == 69 and len(lines) == 1, (key, status, lines)
            assert f".yaml:" in lines[0] and f"{key}.listen: 192.0.2.1:5000: " in lines[0], lines


def control_sockets(build):
    """admin.listen that two nodes name: the second one ends with 69, its place and the path;
    without it each has its own"""
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as folder:
        path = folder + "/n.sock"
        with Host(build, f'admin: {{ listen: "unix:{path}" }}\n') as h:
            h.start("a")
            h.runs("a")
            h.start("b")
            status, lines = h.ends("b")
            assert status == 69 and len(lines) == 1, (status, lines)
            assert f"{h.shared}:2:18: admin.listen: " in lines[0] and path in lines[0] \
                and "Address already in use" in lines[0], lines
    with Host(build, "") as h:
        for name in ("a", "b"):
            h.start(name)
        assert h.runs("a").stdout != h.runs("b").stdout


def privileged(build):
    """a port below 1024 of a node without the right to it: 77, and the place"""
    with Host(build, 'web: { listen: "127.0.0.1:81" }\n') as h:
        os.chmod(h.tmp, 0o755)
        os.chmod(h.tmp + "/run", 0o777)
        with open(h.tmp + "/a.yaml", "w") as f:
            f.write("node: { threads: 1 }\n")
        p = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                            "--inh-caps=-all", "--bounding-set=-all", h.build + "/harbord",
                            "--instance", "a"], capture_output=True, text=True, timeout=30,
                           env={**os.environ, "CONFIGURATION_DIRECTORY": h.tmp,
                                "RUNTIME_DIRECTORY": h.tmp + "/run"})
        assert p.returncode == 77, p
        assert f"{h.shared}:2:16: web.listen: 127.0.0.1:81: Permission denied" in p.stdout \
            + p.stderr, p


def can_be_privileged():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        return os.geteuid() == 0 and int(f.read()) > 81


main([the_page_waits, wrong_addresses, needed_ports, control_sockets]
     + [privileged] * can_be_privileged())
