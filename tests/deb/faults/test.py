"""What a fleet of three hosts is spared: a new key under load, wires that break, a host that is
new, strangers."""
import glob, json, os, re, shutil, stat, subprocess, tempfile, threading, time
from boxes import BOX, Host, eventually, main
from fleets import NODES, Fleet, took


def text_of(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def secret_of(path):
    """The digits of the one key of a file."""
    words = text_of(path).split()
    assert len(words) == 3, path
    return words[2]


class CommandLines:
    """Looks at the command lines and variables of all processes of the machine, hosts included, and
    keeps those with one of the secrets."""

    def __init__(self):
        self.secrets, self.found, self.rounds, self.over = [], set(), 0, False

    def look(self):
        for name in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(name, "rb") as f:
                    held = f.read()
            except OSError:
                continue # it is gone
            if any(s.encode() in held for s in self.secrets):
                self.found.add(held[:200])
        self.rounds += 1

    def run(self):
        while not self.over:
            self.look()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over = True
        self.thread.join()


def is_private(h, path):
    """Nobody but root and the node's own user can read it."""
    return not int(h.sh(f"stat -c %a '{path}'"), 8) & 0o077


def where_it_lies(h, secret):
    """The files of a host that hold a secret, each of which nobody else may read."""
    files = h.run("grep", "-rlFsf", "-", "/etc", "/var", "/run", "/tmp", "/opt", "/root", "/home",
                  "--devices=skip", input=secret, ok=(0, 1, 2), limit=120).stdout.split("\n")
    files = {f for f in files if f}
    for f in files:
        assert is_private(h, f), (f, h.sh(f"ls -l '{f}'"))
    return files


def link_rows(f, node):
    return [r for r in f.host(node).ctl(node, "nodes")["nodes"] if r["name"] in NODES
            and r["name"] != node]


def losses(f):
    """What the links of all nodes say that they lost or dropped."""
    rows = [r for n in NODES for r in link_rows(f, n)]
    assert len(rows) == len(NODES) * (len(NODES) - 1), rows
    return sum(r["messages_lost"] + r["messages_dropped"] for r in rows)


def events(f, node, *names):
    text = f.host(node).run("harborctl", "--node", node, "--json", "events", "--last", "200").stdout
    return [e for e in map(json.loads, text.splitlines()) if e["event"] in names]


def late(f, key):
    """A node that is none of the fleet, on host c, with a key of its own choice."""
    c = f.hosts["c"]
    c.write("/etc/harbor/late.key", key, "400", "_harbor:_harbor")
    c.configure("late", "cluster: { name: arena, listen: 10.77.0.3:2600, master: 10.77.0.1:2013, "
                        "key_file: /etc/harbor/late.key }")
    c.run("systemctl", "restart", "--no-block", "harbord@late")
    return c


def said_of(h, node, text):
    eventually(f"{node} says: {text}", lambda: text in h.run(
        "journalctl", "-u", f"harbord@{node}", "-o", "cat", "--no-pager").stdout, 30)


def a_new_key(build):
    """a new key on three hosts under load: no restart, no loss, no failed call; the old is refused

    Neither is ever seen in a command line, a journal, or a file that others may read."""
    with Fleet(build) as f, CommandLines() as lines:
        path = f.folder + "/arena.key"
        old = secret_of(path)
        lines.secrets = [old]
        f.begin()
        before, was = f.pids(), text_of(path)
        began = time.monotonic()
        said = f.fleet("rotate")
        print(f"# a new key on six nodes: {took(began)}\n# " + said.replace("\n", "\n# "))
        new = secret_of(path)
        lines.secrets = [old, new]
        assert new != old and not os.path.exists(path + ".next")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        f.complete()
        for node in NODES:
            assert {r["proof"] for r in link_rows(f, node)} == {"key " + text_of(path).split()[1]}
            assert not events(f, node, "node_lost"), events(f, node, "node_lost")
            # what was made with the old key is made anew, and goes on where it stood
            print(f"# {node}: links that were made anew: {len(events(f, node, 'link_lost'))}")
        assert f.restarts(before) == set()
        assert losses(f) == 0
        f.no_call_failed(NODES)
        # a reload of files does not bring the old one back, and a restart brings the new one
        for node in ("gate2", "map1"):
            f.hosts["b"].run("systemctl", "reload", f"harbord@{node}")
        f.complete()
        f.host("map1").run("systemctl", "restart", "harbord@map1")
        eventually("all are linked", lambda: f.complete() is None)
        c = late(f, was)
        said_of(c, "late", "it does not have it")
        assert all(r["name"] != "late" for r in c.ctl("map2", "nodes")["nodes"])
        late(f, text_of(path))
        eventually("with the new one it comes in", lambda: c.run(
            "systemctl", "is-active", "harbord@late", ok=None).stdout.strip() == "active", 30)
        c.sh("systemctl stop harbord@late; rm /etc/harbor/late.key")
        f.fleet("rotate") # and once more, with what this one has left
        lines.secrets.append(secret_of(path))
        f.complete()
        assert losses(f) == 0
        lines.over = True
        lines.thread.join()
        print(f"# the processes of the machine were looked at {lines.rounds} times")
        assert lines.rounds > 20 and not lines.found, lines.found
        for h in f.hosts.values():
            text = h.journal_text()
            assert not any(s in text for s in lines.secrets), "a key is in the journal"
            gone = where_it_lies(h, old) | where_it_lies(h, new)
            assert all(x.startswith("/run/credentials/") for x in gone), gone
            there = where_it_lies(h, secret_of(path))
            assert "/etc/harbor/credentials/cluster-key" in there, there
            assert h.sh("stat -c '%a %U:%G' /etc/harbor/credentials/cluster-key").strip() == \
                "600 root:root"
            assert {os.path.dirname(x) for x in there} <= {
                "/etc/harbor/credentials", "/var/lib/harbor-fleet/next/etc/harbor/credentials"}


def rolled(f):
    f.fleet("roll", "--deb", f.deb)
    f.complete()


def an_interrupted_rotation(build):
    """a new key: ended by SIGKILL within each of its steps, it is run again and finishes"""
    with Fleet(build) as f:
        rolled(f)
        path, before = f.folder + "/arena.key", f.pids()
        old = secret_of(path)
        for enough in (2, 7, 5): # so many nodes took it: in the first, second, third step
            with subprocess.Popen([f.build + "/harborctl", "fleet", "rotate", f.file, "--rsh",
                                   f"{BOX} in", "--break-lock"], start_new_session=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
                there = 0
                for line in child.stdout:
                    there += "took the key" in line
                    if there == enough:
                        break
                os.killpg(child.pid, 9)
            assert there == enough and os.path.exists(path + ".next"), there
            f.complete()
        said = f.fleet("rotate", "--break-lock")
        assert "all nodes know the next key" not in said, said # that was done
        f.complete()
        assert secret_of(path) != old and not os.path.exists(path + ".next")
        assert f.restarts(before) == set() and losses(f) == 0
        assert f.fleet("roll").count("unchanged") == len(NODES)


def a_key_from_nowhere(build):
    """a key that the running nodes do not know is refused; nodes that are down, and words"""
    with Fleet(build) as f:
        rolled(f)
        path, before = f.folder + "/arena.key", f.pids()
        good = text_of(path)
        os.remove(path)
        f.ctl("key", "new", path)
        said = f.fleet("roll", status=1)
        assert said.count("would not know each other") == 3 and "nothing was changed" in said, said
        with open(path, "w", encoding="ascii") as key:
            key.write(good)
        f.hosts["c"].run("systemctl", "stop", "harbord@map2")
        assert "map2 is down" in f.fleet("rotate", status=4)
        f.fleet("rotate", "--dry-run", status=2)
        f.fleet("roll")
        f.complete()
        assert f.restarts(before) == {"map2"} and text_of(path) == good


def keys_are_random(build):
    """a key has the bytes of getrandom, and none is made where there are none"""
    with tempfile.TemporaryDirectory() as folder:
        for name, body in (("fixed", "memset(p, 0x5a, n); return n;"), ("none", "return -1;")):
            with open(f"{folder}/{name}.c", "w", encoding="ascii") as f:
                f.write("#include <string.h>\n#include <sys/types.h>\nssize_t getrandom(void *p, "
                        f"size_t n, unsigned flags) {{ (void)p; (void)n; (void)flags; {body} }}\n")
            subprocess.run(["gcc", "-shared", "-fPIC", "-o", f"{folder}/{name}.so",
                            f"{folder}/{name}.c"], check=True)
        make = lambda name: subprocess.run(
            [build + "/harborctl", "key", "new", f"{folder}/{name}.key"], text=True,
            capture_output=True, env=dict(os.environ, LD_PRELOAD=f"{folder}/{name}.so"))
        assert make("fixed").returncode == 0 and secret_of(f"{folder}/fixed.key") == "5a" * 32
        p = make("none")
        assert p.returncode == 1 and "no random bytes" in p.stderr, p
        assert not os.path.exists(f"{folder}/none.key")


def a_new_host(build):
    """a host is installed anew, from zero, by one command: same names and ids, new incarnations"""
    with Fleet(build) as f:
        rolled(f)
        rows = lambda: {r["name"]: (r["harbor"], r["incarnation"])
                        for r in f.host("master").ctl("master", "nodes")["nodes"]}
        was, before = rows(), f.pids()
        old = f.hosts["b"]
        old.box("down") # and its disk is gone
        eventually("its nodes are dead", lambda: all(
            r["state"] == "down" for r in link_rows(f, "gate1") if NODES[r["name"]] == "b"), 30)
        f.hosts["b"] = Host(f.build, "b", lua=f.lua, netns=f.network.name(2), root=old.root,
                            install=False).__enter__()
        assert f.hosts["b"].run("sh", "-c", "command -v harborctl", ok=None).returncode
        began = time.monotonic()
        said = f.fleet("roll", "--deb", f.deb)
        print(f"# one host from zero, two nodes: {took(began)}\n# " + said.replace("\n", "\n# "))
        assert "gate2 (b): started" in said and "map1 (b): started" in said, said
        assert said.count("unchanged") >= 3, said
        f.complete()
        now = rows()
        assert {n: r[0] for n, r in now.items()} == {n: r[0] for n, r in was.items()}
        assert {n for n in now if now[n][1] != was[n][1]} == {"gate2", "map1"}
        pids = f.pids()
        assert all(pids[n] == before[n] for n in NODES if NODES[n] != "b")
        assert set(f.call("gate2", ".main", "stat")) == {0} # it runs the game


# ---- strangers ----

class Stranger:
    """A node with the right key on a machine that is none of the fleet's."""

    def __init__(self, f):
        self.f, self.folder = f, tempfile.mkdtemp(prefix="harbor-stranger-")
        shutil.copy(f.folder + "/arena.key", self.folder)
        with open(self.folder + "/main.lua", "w", encoding="ascii") as lua:
            lua.write('require("skynet").start(function() end)\n')
        with open(self.folder + "/x.yaml", "w", encoding="ascii") as config:
            config.write(f"""node: {{ name: stranger }}
lua: {{ start: main, service_path: ["{self.folder}/?.lua"] }}
cluster: {{ name: arena, listen: {f.network.address(4)}:2600, master: 10.77.0.1:2013,
  key_file: {self.folder}/arena.key }}
admin: {{ listen: "unix:{self.folder}/ctl" }}
""")

    def __enter__(self):
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.f.network.name(4), self.f.build + "/harbord",
                 self.folder + "/x.yaml"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def says(self, text):
        return text in text_of(self.folder + "/log")

    def up(self):
        """The nodes that it is linked to."""
        said = self.f.ctl("--socket", self.folder + "/ctl", "--json", "nodes")
        return {r["name"] for r in json.loads(said)["nodes"] if r["state"] == "up"}


def reaches(f, i, port, host="b"):
    address = f.network.address("abc".index(host) + 1)
    return subprocess.run(["ip", "netns", "exec", f.network.name(i), "timeout", "2", "bash", "-c",
                           f"exec 3<>/dev/tcp/{address}/{port}"], capture_output=True) \
        .returncode == 0


def only_the_fleet(f):
    """Every node but gate2, which has clients, speaks with the hosts of the fleet alone."""
    others = "|".join(set(NODES) - {"gate2"})
    with open(f.file, encoding="utf-8") as file:
        text = file.read()
    text, n = re.subn(rf"^(  (?:{others}): .*) }}$", r"\1, addresses: none }", text, flags=re.M)
    assert n == len(NODES) - 1, text
    with open(f.file, "w", encoding="utf-8") as file:
        file.write(text)


def the_wrong_address(build):
    """a node with the right key and a wrong address cannot speak; a client's port is open"""
    with Fleet(build) as f:
        rolled(f)
        with Stranger(f) as stranger:
            eventually("the key is all that it needs yet", lambda: stranger.up() == set(NODES), 30)
        assert reaches(f, 4, 2527) and reaches(f, 4, 2013, "a")
        only_the_fleet(f)
        said = f.fleet("roll")
        assert said.count("in use again") == 5 and "gate2 (b): unchanged" in said, said
        f.complete()
        allowed = " ".join(f"10.77.0.{i}/32" for i in (1, 2, 3))
        for node in ("master", "map1"):
            has = f.host(node).props(f"harbord@{node}", "IPAddressDeny", "IPAddressAllow")
            assert "0.0.0.0/0" in has["IPAddressDeny"], has
            assert all(a.split("/")[0] in has["IPAddressAllow"] for a in allowed.split()), has
        filters = "does not support BPF/cgroup" not in f.hosts["b"].journal_text()
        print(f"# this kernel {'filters' if filters else 'does not filter'} by IPAddressDeny=")
        if filters:
            assert not reaches(f, 4, 2013, "a") and not reaches(f, 4, 2527)
            assert reaches(f, 1, 2527) and reaches(f, 3, 2527)
            with Stranger(f) as stranger:
                eventually("it does not come in", lambda: stranger.says("not in the cluster yet"),
                           30)
        # of gate2, whose clients come from anywhere, the firewall keeps the port of nodes
        assert reaches(f, 4, 2526) and reaches(f, 4, 7000)
        for h in f.hosts.values():
            h.run("nft", "-f", "/etc/harbor/firewall.nft")
        assert not reaches(f, 4, 2526) and reaches(f, 1, 2526)
        assert reaches(f, 4, 7000), "a client is kept out"
        with Stranger(f) as stranger:
            eventually("it does not come in", lambda: stranger.says("not in the cluster yet"), 30)
        f.complete()
        # nothing else listens, and whoever asks a node does so on its host, as root or its user
        b = f.hosts["b"]
        ports = set(re.findall(r":(\d+) ", b.run("ss", "-Hltn").stdout)) - {"22"}
        assert ports == {"2526", "2527", "7000"}, ports
        modes = b.sh("stat -c '%F %a %U' /run/harbor/gate2/*.sock /run/harbor/gate2").splitlines()
        assert modes == ["socket 600 _harbor", "directory 750 _harbor"], modes


main([a_new_key, an_interrupted_rotation, a_key_from_nowhere, keys_are_random, a_new_host,
      the_wrong_address])
