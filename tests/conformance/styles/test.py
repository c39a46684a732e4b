#!/usr/bin/python3
"""Configurations as public games have them, each beside the same small game: paths by concatenation
and by include, variables of the environment, a cluster file, a pid file, a loader with a list of
preloads, comments in blocks, several harbors."""
import contextlib, os, re, signal
from harness import eventually, free_port, main
from stock import Stock

HERE = os.path.dirname(os.path.abspath(__file__))
GENERIC = """local words = {}
for w in (...):gmatch "%S+" do words[#words + 1] = w end
SERVICE_NAME = words[1]
local main, why
for template in LUA_SERVICE:gmatch "[^;]+" do
	if not main then main, why = loadfile((template:gsub("?", SERVICE_NAME))) end
end
package.path, package.cpath = LUA_PATH, LUA_CPATH
for file in LUA_PRELOAD:gmatch "[^;]+" do assert(loadfile(file))() end
assert(main, why)(select(2, table.unpack(words)))
"""


def files_of(style):
    """The game and the files of the style, with ports of the kernel's."""
    files, ports = {}, {}
    for top in ("game", style):
        for at, _, names in os.walk(f"{HERE}/{top}"):
            for name in names:
                with open(f"{at}/{name}", newline="") as f:
                    text = re.sub(r"PORT_\w", lambda m: str(ports.setdefault(m[0], free_port())),
                                  f.read())
                files[os.path.relpath(f"{at}/{name}", f"{HERE}/{top}")] = text
    return files


def runs(n, area):
    eventually(f"{n.node} runs", lambda: n.ctl("status")["state"] == "running")
    assert n.call(".lobby", "where")[0] == area
    return n


def asks(n, *words):
    return n.call(".lobby", *words)[0]


def one(build, style, config, log="", env=None, more=None):
    return Stock(build, {**files_of(style), **(more or {})}, config=config, node="out", log=log,
                 env=env)


def by_concatenation(build):
    """root .. "service/?.lua;", harbor 1 with its own master, comments behind values, logger =
    nil, enablessl"""
    with one(build, "plain", "config").start() as n:
        runs(n, "plain")
        assert asks(n, "call", "LOBBY1") == "plain"
        assert "game is up, welcome to plain" in n.out
        assert "LAUNCH snlua ltls_holder" in n.out
        before = set(os.listdir(n.tmp))
        assert n.end() == 0 and set(os.listdir(n.tmp)) == before and not [x for x in before
                                                                          if "sqlite" in x], before


def by_include(build):
    """include "config.path" beside the configuration, keys of the game's own"""
    with one(build, "paths", "etc/config").start() as n:
        runs(n, "paths")
        assert n.ctl("status")["node"].endswith("-config")


def from_the_environment(build):
    """$ROOT, $SKYNET, a number; a log file; an ending of its own"""
    with one(build, "environ", "conf/game.cfg", log="game.log") as n:
        n.env.update(ROOT=n.tmp, SKYNET="/nowhere/skynet", THREADS="3", AREA="east")
        runs(n.start(), "east")
        assert n.ctl("status")["workers"] == 3


def with_a_cluster_file(build):
    """config.login and config.game in one folder, harbor 0, cluster = "./config/clustername.lua":
    they call each other"""
    files = files_of("pair")
    with contextlib.ExitStack() as stack:
        login = stack.enter_context(Stock(build, files, config="config/config.login", node="login"))
        game = stack.enter_context(Stock(build, files, config="config/config.game", node="game",
                                         tmp=login.tmp))
        for n in (login, game):
            n.start()
        for n in (login, game):
            runs(n, n.node)
        assert asks(login, "cluster", "game") == "game" and asks(game, "cluster",
                                                                 "login") == "login"
        assert [n.ctl("status")["node"].split("-config.")[-1] for n in (login, game)] == ["login",
                                                                                          "game"]


def in_the_background(build):
    """daemon and logger in the folder of the game; two games at once"""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(one(build, "background", "config.lua", log="skynet.log"))
                 for _ in range(2)]
        for n in nodes:
            assert n.run().returncode == 0
        for n in nodes:
            pid = int(n.read("skynet.pid"))
            stack.callback(lambda pid=pid: os.path.exists(f"/proc/{pid}")
                           and os.kill(pid, signal.SIGKILL))
            n.process = type("Process", (), {"pid": pid, "poll": lambda self: 0})()
            runs(n, "background")
            os.kill(pid, signal.SIGTERM)
        for n in nodes:
            eventually("the pid file is gone", lambda: not os.path.exists(n.tmp + "/skynet.pid"))


def with_a_loader(build):
    """lualoader of the game's own that reads preload as a list"""
    more = {"lualib/loadall.lua": GENERIC, "lualib/first.lua": 'PRELOADED = "first"\n',
            "lualib/second.lua":
            'PRELOADED = PRELOADED .. " second"\n'}
    with one(build, "loader", "config.lua", more=more).start() as n:
        runs(n, "loader")
        assert n.call(".lobby", "where") == ["loader", "first second"]


def with_comments(build):
    """a block of comment with colons first, \\r\\n, locals, a function, several statements a
    line"""
    with one(build, "comments", "etc/server.conf").start() as n:
        runs(n, "comments")


def three_harbors(build):
    """three nodes of one folder on 0.0.0.0, those without the master first"""
    files = files_of("trio")
    with contextlib.ExitStack() as stack:
        nodes = []
        for i in (1, 2, 3):
            nodes.append(stack.enter_context(Stock(build, files, config=f"etc/config.node{i}",
                                                   node=f"out{i}",
                                                   tmp=nodes[0].tmp if nodes else None)))
        for n in reversed(nodes):
            n.start()
        for i, n in enumerate(nodes, 1):
            runs(n, f"node{i}")
        for n in nodes:
            for i in (1, 2, 3):
                assert asks(n, "call", f"LOBBY{i}") == f"node{i}"


main([by_concatenation, by_include, from_the_environment, with_a_cluster_file, in_the_background,
      with_a_loader, with_comments,
      three_harbors])
