#!/usr/bin/python3
"""Several nodes on one host, each started with nothing but its configuration: skynet-style ones of
single nodes and of clusters, at the same moment, as root and as another user; their control
sockets, and how harborctl finds them."""
import contextlib, fcntl, glob, json, os, re, shutil, signal, socket, subprocess, tempfile, time
from harness import Cluster, Failed, eventually, free_port, main
from stock import Stock

HOST = socket.gethostname()
PATHS = """start = "main"
bootstrap = "snlua bootstrap"
lualoader = "./skynet/lualib/loader.lua"
luaservice = "./skynet/service/?.lua;./?.lua"
"""
ENDS = """local skynet = require "skynet"
require "skynet.manager"
skynet.start(function()
	print("GAME", skynet.getenv "who", "runs")
	skynet.sleep(50)
	skynet.abort()
end)
"""
STAYS = """local skynet = require "skynet"
require "skynet.manager"
skynet.start(function()
	if skynet.getenv "harbor" ~= "0" then
		skynet.name("SVC" .. skynet.getenv "harbor", skynet.self())
	end
	skynet.dispatch("lua", function(_, _, to, ...)
		if to then return skynet.retpack(skynet.call(to, "lua")) end
		skynet.retpack(skynet.getenv "who")
	end)
	skynet.name(".game", skynet.self())
end)
"""
DEFAULT = {"RUNTIME_DIRECTORY": None, "XDG_RUNTIME_DIR": None}


def single(who):
    return f'thread = 2\nharbor = 0\nwho = "{who}"\n' + PATHS


def member(harbor, who, master, is_master=False):
    return (f'thread = 2\nharbor = {harbor}\nwho = "{who}"\naddress = '
            f'"127.0.0.1:{free_port()}"\nmaster = "127.0.0.1:{master}"\n'
            + (f'standalone = "127.0.0.1:{master}"\n' if is_master else "") + PATHS)


@contextlib.contextmanager
def games(build, files, main_lua=STAYS, env=None, prefix=(), folder=None):
    """All of the configurations in files, started at once in one folder."""
    tmp = folder or tempfile.mkdtemp(prefix="harbor-test-")
    os.chmod(tmp, 0o755)
    nodes = []
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, tmp, ignore_errors=True)
        for name, text in files.items():
            nodes.append(stack.enter_context(Stock(build, {"main.lua": main_lua, name: text},
                                                   config=name, node=name,
                                                   env={**DEFAULT, **(env or {})}, tmp=tmp,
                                                   prefix=prefix)))
        for n in nodes:
            n.start()
        yield nodes


def four(master):
    return {"one.lua": single("one"), "two.lua": single("two"),
            "harbor1.lua": member(1, "h1", master, True),
            "harbor2.lua": member(2, "h2", master)}


def ctl(build, *args, env=None, prefix=(), limit=20):
    env = {k: v for k, v in {**os.environ, **DEFAULT, **(env or {})}.items() if v is not None}
    return subprocess.run([*prefix, os.path.abspath(build) + "/harborctl", *args],
                          capture_output=True, text=True, timeout=limit,
                          env=env)


def local(build, **kw):
    p = ctl(build, "--json", "local", **kw)
    assert p.returncode == 0, p
    return json.loads(p.stdout)["nodes"]


def run_four(build, env=None, prefix=()):
    with games(build, four(free_port()), ENDS, env, prefix) as nodes:
        for n, who in zip(nodes, ("one", "two", "h1", "h2")):
            assert n.process.wait(30) == 0, (who, n.out[-2000:], n.err[-500:])
            assert f"GAME\t{who}\truns" in n.out, n.out
        names = sorted(os.listdir(nodes[0].tmp))
        assert names == sorted(["main.lua"] + [x for n in nodes
                                               for x in (n.node, n.node + ".out",
                                                         n.node + ".err")]), names


def four_nodes_at_once(build):
    """two single nodes and two of a cluster, configured the skynet way, at once: all run, nothing
    is left in their folder"""
    run_four(build)


def names_tell_them_apart(build):
    """the default name tells harbor id or file; a socket of that name in a default place; harborctl
    sees who is who"""
    with games(build, four(free_port())) as nodes:
        for n, name in zip(nodes, ("one", "two", "1", "2")):
            status = eventually(f"{name} runs", lambda: n.ctl("status")["state"] == "running"
                                and n.ctl("status"))
            assert status["node"] == f"{HOST}-{name}", status
            assert status["config"] == os.path.realpath(n.tmp) + "/" + n.node, status
            assert (status.get("cluster"), status["warnings"]) == ("harbor"
                                                                   if name.isdigit() else None,
                                                                   []), status
        seen = {x["pid"]: x for x in local(build)}
        for n in nodes:
            assert seen[n.process.pid]["socket"] == n.socket \
                and seen[n.process.pid]["state"] == "running", seen
        assert nodes[3].call(".game", "SVC1") == ["h1"] and nodes[2].call(".game", "SVC2") == ["h2"]


def one_file_many_nodes(build):
    """eight nodes of one file at the same moment, again and again after kill -9: a socket each, no
    more of them than nodes"""
    name = f"many{os.getpid()}"
    sockets = None
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            nodes = [stack.enter_context(Stock(build,
                                               {"main.lua": STAYS, f"{name}.lua": single("x")},
                                               config=f"{name}.lua",
                                               env=DEFAULT)) for _ in range(8)]
            for n in nodes:
                n.start()
            found = sorted(eventually("its socket", lambda: n.socket) for n in nodes)
            for n in nodes:
                assert eventually("it answers", lambda: n.ctl("status")["pid"]) == n.process.pid
            assert len(set(found)) == 8, found
            assert sockets in (None, found), (sockets, found)
            sockets = found
            for n in nodes:
                n.process.kill()
                n.process.wait()
    for path in sockets: # a harborctl of this user may have been faster
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def two_clusters(build):
    """two clusters with harbors 1, 2 and 3 each at once: everybody is in his own, and answers as
    himself"""
    files = {}
    for c in "ab":
        port = free_port()
        files.update({f"{c}{i}.lua": member(i, f"{c}{i}", port, i == 1) for i in (1, 2, 3)})
    with games(build, files) as nodes:
        for n in nodes:
            eventually(f"{n.node} runs", lambda: n.ctl("status")["state"] == "running")
        for n in nodes:
            c = n.node[0]
            for to in (1, 2, 3):
                assert n.call(".game", f"SVC{to}") == [f"{c}{to}"], (n.node, to)
        sockets = {n.socket for n in nodes}
        assert len(sockets) == 6, sockets
        assert {x["socket"] for x in local(build)} >= sockets
        # an id that two clusters have is asked for by its socket, not guessed
        p = ctl(build, "--node", "2", "status")
        assert p.returncode == 2 and "--socket" in p.stderr and all(n.socket in p.stderr
                                                                     for n in nodes
                if "2" in n.node), p


def what_is_in_the_way(build):
    """a default socket's name that is taken by a stranger, a frozen node or a file gives way; one
    of a dead node is used"""
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp, contextlib.ExitStack() as stack:
        def start(name, **kw):
            return stack.enter_context(Stock(build,
                                             {"main.lua": STAYS, f"{name}.lua": single(name)},
                                             config=f"{name}.lua",
                                             env={**DEFAULT, "XDG_RUNTIME_DIR": tmp}, **kw)).start()

        def place(name):
            return f"{tmp}/harbord-{HOST}-{name}.sock"
        with socket.socket(socket.AF_UNIX) as stranger, socket.socket(socket.AF_UNIX) as dead:
            stranger.bind(place("a"))
            stranger.listen(0)
            stack.callback(os.unlink, place("a"))
            dead.bind(place("b"))
            dead.listen(1)
            dead.close()
            with open(place("c"), "w") as f:
                f.write("not a socket")
            for name, number in (("a", "+2"), ("b", ""), ("c", "+2")):
                n = start(name)
                path = eventually("its socket", lambda: n.socket)
                assert path == place(name).replace(".sock", number + ".sock"), path
                eventually("it answers", lambda: n.ctl("status")["pid"] == n.process.pid)
                assert n.end() == 0 and not os.path.exists(path)
            with open(place("c")) as f:
                assert f.read() == "not a socket"
        # a frozen node whose queue of connections is full
        frozen = start("d")
        eventually("it answers", lambda: frozen.ctl("status"))
        frozen.process.send_signal(signal.SIGSTOP)
        held = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(64)]
        for s in held:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(place("d"))
        n = start("d")
        assert eventually("its socket", lambda: n.socket) == place("d+2")
        eventually("it answers", lambda: n.ctl("status"))
        frozen.process.send_signal(signal.SIGCONT)
        eventually("the first one is well",
                   lambda: frozen.ctl("status")["pid"] == frozen.process.pid)


def a_runtime_folder_that_is_none(build):
    """$XDG_RUNTIME_DIR is missing, not ours, too long: the next place is taken; harborctl finds the
    node there"""
    for folder in ("/nowhere/at/all", "/proc", "/tmp/" + "x" * 100):
        with Stock(build, {"main.lua": STAYS, "config.lua": single("x")},
                   env={**DEFAULT, "XDG_RUNTIME_DIR": folder}).start() as n:
            path = eventually("its socket", lambda: n.socket)
            assert not path.startswith(folder), path
            assert path in {x["socket"] for x in local(build, env={"XDG_RUNTIME_DIR": folder})}
            assert n.end() == 0


def harborctl_finds_them(build):
    """harborctl without an option: none, one, several, a frozen one, dead sockets; --node by name
    and id; never for long"""
    with Cluster(build, os.path.dirname(os.path.abspath(__file__))) as c:
        here = {"RUNTIME_DIRECTORY": c.tmp + "/run"}
        os.mkdir(c.tmp + "/run")

        def ask(*args, env=here):
            began = time.monotonic()
            p = ctl(build, *args, env=env)
            assert time.monotonic() - began < 8, (args, time.monotonic() - began)
            return p
        # nobody but those who run elsewhere on this host
        p = ask("--node", "nosuchnode", "status")
        assert p.returncode == 69 and p.stderr.startswith("harborctl: no node") \
            and len(p.stderr.splitlines()) == 1, p
        a = c.node("a", 2, start="game", env=here, start_now=False, master=True)
        a.start().ready()
        p = ask("status", "--json")
        assert p.returncode == 0 and json.loads(p.stdout)["node"] == "a", p
        b = c.node("b", 255, start="game", env=here).ready()
        far = c.node("far", 7, start="game").ready()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(c.tmp + "/run/dead.sock")
            dead.listen(1)
        p = ask("status")
        assert p.returncode == 2 and a.socket in p.stderr and b.socket in p.stderr \
            and "dead" not in p.stderr, p
        assert not p.stdout and "--node" in p.stderr, p
        eventually("all know each other",
                   lambda: all(len([x for x in n.ctl("nodes")["nodes"]
                                    if x["state"] in ("up", "self")]) == 3
                                                      for n in (a, b, far)))
        for wanted, name in (("a", "a"), ("2", "a"), ("b", "b"), ("255", "b"), ("far", "far"),
                             ("7", "far")):
            p = ask("--json", "--node", wanted, "status")
            assert p.returncode == 0 and json.loads(p.stdout)["node"] == name, (wanted, p)
            p = ask("--json", "--socket", a.socket, "--node", wanted, "status")
            assert p.returncode == 0 and json.loads(p.stdout)["node"] == name, (wanted, p)
        p = ask("--node", "8", "status")
        assert p.returncode == 69 and "no node 8" in p.stderr, p
        p = ask("--node", "a", "local", "--json")
        assert [x["name"] for x in json.loads(p.stdout)["nodes"]] == ["a"], p
        b.signal(signal.SIGSTOP)
        try:
            p = ask("status")
            assert p.returncode == 2 and "stopped" in p.stderr and b.socket in p.stderr, p
            # what may be done about it is said at once, and the other node is not held up by it
            p = ask("--node", "b", "status")
            assert p.returncode == 69 and f"kill -CONT {b.process.pid}" in p.stderr, p
            took = []
            for _ in range(5):
                began = time.monotonic()
                p = ask("--json", "--node", "a", "status")
                took.append(time.monotonic() - began)
                assert p.returncode == 0 and json.loads(p.stdout)["node"] == "a", p
            assert min(took) < 0.8, took
        finally:
            b.signal(signal.SIGCONT)
        far.stop()
        b.kill()
        p = ask("--json", "status")
        assert p.returncode == 0 and json.loads(p.stdout)["node"] == "a", p
        # one that waits for its master is asked why, by the id of its configuration
        with Stock(build, {"main.lua": STAYS, "config.lua": member(9, "x", free_port())},
                   env={**DEFAULT, **here}).start() as waits:
            eventually("its socket", lambda: waits.socket)
            p = ask("--json", "--node", "9", "status")
            status = json.loads(p.stdout)
            assert p.returncode == 4 and (status["harbor"], status["pid"]) == (9,
                                                                               waits.process.pid), p


def dead_socket(path, uid=None):
    """What a node that was killed leaves behind."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(1)
        os.chmod(path, 0o600)
    if uid is not None:
        os.chown(path, uid, uid)


def the_dead_leave_nothing(build):
    """a socket of the host's own name whose node was killed is in nobody's way; harborctl removes
    it, but no file and none of a living node"""
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp, contextlib.ExitStack() as stack:
        here = {"XDG_RUNTIME_DIR": tmp}
        dead = [f"{tmp}/harbord-{name}.sock"
                for name in (HOST, f"{HOST}-1", f"{HOST}-config", f"{HOST}-config+2",
                             f"{HOST}-config+3")]
        for path in dead:
            dead_socket(path)
        # the name of the second is on its way to a living node, whose queue of connections is full
        os.unlink(dead[1])
        full = stack.enter_context(socket.socket(socket.AF_UNIX))
        full.bind(dead[1])
        full.listen(0)
        for _ in range(4):
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(dead[1])
        with open(f"{tmp}/harbord-file.sock", "w") as f:
            f.write("not a socket")
        n = stack.enter_context(Stock(build, {"main.lua": STAYS, "config.lua": single("x")},
                                      env={**DEFAULT, **here}).start())
        assert eventually("its socket", lambda: n.socket) == dead[2]
        eventually("it runs", lambda: n.ctl("status")["state"] == "running")
        # who is about to bind one in that folder is not disturbed
        folder = os.open(tmp, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        assert dead[2] in {x["socket"] for x in local(build, env=here)}
        assert all(os.path.exists(x) for x in dead), os.listdir(tmp)
        os.close(folder)
        assert dead[2] in {x["socket"] for x in local(build, env=here)}
        left = [dead[1], dead[2], f"{tmp}/harbord-file.sock"]
        assert sorted(os.listdir(tmp)) == sorted(os.path.basename(x) for x in left), os.listdir(tmp)
        n.process.kill()
        n.process.wait()
        local(build, env=here)
        assert sorted(os.listdir(tmp)) == sorted(os.path.basename(x) for x in left
                                                 if x != dead[2]), os.listdir(tmp)


def the_dead_of_others(build):
    """nodes of other users that harborctl may not ask are counted while they live, and not when
    they are dead"""
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp, contextlib.ExitStack() as stack:
        os.chmod(tmp, 0o755)
        shutil.copy(f"{build}/harborctl", f"{tmp}/harborctl")
        os.mkdir(tmp + "/run", 0o755)
        # where a socket lies, no other folder is looked into
        here = {"RUNTIME_DIRECTORY": tmp + "/run"}

        def told():
            p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                tmp + "/harborctl", "status"],
                               capture_output=True, text=True, timeout=20,
                               env={**os.environ, **here})
            assert p.returncode == 69 and "no node" in p.stderr, p
            listed = subprocess.run([*p.args[:-1], "local"], capture_output=True, text=True,
                                    timeout=20, env={**os.environ, **here})
            more = re.search(r"^harborctl: (\d+) more of other users, which", listed.stderr)
            assert listed.returncode == 0 and listed.stdout == "no nodes\n", listed
            count = re.search(r" as this user \((\d+) of other users\)", p.stderr)
            assert (count and count[1]) == (more and more[1]), (p, listed)
            return int(count[1]) if count else 0
        for i in range(3):
            dead_socket(f"{tmp}/run/{HOST}-{i}.sock")
        assert told() == 0
        live = stack.enter_context(Stock(build, {"main.lua": STAYS, "config.lua": single("x")},
                                         env={**DEFAULT, **here}).start())
        eventually("it runs", lambda: live.ctl("status")["state"] == "running")
        assert told() == 1
        assert len(os.listdir(tmp + "/run")) == 4, os.listdir(tmp + "/run") # they are root's
        assert [x["socket"] for x in local(build, env=here)] == [live.socket]
        assert os.listdir(tmp + "/run") == [os.path.basename(live.socket)], os.listdir(tmp + "/run")
        live.process.kill()
        live.process.wait()
        assert told() == 0


def strangers_on_the_way(build):
    """a socket in a usual place that answers nonsense, too much or nothing costs harborctl a second
    and is no node to use"""
    import threading
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp:
        answers = [b"ok 5\n{\"a\":", b"x" * 5000, b"error 2\n{}\n", b"ok 99999999999999999999\n",
                   b"ok -1\n\n", b"\0" * 100,
                   b"ok 1500000\n" + b"1" * (2 << 20), b"ok 3\nno!\n"]

        def serve(s, answer):
            with contextlib.suppress(OSError):
                while True:
                    c, _ = s.accept()
                    with contextlib.suppress(OSError):
                        c.sendall(answer)
                    held.append(c)
        held, listeners = [], []
        for i, answer in enumerate(answers):
            s = socket.socket(socket.AF_UNIX)
            s.bind(f"{tmp}/{i}.sock")
            s.listen(4)
            listeners.append(s)
            threading.Thread(target=serve, args=(s, answer), daemon=True).start()
        began = time.monotonic()
        seen = local(build, env={"RUNTIME_DIRECTORY": tmp})
        assert time.monotonic() - began < 5, time.monotonic() - began
        # all are of this process, so they are one; and it has no status
        assert [x["state"] for x in seen] == ["no answer"] and seen[0]["pid"] == os.getpid(), seen
        for s in listeners + held:
            s.close()


def as_another_user(build):
    """as nobody: the four nodes with and without $XDG_RUNTIME_DIR and $HOME; harborctl finds one's
    own, root's all"""
    if os.geteuid() != 0:
        return run_four(build, {"HOME": None})
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp:
        os.chmod(tmp, 0o755)
        os.mkdir(tmp + "/build")
        for name in ("harbord", "harborctl"):
            shutil.copy(f"{build}/{name}", f"{tmp}/build/{name}")
        shutil.copytree(os.path.dirname(os.path.abspath(__file__)) + "/../../../lua", tmp + "/lua")
        subprocess.run(["chmod", "-R", "a+rX", tmp], check=True)
        os.mkdir(tmp + "/run", 0o700)
        os.chown(tmp + "/run", 65534, 65534)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for env in ({"HOME": None}, {"HOME": "/nonexistent", "XDG_RUNTIME_DIR": tmp + "/run"},
                    {"HOME": "/root", "XDG_RUNTIME_DIR": "/run/user/0"}):
            run_four(tmp + "/build", env, user)
        with games(tmp + "/build", four(free_port()), prefix=user) as nodes:
            for n in nodes:
                eventually(f"{n.node} runs", lambda: n.ctl("status")["state"] == "running")
            sockets = {n.socket for n in nodes}
            assert all(x.startswith("/tmp/harbord-65534/") for x in sockets), sockets
            with Stock(build, {"main.lua": STAYS, "config.lua": single("roots")},
                       env=DEFAULT).start() as roots:
                eventually("it runs", lambda: roots.ctl("status")["state"] == "running")
                mine = {x["socket"]: x for x in local(tmp + "/build", prefix=user)}
                assert set(mine) >= sockets and roots.socket not in mine, mine
                assert all(mine[x]["user"] == "nobody" for x in sockets), mine
                assert {x["socket"] for x in local(build)} >= sockets | {roots.socket}
                p = ctl(tmp + "/build", "--socket", roots.socket, "status", prefix=user)
                assert p.returncode == 69 and "Permission denied" in p.stderr, p


def where_state_is(build):
    """a master writes its registry where it is told, or nowhere, and says so"""
    for line, text in (("", "registry in memory only"),
                       ('harbord_master_state_dir = "./kept"\n', "registry in ./kept")):
        with games(build, {"config.lua": member(1, "m", free_port(), True) + line}, ENDS) as (n,):
            assert n.process.wait(30) == 0
            assert text in n.out, n.out
            assert os.path.exists(n.tmp + "/kept/registry.sqlite") == bool(line)
            assert not glob.glob(n.tmp + "/*.sqlite*"), os.listdir(n.tmp)


if __name__ == "__main__":
    main([four_nodes_at_once, names_tell_them_apart, one_file_many_nodes, two_clusters,
          what_is_in_the_way,
          a_runtime_folder_that_is_none, harborctl_finds_them, strangers_on_the_way,
          the_dead_leave_nothing, the_dead_of_others,
          as_another_user, where_state_is])
