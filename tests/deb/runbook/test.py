"""The commands of deploy/README.md, in their order, on three clean Debian hosts; ssh among them."""
import os, re, shutil, subprocess, tempfile, time
from boxes import BOX, Host, Network, eventually, main
from harness import Failed
import packages as p

HERE = os.path.dirname(os.path.abspath(__file__))
STRANGER = 4
FAULTS = "When a host or a wire fails" # typed while one does: tests/deb/wires
# ssh to an address runs a command in the host that has it.
SSH = """#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
case ${{1#root@}} in {cases}*) echo "no route to $1" >&2; exit 255 ;; esac
shift
exec {box} in $name sh -c "$*"
"""


def chapters():
    """(heading, script) of each block of commands."""
    with open(p.ROOT + "/deploy/README.md", encoding="utf-8") as f:
        text = f.read()
    heading = ""
    for line in re.finditer(r"^## ([^\n]*)$|^```sh\n(.*?)^```$", text, re.M | re.S):
        if line[1]:
            heading = line[1]
        else:
            yield heading, line[2]


class Town:
    def __init__(self, build):
        self.build = os.path.abspath(build)

    def __enter__(self):
        deb = p.one(p.packages("native"), "harbord")
        self.root = p.run_root(deb)
        self.folder = tempfile.mkdtemp(prefix="harbor-runbook-")
        self.lua = self.folder + "/lua"
        os.mkdir(self.lua)
        for name in ("main", "map"):
            shutil.copy(HERE + "/main.lua", f"{self.lua}/{name}.lua")
        self.network = Network(STRANGER).__enter__()
        self.hosts = {}
        try:
            for i, name in enumerate("abc", 1):
                self.hosts[name] = self.boot(i, name)
            self.tools(deb)
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def boot(self, i, name):
        h = Host(self.build, name, lua=self.lua, netns=self.network.name(i), root=self.root,
                 install=False).__enter__()
        h.sh("cp -a /opt/game /opt/arena")
        return h

    def tools(self, deb):
        self.work, tools = self.folder + "/work", self.folder + "/bin"
        os.mkdir(self.work)
        os.mkdir(tools)
        shutil.copy(deb, self.work + "/harbord.deb")
        os.rename(p.newer(deb, self.folder, "9.0"), self.work + "/harbord-new.deb")
        shutil.copy(p.ROOT + "/deploy/fleet.yaml", self.work)
        os.symlink(self.build + "/harborctl", tools + "/harborctl")
        cases = "".join(f"{self.network.address(i)}) name={self.hosts[n].name} ;; "
                        for i, n in enumerate("abc", 1))
        with open(tools + "/ssh", "w", encoding="ascii") as f:
            f.write(SSH.format(cases=cases, box=BOX))
        os.chmod(tools + "/ssh", 0o755)

    def __exit__(self, kind, *rest):
        for h in self.hosts.values():
            h.__exit__(kind, *rest)
        self.network.__exit__()
        shutil.rmtree(self.folder)

    def run(self, heading, script):
        began = time.monotonic()
        r = subprocess.run(["bash", "-ec", script], cwd=self.work, text=True,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
                           env=dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}"))
        print(f"# {heading}: {time.monotonic() - began:.1f} s", flush=True)
        if r.returncode:
            raise Failed(f"{heading}: status {r.returncode}\n{script}\n{r.stdout}{r.stderr}")
        return r.stdout + r.stderr

    def reaches(self, i, address, port):
        return subprocess.run(["ip", "netns", "exec", self.network.name(i), "timeout", "2", "bash",
                               "-c", f"exec 3<>/dev/tcp/{address}/{port}"],
                              capture_output=True).returncode == 0

    def up(self, host, node):
        return sum(r["state"] == "up" for r in self.hosts[host].ctl(node, "nodes")["nodes"])


def all_commands(build):
    """every command does what is said of it"""
    with Town(build) as t:
        for heading, script in chapters():
            if heading == FAULTS:
                continue
            if heading == "A host is lost" and "--deb" in script: # it is a new one, then
                t.hosts["c"].box("down")
                t.hosts["c"] = t.boot(3, "c")
            if heading == "Firewall and kernel" and "nft" in script:
                assert t.reaches(STRANGER, "10.77.0.2", 2526), "nothing keeps a stranger out yet"
            said = t.run(heading, script)
            if heading == "Three hosts from nothing" and "render" in script:
                assert said.count(" active ") == 5, said
            if heading == "Upgrading, and going back":
                assert said.count("in use again") == 10, said
            if heading == "Statuses and locks":
                assert "locked by ann" in said, said
            if heading == "A host is lost" and "--deb" in script:
                assert "map2 (c): started" in said and said.count("unchanged") == 4, said
        assert not t.reaches(STRANGER, "10.77.0.2", 2526), "a stranger comes in"
        assert t.reaches(1, "10.77.0.2", 2526), "a host of the fleet does not"
        # map2 was taken out, the others are whole
        eventually("four nodes are linked", lambda: t.up("b", "gate2") == 3, 20)
        key = t.hosts["b"].sh("cat /etc/harbor/credentials/cluster-key")
        for h in t.hosts.values():
            assert key.split()[2] not in h.journal_text(), "the key is in a log"


if __name__ == "__main__":
    main([all_commands])
