#!/usr/bin/python3
"""What a node and harborctl write is for its user alone, whatever the umask is: a table of all
files and folders, with the modes that they have."""
import fcntl, os, pty, re, stat, struct, subprocess, termios
from harness import Cluster, eventually, main, up

HERE = os.path.dirname(os.path.abspath(__file__))

# Pattern of a path below the folder of the test -> mode. What is not here fails the test.
TABLE = {
    r"state": 0o700,
    r"state/registry\.sqlite(-wal|-shm)?": 0o600,
    r"state/m-.*\.dump": 0o600,
    r"crash": 0o700,
    r"crash/.*\.dump": 0o600,
    r"run/[ma]\.sock": 0o600,
    r"backup\.sqlite": 0o600,
    r"tape": 0o600,
    r"[0-9a-f]{8}\.log": 0o600, # the messages of a service
    r"new\.key": 0o600,
    r"[ma]\.txt": 0o640, # the log, which a group may read (adm)
}
OWN = r"run|[ma]\.(yaml|log)|cluster\.key" # the test has made them


def files(top):
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), stat.S_IMODE(os.lstat(path).st_mode)


def town(build):
    c = Cluster(build, os.path.dirname(HERE) + "/harborctl")
    os.mkdir(c.tmp + "/run", 0o700)
    c.m = c.node("m", 1, start_now=False, master=True, args="MAIN")
    c.a = c.node("a", 2, start_now=False, args="ALPHA")
    for n in c.nodes:
        n.found = f"{c.tmp}/run/{n.name}.sock"
        with open(n.config) as f:
            text = f.read().replace("threads: 2", f"threads: 2, crash_dir: {c.tmp}/crash" if
                                    n is c.a else "threads: 2")
        with open(n.config, "w") as f:
            f.write(text + f'env: {{ logpath: "{c.tmp}" }}\n'
                    f'admin: {{ listen: "unix:{n.found}" }}\n'
                    f'log: {{ file: {c.tmp}/{n.name}.txt }}\n')
    return c


def start(c):
    before = os.umask(0)
    try:
        for n in c.nodes:
            where = n.found
            n.start()
            n.found = where
        up(c)
        shop = c.m.ctl("names")["names"]
        shop = next(x["handle"] for x in shop if x["name"] == ".shop")
        c.m.ctl("log", shop, "on")
        c.m.ctl("dump")
        c.a.ctl("dump")
        c.m.ctl("registry", "backup", c.tmp + "/backup.sqlite")
        c.m.ctl("record", "--launch", c.tmp + "/tape", "main", "MAIN", "child")
        subprocess.run([c.build + "/harborctl", "key", "new", c.tmp + "/new.key"], check=True)
    finally:
        os.umask(before)


def check(c):
    seen = set()
    for path, mode in files(c.tmp):
        if re.fullmatch(OWN, path):
            continue
        row = [p for p in TABLE if re.fullmatch(p, path)]
        assert row, f"{path}: {mode:o}: what is it?"
        assert mode == TABLE[row[0]], f"{path}: {mode:o}, and not {TABLE[row[0]]:o}"
        seen.add(row[0])
    return seen


def narrow(build):
    """registry, dumps, sockets, recordings, backups, message logs and keys are 0600 under umask 0,
    and a registry of before is made so"""
    with town(build) as c:
        os.umask(0o022)
        start(c)
        missing = set(TABLE) - check(c)
        assert missing <= {r"state/m-.*\.dump", r"crash/.*\.dump"} and len(missing) < 2, missing
        c.m.stop()
        os.chmod(c.tmp + "/state/registry.sqlite", 0o644)
        c.m.start()
        c.m.found = f"{c.tmp}/run/m.sock"
        c.m.ready()
        check(c)


def refused(n, *args):
    p = subprocess.run([n.cluster.build + "/harborctl", "--socket", n.socket, *args],
                       capture_output=True, text=True, timeout=20)
    assert p.returncode and not p.stdout, (args, p)
    return p.stderr


def errors_of_paths_name_them(build):
    """an error about a file names it, whichever command it is"""
    os.environ["SECURE"] = "1" # for reload --keys
    c = town(build)
    del os.environ["SECURE"]
    with c:
        for n in c.nodes:
            where = n.found
            n.start()
            n.found = where
        up(c)
        os.mkdir(c.tmp + "/folder")
        for path in ("/nowhere/x", c.tmp + "/folder"):
            for words in (["record", "--launch", path, "main"], ["registry", "backup", path],
                          ["config", "--diff", path], ["inject", ".shop", path],
                          ["reload", "--keys", path], ["key", "show", path],
                          ["fleet", "render", path, c.tmp + "/out"],
                          ["flame", ".shop", "--seconds", "1", "--svg", path]):
                why = refused(c.m, *words)
                assert path in why and why.count("\n") == 1 and not re.search(r"\.lua:\d", why), \
                    (words, why)
        subprocess.run(["chmod", "0700", c.tmp + "/folder"], check=True)
        if os.path.isdir(c.tmp + "/crash"):
            os.rmdir(c.tmp + "/crash")
        with open(c.tmp + "/crash", "w"): # a file in its place
            pass
        assert c.tmp + "/crash/a-" in refused(c.a, "dump")


def own_folder(node):
    """Where harborctl looks for nodes first: `local` finds those of this test, and not others of
    the host, of which there may be none."""
    return dict(os.environ, RUNTIME_DIRECTORY=os.path.dirname(node.socket))


def on_a_terminal(node, columns, *args):
    """What harborctl shows on a terminal that wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    p = subprocess.Popen([node.cluster.build + "/harborctl", "--socket", node.socket, *args],
                         stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                         env=own_folder(node))
    os.close(theirs)
    text = b""
    try:
        while more := os.read(ours, 65536):
            text += more
    except OSError: # it has ended
        pass
    os.close(ours)
    assert p.wait(20) in (0, 4), text
    return text.decode().replace("\r", "")


def tables_fit(build):
    """tables fit a terminal of 120 columns, with what an operator needs; --wide and pipes have
    all"""
    with town(build) as c:
        for n in c.nodes:
            where = n.found
            n.start()
            n.found = where
        up(c)
        keep = {"nodes": "harbor name address state", "services": "handle service",
                "top": "node cpu_percent service", "sockets": "id kind address", "clock":
                "node clock", "calls": "caller callee calls", "names": "name handle",
                "timers": "timers", "local": "name state socket"}
        for command, wanted in keep.items():
            words = [command, "--once"] if command == "top" else [command]
            text = on_a_terminal(c.m, 120, *words)
            tables = [x for x in text.splitlines() if not x.startswith("not shown: ")]
            assert max(map(len, tables)) <= 120, (command, text)
            for name in wanted.split():
                assert re.search(rf"\b{name}\b", text), (command, name, text)
            wide = on_a_terminal(c.m, 120, "--wide", *words)
            piped = subprocess.run([c.build + "/harborctl", "--socket", c.m.socket, *words],
                                   capture_output=True, text=True, timeout=20,
                                   env=own_folder(c.m)).stdout
            heads = [x.split() for x in (wide.splitlines()[0], piped.splitlines()[0])]
            assert heads[0] == heads[1] and "not shown" not in wide + piped, (heads, wide)
        text = on_a_terminal(c.m, 120, "nodes")
        hidden = re.search(r"^not shown: (.*) \(--wide\)$", text, re.M)[1].split(", ")
        assert "incarnation" in hidden and "proof" in hidden and "state" not in hidden, text
        c.a.kill() # why a node is gone is a column, though the first row has none
        eventually("the reason is shown",
                   lambda: re.search(r"^ +2 +a .* down .*refused",
                                     on_a_terminal(c.m, 120, "nodes"), re.M))


if __name__ == "__main__":
    main([narrow, errors_of_paths_name_them, tables_fit])
