"""Nodes in network namespaces, each with an address of its own, with the settings of a user who set
none: for tests of what happens when lines, nodes and masters fail in their real time.

    with Apart(build, folder_of_lua_files, 3) as c:
        c.kill...   c.nodes[0] is the master, harbor 1; c.net is a network.Network (tests/chaos)
"""
import os, subprocess, sys
from harness import Cluster, Node

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../chaos")
import network

why_not = network.why_not


class Inside(Node):
    """A node in a network namespace."""

    def __init__(self, cluster, i, text):
        super().__init__(cluster, f"n{i}", text)
        self.i = i

    def start(self):
        argv = self.cluster.net.inside(self.i, [self.cluster.build + "/harbord", self.config])
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.env)
        self.found = None
        return self


class Apart(Cluster):
    """`count` nodes n1, n2...; n1 is the master. `more` namespaces stay empty, for nodes that a
    test adds. `cluster`: more keys of that section; `args(i)`: of the start service; `bad`: whether
    lines can be made bad; `key`: whether the cluster has a key; the
    file `another` has another one."""

    def __init__(self, build, lua, count, more=0, cluster="", args="n{}".format, bad=False,
                 key=False):
        super().__init__(build, lua)
        self.options, self.args, self.key = "insecure: true", args, key
        if key:
            self.options = f"key_file: {self.tmp}/key"
            for name in ("key", "another"):
                subprocess.run([f"{self.build}/harborctl", "key", "new", f"{self.tmp}/{name}"],
                               check=True, capture_output=True)
        self.options += f", {cluster}" if cluster else ""
        self.net = network.Network(count + more, f"{self.build}/tests/chaos/relay" if bad else None)
        self.nodes = [self.add(i) for i in range(1, count + 1)]

    def add(self, i, **kw):
        return Inside(self, i, self.text_of(i, **kw))

    def text_of(self, i, start="main", more="", port=None, options=None):
        master = f"{self.net.address(1)}:{network.MASTER_PORT}"
        own = f"master: {{ listen: {master}, state_dir: {self.tmp}/state }}\n" if i == 1 else ""
        return (f"node: {{ name: n{i}, harbor: {i} }}\n"
                f"cluster: {{ listen: {self.net.address(i)}:{port or network.LINK_PORT}, master: "
                f"[{master}], {options or self.options}{more} }}\n{own}"
                f'lua: {{ start: {start}, args: "{self.args(i)}", '
                f'service_path: ["{self.lua}/?.lua"] }}\n')

    def start(self):
        for n in self.nodes:
            n.start()
        for n in self.nodes:
            n.ready()
        return self

    def __exit__(self, *error):
        super().__exit__(*error)
        self.net.close()


def when_possible(test):
    """The test, or one that is skipped where there can be no namespaces."""
    why = why_not()
    if not why:
        return test

    def skipped(build):
        pass
    skipped.__doc__ = f"{test.__doc__} # SKIP {why}"
    return skipped
