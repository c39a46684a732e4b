#!/usr/bin/python3
"""An older harbord finds what a newer one left: keys of a configuration, the registry and a backup
of it, sessions, a recording. It refuses each with a line that says so, and changes none of them."""
import fcntl, hashlib, importlib.util, os, re, sqlite3, struct, subprocess, sys
from harness import Cluster, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.append(os.path.dirname(HERE) + "/kept_sockets")
from manager import Manager
# players and their gate
spec = importlib.util.spec_from_file_location("kept", f"{sys.path[-1]}/test.py")
kept = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kept)
F_ADD_SEALS, SEALS = 1033, 0x000f # seal, shrink, grow, write


def ends(node, limit=20):
    """Starts the node; returns its status and what it said."""
    p = subprocess.run([node.cluster.build + "/harbord", node.config], capture_output=True,
                       text=True, timeout=limit, env=node.env)
    return p.returncode, p.stdout + p.stderr


def sections():
    with open(ROOT + "/conf/schema.def", encoding="utf-8") as f:
        return sorted(set(re.findall(r"KEY\((\w+), ", f.read())) - {"section"})


def keys_of_a_newer_one(build):
    """a key or a section that this one does not know is refused with 78, with file, line and
    column; in files of an instance, too"""
    with Cluster(build, HERE) as c:
        node = c.node("a", 1, master=True, start_now=False)
        with open(node.config, encoding="ascii") as f:
            plain = f.read()
        for section in sections() + ["mesh"]:
            with open(node.config, "w", encoding="ascii") as f:
                f.write("".join(line for line in plain.splitlines(True)
                                if not line.startswith(section + ":")))
                f.write(f"{section}:\n  quorum_of_2031: 3\n")
            line = plain.count("\n") + 1 - sum(x.startswith(section + ":")
                                               for x in plain.splitlines())
            status, said = ends(node)
            if section == "mesh":
                wanted = f'{node.config}:{line}:1: unknown section "mesh"'
            else:
                wanted = f'{node.config}:{line + 1}:3: unknown key "quorum_of_2031" in {section}'
            assert (status == 78 and wanted in said) or section == "env", (section, status, said)
        os.mkdir(c.tmp + "/etc")
        os.mkdir(c.tmp + "/etc/a.yaml.d")
        with open(c.tmp + "/etc/a.yaml", "w", encoding="ascii") as f:
            f.write(f'lua: {{ start: main, service_path: ["{HERE}/?.lua"] }}\n')
        with open(c.tmp + "/etc/a.yaml.d/50-new.yaml", "w", encoding="ascii") as f:
            f.write("net: { quic: true }\n")
        p = subprocess.run([c.build + "/harbord", "--instance", "a"], capture_output=True,
                           text=True, timeout=20,
                           env={**os.environ, "CONFIGURATION_DIRECTORY": c.tmp + "/etc"})
        assert p.returncode == 78, p
        assert f'{c.tmp}/etc/a.yaml.d/50-new.yaml:1:8: unknown key "quic" in net' in p.stderr, p


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def registry_of_a_newer_one(build):
    """the registry, and a backup, in a format that is not known yet: refused, left as they are, and
    there again for the newer one"""
    with Cluster(build, HERE) as c:
        node = c.node("a", 1, master=True).ready()
        node.ctl("registry", "backup", c.tmp + "/backup")
        assert node.stop() == 0
        file = c.tmp + "/state/registry.sqlite"

        def version(path, number):
            db = sqlite3.connect(path)
            if number == 3: # whose tables are others
                db.execute("ALTER TABLE node RENAME COLUMN births TO starts")
            elif number == 2:
                db.execute("ALTER TABLE node RENAME COLUMN starts TO births")
            db.execute(f"PRAGMA user_version={number}")
            db.commit()
            db.close()

        for path in (file, c.tmp + "/backup"):
            version(path, 3)
        before = digest(file)
        status, said = ends(node)
        assert status == 78, (status, said)
        assert (f"registry {file}: a newer harbord wrote it, in a format that this one does not "
                "know: install that one again") in said, said
        assert digest(file) == before
        p = subprocess.run([c.build + "/harbord", "--restore", c.tmp + "/backup", node.config],
                           capture_output=True, text=True)
        assert p.returncode == 65 and f"{c.tmp}/backup: a newer harbord wrote it" in p.stderr, p
        assert digest(file) == before
        version(file, 2) # back to the newer one, so to speak
        node.start().ready()


def sessions_of_a_newer_one(build):
    """sessions that a newer life kept, in a format that is not known: a line says that they end,
    their players see it, and the listener goes on"""
    port = free_port()
    with Manager(build, kept.config(f"127.0.0.1:{port}")) as m:
        m.start()
        players = [kept.Player(port, f"p{i}") for i in range(3)]
        for p in players:
            p.play()
        assert m.stop() == 0
        with m.lock:
            at = next(i for i, (name, _) in enumerate(m.store) if name == "harbor-sessions")
            old = m.store[at][1]
            table = os.pread(old, 1 << 20, 0)
            assert table.startswith(b"harbor-sessions 1\n"), table
            new = os.memfd_create("sessions", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
            os.write(new, table.replace(b"sessions 1\n", b"sessions 2\n", 1))
            fcntl.fcntl(new, F_ADD_SEALS, SEALS)
            os.close(old)
            m.store[at] = (m.store[at][0], new)
        m.start()
        eventually("it says so", lambda: "says of its 3 sessions is in a format that this harbord "
                   "does not know, of a newer one: they end" in m.log())
        for p in players:
            assert p.ended()
        kept.Player(port, "new").play()


def recording_of_a_newer_one(build):
    """a recording in a format that is not known: status 65 and a line"""
    with Cluster(build, HERE) as c:
        node = c.node("a", 0, start_now=False)
        path = c.tmp + "/tape"
        with open(path, "wb") as f:
            f.write(b"harbtape" + struct.pack("<I", 99) + b"\0" * 100)
        p = subprocess.run([c.build + "/harbord", "--replay", path, node.config],
                           capture_output=True, text=True, timeout=20)
        assert p.returncode == 65 and p.stderr.strip().endswith(
            f"{path}: it is of a newer harbord, whose format this one does not know"), p


if __name__ == "__main__":
    main([keys_of_a_newer_one, registry_of_a_newer_one, sessions_of_a_newer_one,
          recording_of_a_newer_one])
