"""A fleet of three clean Debian hosts by one file: from nothing to a cluster, upgraded under load
while players are connected, rolled back; by ssh, too."""
import re, subprocess, time
from boxes import main
from fleets import NODES, ORDER, Fleet, Players, told, took
import packages as p


def from_nothing(build):
    """three fresh hosts become a cluster by one command; a second one changes nothing"""
    with Fleet(build) as f:
        said = f.fleet("check", status=1)
        assert said.count("harbord is not installed") == 3, said
        began = time.monotonic()
        said = f.fleet("roll", "--deb", f.deb)
        told("three bare hosts and six nodes", began, said)
        f.complete()
        for node in NODES:
            assert f"{node} ({NODES[node]}): started" in said, said
        h = f.hosts["b"]
        modes = h.sh("cd /etc/harbor; stat -c '%a %U:%G %n' harbor.yaml map1.yaml "
                     "credentials/cluster-key").split("\n")
        assert modes[:3] == ["640 root:_harbor harbor.yaml", "640 root:_harbor map1.yaml",
                             "600 root:root credentials/cluster-key"], modes
        before = f.pids()
        began = time.monotonic()
        said = f.fleet("roll", "--deb", f.deb)
        print(f"# nothing to do: {took(began)}")
        assert said.count("unchanged") == len(NODES) and "installed" not in said, said
        assert f.restarts(before) == set()
        assert f.fleet("check").count("no errors") == len(NODES)
        assert f.fleet("status").count(" active ") == len(NODES)


def one_node(build):
    """one node is changed under load: it alone is restarted, and no call fails"""
    with Fleet(build) as f:
        f.begin()
        before = f.pids()
        f.write(extra=", config: { log: { level: debug } }")
        said = f.fleet("roll", "--dry-run")
        assert "map1 (b): would be restarted (files)" in said, said
        assert said.count("unchanged") == len(NODES) - 1, said
        assert f.restarts(before) == set()
        said = f.fleet("roll")
        assert f.restarts(before) == {"map1"}, said
        f.complete()
        f.no_call_failed([n for n in NODES if n != "map1"])


def upgrade(build):
    """all nodes are upgraded under load, one after the other, and no call fails; what an operator
    changed in /etc stays"""
    with Fleet(build) as f:
        f.begin()
        f.hosts["b"].sh("echo '# mine' >>/etc/logrotate.d/harbord")
        before = f.pids()
        began = time.monotonic()
        said = f.fleet("roll", "--deb", p.newer(f.deb, f.folder, "9.0"))
        told("six nodes upgraded", began, said)
        assert f.restarts(before) == set(NODES)
        order = re.findall(r"^(\w+) \(\w\): drained", said, re.M)
        assert order == ORDER, order
        assert set(f.versions().values()) == {"9.0"}, f.versions()
        kept = {n: h.sh("tail -n 1 /etc/logrotate.d/harbord") for n, h in f.hosts.items()}
        assert kept == {"a": "# 9.0\n", "b": "# mine\n", "c": "# 9.0\n"}, kept
        f.complete()
        f.no_call_failed()
        where, lives, faults = f.call("map2", "famous", "report")
        assert lives > 1 and not faults, (where, lives, faults)


def players(build):
    """the node of a gate is upgraded, then all others: no player is disconnected, no call fails"""
    with Fleet(build) as f:
        f.begin()
        crowds = [Players(f, "gate1", 40), Players(f, "gate2", 40)]
        before, new = f.pids(), p.newer(f.deb, f.folder, "9.0")
        began = time.monotonic()
        said = f.fleet("roll", "--deb", new, "--node", "gate1")
        told("the node of a gate upgraded", began, said)
        assert f.restarts(before) == {"gate1"}, said
        assert crowds[0].ask()[1] >= 40, crowds[0].ask()
        f.no_call_failed([n for n in NODES if n != "gate1"])
        began = time.monotonic()
        said = f.fleet("roll", "--deb", new)
        told("the five others upgraded", began, said)
        assert "gate1 (a): unchanged" in said, said
        assert f.restarts(before) == set(NODES)
        assert crowds[1].ask()[1] >= 40, crowds[1].ask()
        f.complete()
        for c in crowds:
            c.end()
        f.no_call_failed()
        assert not f.call("map2", "famous", "report")[2]


def batches(build):
    """three at a time under load: those of one role only, gates after the others, masters last"""
    with Fleet(build) as f:
        f.begin()
        before = f.pids()
        f.write(level="debug")
        began = time.monotonic()
        said = f.fleet("roll", "--batch", "3")
        told("six nodes restarted, three at a time", began, said)
        assert f.restarts(before) == set(NODES)
        order = re.findall(r"^(\w+) \(\w\): drained", said, re.M)
        assert [sorted(order[:3]), sorted(order[3:5]), order[5:]] == \
            [["login", "map1", "map2"], ["gate1", "gate2"], ["master"]], order
        f.complete()
        f.no_call_failed()


def generations(build):
    """four generations are kept, and each of the three before the newest can be had again"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        assert "no generation before" in f.fleet("rollback", status=1)
        old = p.fields(f.deb, "Version")
        f.fleet("roll", "--deb", p.newer(f.deb, f.folder, "9.0"))
        for word in ("debug", "warning", "error"):
            f.write(level=word)
            f.fleet("roll", "--batch", "3")
        kept = f.fleet("history").split("\n")[:-1]
        assert [line.split()[2] for line in kept] == ["9.0"] * 4, kept
        for h in f.hosts.values():
            assert h.sh("ls /var/lib/harbor-fleet/generations | wc -l") == "4\n"
            h.sh("! find /var/lib/harbor-fleet/generations -name 'cluster-key*' | grep .")
        level = lambda: f.hosts["c"].sh("grep -o 'level: [a-z]*' /etc/harbor/harbor.yaml").strip()
        before = f.pids()
        assert "would be restarted" in f.fleet("rollback", "--dry-run")
        assert f.restarts(before) == set() and level() == "level: error"
        began = time.monotonic()
        said = f.fleet("rollback", "--batch", "3")
        told("six nodes rolled back", began, said)
        assert level() == "level: warning", level()
        assert f.restarts(before) == set(NODES)
        f.fleet("rollback", "--to", kept[0].split()[0], "--batch", "3")
        assert level() == "level: info", level()
        assert set(f.versions().values()) == {"9.0"}, f.versions()
        f.complete()
        assert "does not have" in f.fleet("rollback", "--to", "0123456789ab", status=1)
        # the package of before is part of what was before
        f.fleet("roll", "--deb", f.deb, "--batch", "3")
        assert set(f.versions().values()) == {old}, f.versions()
        f.fleet("rollback", "--batch", "3")
        assert set(f.versions().values()) == {"9.0"}, f.versions()
        f.complete()


def ssh(build):
    """the same by ssh itself, as the fleet's file has it"""
    with Fleet(build) as f:
        key = f.folder + "/ssh"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with open(key + ".pub", encoding="ascii") as public:
            text = public.read()
        for h in f.hosts.values():
            h.write("/root/.ssh/authorized_keys", text, "600")
            h.run("systemctl", "start", "ssh")
        f.write(rsh=False)
        rsh = f"ip netns exec {f.network.name(1)} ssh -o BatchMode=yes -o LogLevel=ERROR -l root " \
              f"-i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        f.ctl("fleet", "roll", f.file, "--deb", f.deb, "--rsh", rsh)
        f.complete()
        assert f.ctl("fleet", "roll", f.file, "--rsh", rsh).count("unchanged") == len(NODES)


if __name__ == "__main__":
    main([from_nothing, one_node, upgrade, players, batches, generations, ssh])
