#!/usr/bin/python3
"""Backup and restore of the embedded registry: a copy of a living one; an old copy in the place of
a new one gives out nothing twice; what is no whole backup is refused, and nothing is lost by it."""
import os, shutil, sqlite3, subprocess, threading
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


def register(node, name):
    ok, fence = node.call(".probe", "register", name)
    if not ok:
        raise Failed(fence)
    return fence


def owners(node):
    return {n["name"]: (n["handle"], n["fence"]) for n in node.ctl("names")["names"]
            if n["scope"] == "global"}


def births(node, n=20):
    return [int(h) for h in node.call(".probe", "births", str(n))]


def restore(node, backup):
    """Its exit status and what it says."""
    p = subprocess.run([node.cluster.build + "/harbord", "--restore", backup, node.config],
                       capture_output=True, text=True, timeout=30)
    return p.returncode, p.stdout + p.stderr


def refused(call, text):
    try:
        call()
    except Failed as e:
        assert text in str(e), e
    else:
        raise AssertionError(f"not refused: {text}")


def a_backup_of_a_living_registry(build):
    """harborctl registry backup, while names come and go: a whole file, readable by its owner only;
    wrong places are refused"""
    with Cluster(build, HERE) as c:
        m, a = c.node("m", 1, master=True).ready(), c.node("a", 2).ready()
        stop = threading.Event()
        names = []

        def go_on():
            while not stop.is_set():
                register(a, f"N{len(names)}")
                names.append(f"N{len(names)}")

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for i in range(5):
                before = list(names)
                file = f"{c.tmp}/backup{i}"
                assert m.ctl("registry", "backup", file) == {"written": file}
                assert os.stat(file).st_mode & 0o777 == 0o600
                with sqlite3.connect(file) as db:
                    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                    kept = {n for n, in db.execute("SELECT name FROM name")}
                    assert set(before) <= kept, (before, kept)
                    assert db.execute("SELECT last FROM number").fetchone()[0] > 0
        finally:
            stop.set()
            thread.join()
        refused(lambda: m.ctl("registry", "backup", file), "File exists")
        refused(lambda: m.ctl("registry", "backup", "here"), "must begin with /")
        refused(lambda: m.ctl("registry", "backup", "/nowhere/x"), "No such file")
        refused(lambda: m.ctl("registry", "erase", "/x"), "unknown option")
        refused(lambda: a.ctl("registry", "backup", c.tmp + "/of_a"), "not the master")
        refused(lambda: m.ctl("master", "move"), "the embedded registry cannot move")
        refused(lambda: a.ctl("master", "move"), "not the master, nor a candidate")
        shown = m.ctl("master")
        assert shown["role"] == "master" and shown["registry"] == "embedded", shown
        assert shown["leader"] == "m" and shown["save_seconds"] > 0, shown
        shown = a.ctl("master")
        assert shown["role"] == "member" and shown["address"].endswith(str(c.master_port)), shown


def an_old_backup_gives_out_nothing_twice(build):
    """after a restore living nodes keep id and names, and no handle or number that was given out
    since the backup comes again; also when it is restored twice"""
    with Cluster(build, HERE) as c:
        m, a, b = (c.node(n, i, master=i == 1).ready() for i, n in ((1, "m"), (2, "a"), (3, "b")))
        register(b, "OLD")
        seen = {n: births(n) for n in (m, a, b)}
        backup = c.tmp + "/backup"
        m.ctl("registry", "backup", backup)
        fences = [register(a, "KEPT")]
        for n in (m, b):
            n.stop()
            n.start().ready()
            seen[n] += births(n)
        fences.append(register(b, "OF_B"))
        a_before = owners(a)
        for _ in range(2):
            code, said = restore(m, backup)
            assert code != 0 and "in use: stop the node first" in said, said
            m.stop()
            code, said = restore(m, backup)
            assert code == 0 and "restored from" in said, said
            assert os.path.exists(f"{c.tmp}/state/registry.sqlite.before-restore")
            b.kill()  # nobody tells the master how far it had come
            m.start().ready()
            assert m.logged("the registry comes from a backup")
            b.start().ready(30)
            for n in (m, b):
                assert n.ctl("status")["harbor"] == {m: 1, b: 3}[n]
                new = births(n)
                assert not set(new) & set(seen[n]), n.name
                seen[n] += new
            eventually("a has its name", lambda: owners(b)["KEPT"] == a_before["KEPT"])
            assert "OLD" not in owners(a)  # its owner's life is over
            fences.append(register(b, f"NEW{len(fences)}"))
            new = births(a)
            assert not set(new) & set(seen[a])
            seen[a] += new
        assert fences == sorted(set(fences)), fences
        # the mark went with the first save
        m.stop()
        with sqlite3.connect(f"{c.tmp}/state/registry.sqlite") as db:
            assert db.execute("SELECT one FROM number").fetchall() == [(0,)]


def what_is_no_backup_is_refused(build):
    """a file that is cut off, damaged, empty, of something else or not there is refused with its
    name and a reason, and the registry stays as it was"""
    with Cluster(build, HERE) as c:
        m = c.node("m", 1, master=True).ready()
        fence = register(m, "A")
        backup = c.tmp + "/backup"
        m.ctl("registry", "backup", backup)
        m.stop()
        with open(backup, "rb") as f:
            whole = f.read()
        assert len(whole) > 8192
        for name, content in (("cut", whole[:len(whole) // 2]), ("empty", b""),
                              ("text", b"node 1 a\n" * 1000),
                              ("damaged", whole[:4100] + os.urandom(4000) + whole[8100:])):
            with open(f"{c.tmp}/{name}", "wb") as f:
                f.write(content)
        with sqlite3.connect(c.tmp + "/other") as db:
            db.execute("CREATE TABLE node(x)")
        with sqlite3.connect(c.tmp + "/ours") as db:
            db.execute("CREATE TABLE node(x)")
            db.execute("PRAGMA user_version=2")
        db.close()
        for name, text in (("cut", "malformed"), ("empty", "no registry"),
                           ("text", "not a database"), ("damaged", ""), ("other", "no registry"),
                           ("ours", "its tables are missing"), ("nowhere", "unable to open")):
            code, said = restore(m, f"{c.tmp}/{name}")
            assert code == 65 and f"{c.tmp}/{name}: " in said and text in said, (name, code, said)
            assert not os.path.exists(f"{c.tmp}/state/registry.sqlite.before-restore"), name
        m.start().ready()
        assert register(m, "B") == fence + 1 or register(m, "B") > fence
        assert not m.logged("comes from a backup")
        m.stop()
        # a registry that is damaged itself can be replaced
        with open(f"{c.tmp}/state/registry.sqlite", "wb") as f:
            f.write(b"rubbish" * 1000)
        m.start()
        assert m.process.wait(20) != 0 and m.logged("not a database")
        code, said = restore(m, backup)
        assert code == 0, said
        m.start().ready()
        # and who has none has nothing to restore
        a = c.node("a", 2, start_now=False)
        code, said = restore(a, backup)
        assert code == 65 and "nothing to restore" in said, said


main([a_backup_of_a_living_registry, an_old_backup_gives_out_nothing_twice,
      what_is_no_backup_is_refused])
