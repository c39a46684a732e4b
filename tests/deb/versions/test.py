"""A package that is really another one: of an earlier commit of this tree (packages.py, "earlier").
Three hosts go from it to this tree's and back, under load, with what nodes keep: a registry,
sessions of players, services that move."""
import os, time
from boxes import eventually, main
from fleets import NODES, Fleet, Players, told
import packages as p

# What an operator asks, which both versions know.
QUESTIONS = ["status", "nodes", "names", "services", "sockets", "timers", "calls", "config",
             "master", "events", "logs", "list", "stat"]
ALL_BY_THEMSELVES = ["events", "logs"]


def ids(f):
    """The harbor ids that the master's registry gives, and the global names of it."""
    rows = f.host("master").ctl("master", "registry")
    return {n["name"]: n["harbor"] for n in rows["nodes"]}


def every_harborctl_asks_every_node(f):
    """That of each host, of whichever version: all nodes answer, of whichever they are."""
    for name, h in f.hosts.items():
        for question in QUESTIONS:
            whom = [] if question in ALL_BY_THEMSELVES else ["--node", "*"]
            r = h.run("harborctl", *whom, "--json", *question.split(), ok=None)
            assert r.returncode == 0 and r.stdout, (name, question, r.stdout[-300:], r.stderr)
            assert all(f'"{n}"' in r.stdout for n in NODES), (name, question, r.stdout)


def protocols(f):
    """What the links of all nodes speak, as far as they say: the earlier version does not."""
    return {r["protocol"] for n in NODES for r in f.host(n).ctl(n, "nodes")["nodes"]
            if r["state"] == "up" and "protocol" in r}


def one_after_the_other(f, deb, first):
    """A roll of one node, and of all others. In between both versions are in one cluster."""
    before, version, was = f.pids(), p.fields(deb, "Version"), ids(f)
    for words, which in ((["--node", first], {first}), ([], set(NODES))):
        began = time.monotonic()
        said = f.fleet("roll", "--deb", deb, *words)
        told(f"{' '.join(sorted(which))}: {version}", began, said)
        assert f.restarts(before) == which, said
        f.complete()
        assert len(protocols(f)) < 2, protocols(f)
        assert ids(f) == was, (ids(f), was)
        every_harborctl_asks_every_node(f)
    assert set(f.versions().values()) == {version}, f.versions()


def too_new(f, deb, before):
    """A configuration that the older version does not know: it is refused before anything is
    changed; a node that is restarted into that version by hand ends with 78."""
    said = f.fleet("roll", "--deb", deb, status=1)
    assert 'unknown key "testing" in node' in said and "nothing was changed" in said, said
    b = f.hosts["b"]
    b.run("dpkg", "-i", "/var/lib/harbor-fleet/next.deb")
    assert f.restarts(before) == set()
    b.run("harborctl", "--node", "map1", "drain", "map1", "--wait")
    b.run("systemctl", "restart", "harbord@map1", ok=None)
    assert b.prop("harbord@map1", "ExecMainStatus") == "78", b.journal_text()[-2000:]


def there_and_back(build):
    """from the earlier version to this one and back: no call fails, no player is disconnected,
    names and ids stay; while both are there, each harborctl asks each node"""
    old, new = (p.one(p.packages(kind), "harbord") for kind in ("earlier", "native"))
    with Fleet(build, old) as f:
        f.begin()
        crowds = [Players(f, "gate1", 20), Players(f, "gate2", 20)]
        one_after_the_other(f, new, "map1")
        f.write(extra=", config: { node: { testing: true } }")
        f.fleet("roll")
        before = f.pids()
        if "HARBORD_TEST_EARLIER" not in os.environ:
            too_new(f, old, before)
        f.write()
        f.fleet("roll", "--deb", new)
        f.complete()
        one_after_the_other(f, old, "gate1")
        for c in crowds:
            assert c.ask()[1] >= 20, c.ask()
            c.end()
        f.no_call_failed()
        eventually("its owner answers", lambda: f.call("map2", "famous", "report"))
        assert not f.call("map2", "famous", "report")[2]


if __name__ == "__main__":
    main([there_and_back], None if p.earlier() else "there is no such commit here: "
         + os.environ.get("HARBORD_TEST_EARLIER", p.EARLIER))
