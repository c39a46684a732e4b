"""Several harbor clusters with gateways, for tests."""
import os, re, shutil, subprocess
from harness import Cluster, Failed, eventually, free_port

HERE = os.path.dirname(os.path.abspath(__file__))


class Town(Cluster):
    """One harbor cluster of a federation: node 1 is its master; gateways are NAME-g1 ..."""

    def __init__(self, build, name):
        super().__init__(build, HERE)
        self.name, self.ports = name, []

    def text(self, name, harbor, master=False, ports=(), federation="", **kw):
        text = super().text(name, harbor, master=master, **kw)
        return text.replace("{ name: test,", f"{{ name: {self.name},") + federation


def new_key(build, file):
    """Writes a key of its own into the file, for its owner's eyes."""
    key = subprocess.run([build + "/harborctl", "key", "new"], capture_output=True, check=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
        f.write(key.stdout)


class Federation:
    """towns: name -> number of gateways; each has a master, and `plain` nodes more; with -1 one
    node is master and gateway. The gateway i of a town listens at ports[town][i]. others:
    NAME=HOST:PORT of clusters that are none. key: gateways have one."""

    def __init__(self, build, towns, plain=1, key=False, extra="", others=()):
        self.towns, self.extra, self.key, self.others = {}, extra, key, list(others)
        self.ports = {t: [free_port() for _ in range(n)] for t, n in towns.items()}
        for name, gateways in towns.items():
            town = self.towns[name] = Town(build, name)
            town.key = f"{town.tmp}/federation.key"
            if key and len(self.towns) == 1:
                new_key(build, town.key)
            elif key:
                shutil.copy(next(iter(self.towns.values())).key, town.key)
            if plain < 0: # one node is all of it
                town.node(f"{name}-g1", 1, master=True, federation=self.section(name, 0))
                continue
            town.node(f"{name}-m", 1, master=True)
            for i in range(gateways):
                town.node(f"{name}-g{i + 1}", 2 + i, federation=self.section(name, i))
            for i in range(plain):
                town.node(f"{name}-n{i + 1}", 20 + i)

    def section(self, town, i):
        lists = [f'"{t}=127.0.0.1:{p}"' for t, ports in self.ports.items() for p in ports]
        lists = ", ".join(lists + [f'"{other}"' for other in self.others])
        key = f", key_file: {self.towns[town].key}" if self.key else ""
        return (f"federation: {{ listen: 127.0.0.1:{self.ports[town][i]}, clusters: [ {lists} ]"
                f"{key}{self.extra} }}\n")

    def __getitem__(self, name):
        return next(n for t in self.towns.values() for n in t.nodes if n.name == name)

    def nodes(self):
        return [n for t in self.towns.values() for n in t.nodes]

    def ready(self):
        for n in self.nodes():
            n.ready()
        return self

    def formed(self):
        """Every gateway has a link to each other cluster."""
        for name, town in self.towns.items():
            rows = lambda: [r for r in town.nodes[0].ctl("clusters")["clusters"]
                            if r.get("way") == "to" and r["state"] == "up"]
            want = len(self.ports[name]) * (len(self.towns) - 1)
            eventually(f"{name} has {want} links", lambda: len(rows()) == want)
        return self

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        for t in self.towns.values():
            t.__exit__(kind, *rest)


def ev(node, text, *args, limit=60):
    return node.call(".probe", "eval", text, *[str(a) for a in args], limit=limit)


def one(node, text, *args, **kw):
    values = ev(node, text, *args, **kw)
    return values[0] if values else None


def fails(node, text, *args, **kw):
    """Runs a call that is to raise; gives the error's text."""
    ok, why = ev(node, f"local ok, why = pcall(function(...) {text} end, ...) return ok, "
                       "tostring(why)", *args, **kw)
    if ok:
        raise Failed(f"no error: {text}: {why}")
    return re.sub(r"^\S+:\d+: ", "", why)
