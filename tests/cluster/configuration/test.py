#!/usr/bin/python3
"""Skynet-style configurations and what they do to the boot and to each service: files and values,
what is wrong with them, defaults that are written back, the order of the boot, the background,
loaders and preload, SERVICE_NAME and SERVICE_PATH, services that fail to load, memory limits and
warnings."""
import os, re, signal, socket
from harness import eventually, free_port, main
from stock import Stock

BASE = 'harbor = 0\nthread = 2\nluaservice = "./svc/?.lua;./dirs/?/init.lua"\n' \
       'lua_path = "./lib/?.lua"\n'
START = 'local skynet = require "skynet"\nrequire "skynet.manager"\n'


def program(body, before=""):
    """A start service that runs body and ends the node."""
    return f"{START}{before}\nskynet.start(function()\n{body}\nskynet.abort()\nend)\n"


def printed(p):
    return dict(line.split("=", 1) for line in p.stdout.splitlines() if re.match(r"\w+=", line))


SHOW = """local function show(...)
	for _, k in ipairs { ... } do io.write(k, "=", tostring(skynet.getenv(k)), "\\n") end
	io.stdout:flush()
end
"""


def values_and_includes(build):
    """values become strings; includes are relative to their file, later ones win; $NAME from the
    environment, everywhere"""
    files = {
        "config.lua": BASE
        + 'include "conf/first.lua"\nhalf = 1.5; number = 12; yes = true; no = false; text = "a '
          'b"\n'
                             'home = "$PLACE/data"  -- a comment\nlast = "outer"\nempty = ""\ngone '
                             '= "x"; gone = nil\nhex = 0x10',
        "conf/first.lua": 'include "deep/second.lua"\nfrom_first = 1\nlast = "first"\n',
        "conf/deep/second.lua": 'from_second = "$PLACE"\nlast = "second"\ninclude '
                                '"$WHERE/third.lua"\n',
        "third.lua": "from_third = 3\n",
        "svc/main.lua": program('show("half", "number", "yes", "no", "text", "home", "last", '
                                '"empty", "gone", "hex", "from_first",'
                                ' "from_second", "from_third", "include")', SHOW),
    }
    with Stock(build, files) as n:
        n.env.update(PLACE="/some/place", WHERE=n.tmp)
        p = n.run()
        assert p.returncode == 0, p
        assert printed(p) == {"half": "1.5", "number": "12", "yes": "true", "no": "false",
                              "text": "a b", "home": "/some/place/data",
                              "last": "outer", "empty": "", "gone": "nil", "hex": "16",
                              "from_first": "1",
                              "from_second": "/some/place", "from_third": "3",
                              "include": "nil"}, printed(p)


def what_is_wrong_is_told(build):
    """a wrong configuration: its message on stderr, status 78, and nothing is started"""
    table = [
        ("harbor = 0; a = {}", "Invalid config table key = a"),
        ("harbor = 0; a = include", "Invalid config table key = a"),
        ("harbor = 0; local _ENV = _ENV; _ENV[1] = 2", "Invalid config table"),
        ('harbor = 0; a = "$NO_SUCH_VARIABLE"', "os.getenv() failed: NO_SUCH_VARIABLE"),
        ("harbor = 0 -- $NO_SUCH_VARIABLE", "os.getenv() failed: NO_SUCH_VARIABLE"),
        ('harbor = 0; include "nothere.lua"', "nothere.lua"),
        ('harbor = 0; include "bad.lua"', "bad.lua:2:"),
        ('harbor = 0; include "wants.lua"', "os.getenv() failed: NOT_SET_EITHER"),
        ('harbor = 0; cpath = "./cservice/x.so"', "Invalid C service path"),
        ('harbor = 0\nprint "x"', "config.lua:2:"),
        ("harbor = 0\nlocal x = = 2", "config.lua:2:"),
        ("harbor = 0\nwhile true do end", "runs too long"),
        ("harbor = 0; thread = 100000", "thread"),
        ("harbor = 256", "harbor"),
        ("x = 1", "address and master are needed"),  # harbor is 1 by default
    ]
    with Stock(build, {"bad.lua": "x = 1\ny = = 2\n", "wants.lua": 'x = "$NOT_SET_EITHER"\n'}) as n:
        for text, message in table:
            with open(n.tmp + "/config.lua", "w") as f:
                f.write(text + "\n")
            for more in ((), ("--check",)):
                p = n.run(*more)
                assert p.returncode == 78 and message in p.stderr and "LAUNCH" not in p.stdout, \
                    (text, message, p)
        n.config = "nowhere.lua"
        p = n.run()
        assert p.returncode == 78 and "nowhere.lua" in p.stderr, p


def defaults_are_written_back(build):
    """getenv sees the defaults of thread, cpath, harbor, bootstrap, profile, logservice; other keys
    stay nil"""
    show = program('show("thread", "cpath", "harbor", "bootstrap", "profile", "logservice", '
                   '"logger", "logpath", "daemon", "master", "address",'
                   ' "lualoader", "preload", "cluster", "nobody")', SHOW)
    with Stock(build, {"config.lua": 'harbor = 0\nluaservice = "./?.lua"\n',
                       "main.lua": show}) as n:
        p = n.run()
        assert p.returncode == 0, p
        assert printed(p) == {"thread": "8", "cpath": "./cservice/?.so", "harbor": "0",
                              "bootstrap": "snlua bootstrap", "profile": "true",
                              "logservice": "logger", "logger": "nil", "logpath": "nil",
                              "daemon": "nil", "master": "nil", "address": "nil",
                              "lualoader": "nil", "preload": "nil", "cluster": "nil",
                              "nobody": "nil"}, printed(p)


def the_boot_in_order(build):
    """the lines of the boot in their order; logger is 1, bootstrap 2; .launcher, .cslave, .service,
    DATACENTER have an owner"""
    files = {"config.lua": BASE, "svc/main.lua": program("""
	for _, name in ipairs { ".launcher", ".cslave", ".service", ".logger" } do
		print(name, skynet.localname(name) ~= nil)
	end
	print("DATACENTER", skynet.call("DATACENTER", "lua", "QUERY", "nothing"))
	print("standalone", skynet.getenv "standalone")
	local list = skynet.call(".launcher", "lua", "LIST")
	for address, what in pairs(list) do print("LIST", what) end""")}
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0, p
        lines = [re.sub(r"^\[:0000000[3-9a-f]\]", "[:n]", x) for x in p.stdout.splitlines()
                 if "LAUNCH" in x or "KILL" in x]
        want = ["[:00000002] LAUNCH snlua bootstrap", "[:n] LAUNCH snlua launcher",
                "[:n] LAUNCH snlua cdummy",
                "[:n] LAUNCH snlua datacenterd", "[:n] LAUNCH snlua service_mgr",
                "[:n] LAUNCH snlua main", "[:00000002] KILL self"]
        at = [lines.index(x) for x in want[:-1]]
        assert at == sorted(at) and lines[:2] == ["[:00000001] LAUNCH logger",
                                                  "[:n] LAUNCH harbord"], lines
        for word in (".launcher\ttrue", ".cslave\ttrue", ".service\ttrue", ".logger\ttrue",
                     "DATACENTER\tnil", "standalone\ttrue",
                     "LIST\tsnlua cdummy", "LIST\tsnlua datacenterd", "LIST\tsnlua service_mgr",
                     "LIST\tsnlua main"):
            assert word in p.stdout, (word, p.stdout)
        assert "LIST\tsnlua launcher" not in p.stdout


def a_bootstrap_of_ones_own(build):
    """bootstrap = another line: that service is the first; one that cannot be launched: `Bootstrap
    error : line`"""
    own = START + """local word = ...
skynet.start(function()
	local launcher = assert(skynet.launch("snlua", "launcher"))
	skynet.name(".launcher", launcher)
	skynet.setenv("standalone", "true")
	skynet.name(".cslave", assert(skynet.newservice "cdummy"))
	skynet.newservice "cmaster"
	print("ME", word, skynet.self())
	skynet.newservice(skynet.getenv "start")
	skynet.exit()
end)
"""
    with Stock(build, {"config.lua": BASE
                       + 'bootstrap = "snlua myboot a_word"\nstart = "mystart"\n',
                       "svc/myboot.lua": own,
                       "svc/mystart.lua": program(
                           'print("STARTED", skynet.getenv "bootstrap")')}) as n:
        p = n.run()
        assert p.returncode == 0 and "ME\ta_word\t2\n" in p.stdout \
            and "STARTED\tsnlua myboot a_word" in p.stdout, p
    with Stock(build, {"config.lua": BASE + 'bootstrap = "nosuch module"\n'}) as n:
        p = n.run()
        assert p.returncode == 70 and "Bootstrap error : nosuch module" in p.stdout + p.stderr, p


def a_node_that_ends_at_once(build):
    """abort in the first moment of the bootstrap service ends the node, every time"""
    own = START + "skynet.start(function() skynet.abort() end)\n"
    with Stock(build, {"config.lua": BASE + 'bootstrap = "snlua myboot"\n',
                       "svc/myboot.lua": own}) as n:
        for _ in range(100):
            assert n.run(limit=20).returncode == 0


def in_the_background(build):
    """daemon = file: the command returns 0, the file has the pid and mode 0644, a second one is
    refused, the end unlinks it"""
    conf = BASE + 'daemon = "./run/node.pid"\nlogger = "./node.log"\nstart = "idle"\n'
    files = {"config.lua": conf, "run/keep": "",
             "svc/idle.lua": START + 'skynet.start(function() skynet.error "idle is up" end)\n'}
    with Stock(build, files) as n:
        old = os.umask(0o022)
        p = n.run()
        os.umask(old)
        assert p.returncode == 0 and not p.stdout and not p.stderr, p
        pid = int(n.read("run/node.pid"))
        try:
            assert n.read("run/node.pid") == f"{pid}\n"
            assert os.stat(n.tmp + "/run/node.pid").st_mode & 0o777 == 0o644
            eventually("the node is up", lambda: "idle is up" in n.read("node.log"))
            assert os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(n.tmp)
            for fd in range(3):
                assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
            assert os.getsid(pid) == pid
            p = n.run()
            assert p.returncode == 69 and f"Skynet is already running, pid = {pid}." in p.stderr, p
            assert int(n.read("run/node.pid")) == pid
        finally:
            os.kill(pid, signal.SIGTERM)
        eventually("the file is gone", lambda: not os.path.exists(n.tmp + "/run/node.pid"))
        eventually("the process is gone", lambda: not os.path.exists(f"/proc/{pid}")
                   or "Z" in open(f"/proc/{pid}/stat").read())


def the_background_tells_what_is_wrong(build):
    """daemon: a file of a dead node is taken over; what fails before the terminal is left has its
    text and status"""
    with Stock(build, {"svc/idle.lua": START + "skynet.start(function() end)\n"}) as n:
        def with_lines(lines):
            with open(n.tmp + "/config.lua", "w") as f:
                f.write(BASE + 'start = "idle"\n' + lines)
            return n.run()
        p = with_lines('daemon = "./nowhere/node.pid"\n')
        assert p.returncode == 78 and "./nowhere/node.pid" in p.stderr, p
        p = with_lines('daemon = "./node.pid"\nlogger = "./nowhere/node.log"\n')
        assert p.returncode == 78 and "./nowhere/node.log" in p.stderr and not os.path.exists(n.tmp
                + "/node.pid"), p
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(1)
            port = s.getsockname()[1]
            p = with_lines(f'daemon = "./node.pid"\nharbor = 1\naddress = '
                           f'"127.0.0.1:{port}"\nmaster = "127.0.0.1:{port}"\n')
            assert p.returncode == 69 and str(port) in p.stdout + p.stderr \
                and not os.path.exists(n.tmp + "/node.pid"), p
        with open(n.tmp + "/node.pid", "w") as f:
            f.write("1\n")  # alive, but nobody holds the file
        p = with_lines('daemon = "./node.pid"\n')
        assert p.returncode == 0, p
        pid = int(n.read("node.pid"))
        assert pid != 1
        os.kill(pid, signal.SIGTERM)
        eventually("the file is gone", lambda: not os.path.exists(n.tmp + "/node.pid"))
        p = n.run("--check")
        assert p.returncode == 0 and not os.path.exists(n.tmp + "/node.pid"), p


def names_and_paths_of_services(build):
    """SERVICE_NAME and SERVICE_PATH, one folder a service, words of the arguments, preload before
    each, require"""
    files = {
        "config.lua": BASE + 'preload = "./pre.lua"\n',
        "pre.lua": 'PRELOADED = table.concat({ ... }, ",")\n',
        "lib/shared.lua": 'return "shared"\n',
        "dirs/folder/init.lua": START + """local words = table.concat({ ... }, ",")
print("FOLDER", SERVICE_NAME, SERVICE_PATH, words, PRELOADED, require "own", require "shared",
	package.path)
for _, w in ipairs { ... } do assert(type(w) == "string") end
skynet.start(function() end)
""",
        "dirs/folder/own.lua": 'return "own"\n',
        "svc/main.lua": program('skynet.newservice("folder", 1, "two  three", 4.5)\n'
                                'print("GLOBALS", LUA_PATH, LUA_CPATH, LUA_SERVICE, LUA_PRELOAD)',
                                'print("MAIN", SERVICE_NAME, SERVICE_PATH, PRELOADED, '
                                'package.path)'),
    }
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0, p
        assert "MAIN\tmain\t./svc/\tmain\t./lib/?.lua\n" in p.stdout, p.stdout
        assert ("FOLDER\tfolder\t./dirs/folder/\t1,two,three,4.5\t"
                "folder,1,two,three,4.5\town\tshared\t"
                "./dirs/folder/?.lua;./lib/?.lua\n") in p.stdout, p.stdout
        assert "GLOBALS\tnil\tnil\tnil\tnil\n" in p.stdout


def a_loader_of_ones_own(build):
    """lualoader: the program's own gets the line and the four globals; the stock one's path means
    the one built in"""
    loader = """local words = {}
for w in (...):gmatch "%S+" do words[#words + 1] = w end
print("LOADER", (...), LUA_PATH, LUA_CPATH, LUA_SERVICE, LUA_PRELOAD)
SERVICE_NAME = words[1]
package.path = LUA_PATH
assert(loadfile((LUA_SERVICE:match "[^;]+":gsub("?", words[1]))))(select(2, table.unpack(words)))
"""
    files = {"config.lua": BASE
             + 'lualoader = "./my/loader.lua"\npreload = "./pre.lua"\nlua_cpath = "./c/?.so"\n',
             "my/loader.lua": loader,
             "svc/other.lua": START + 'print("OTHER", ...)\nskynet.start(function() end)\n',
             "pre.lua": 'print("PRELOAD", ...)\n',
             "svc/main.lua": program('skynet.newservice("other", "a", "b")')}
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0, p
        assert ("LOADER\tmain\t./lib/?.lua\t./c/?.so\t./svc/?.lua;./dirs/?/init.lua\t./pre.lua\n") \
            in p.stdout, p.stdout
        assert "LOADER\tother a b\t" in p.stdout and "OTHER\ta\tb\n" in p.stdout \
            and "PRELOAD\tmain" not in p.stdout, p.stdout
    files["config.lua"] = BASE + 'lualoader = "./skynet/lualib/loader.lua"\n'  # not even there
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0 and "OTHER\ta\tb\n" in p.stdout and "LOADER" not in p.stdout, p
    files["config.lua"] = BASE + 'lualoader = "./my/nothere.lua"\n'
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode != 0 and "Can't load ./my/nothere.lua : " in p.stdout, p


def services_that_fail_to_load(build):
    """a service that is nowhere, does not compile, raises, never starts: the log has all of it, the
    caller is told, it is gone"""
    files = {
        "config.lua": BASE,
        "svc/syntax.lua": "this is not Lua\n",
        "svc/raises.lua": "local function deep() error 'from deep inside' end\ndeep()\n",
        "svc/init.lua": START + 'skynet.start(function() error "in the start function" end)\n',
        "svc/never.lua": "local x = 1\n",
        "svc/main.lua": program("""
for _, name in ipairs { "nowhere", "syntax", "raises", "init", "never" } do
	local ok, why = pcall(skynet.newservice, name)
	print("NEW", name, ok, (tostring(why):find("call failed", 1, true)) ~= nil)
	end
	local n = 0
	for _ in pairs(skynet.call(".launcher", "lua", "LIST")) do n = n + 1 end
	print("LEFT", n)"""),
    }
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0, p
        for name in ("nowhere", "syntax", "raises", "init", "never"):
            assert f"NEW\t{name}\tfalse\ttrue\n" in p.stdout, (name, p.stdout)
        assert "LEFT\t4\n" in p.stdout, p.stdout  # cdummy, datacenterd, service_mgr, main
        out = p.stdout
        for text in ("lua loader error : ", "./svc/nowhere.lua", "./dirs/nowhere/init.lua",
                     "syntax.lua:1:", "from deep inside",
                     "in local 'deep'", "init service failed: ", "in the start function"):
            assert text in out, (text, out)
        assert out.count("KILL self") >= 5, out


def a_start_service_that_fails_ends_the_node(build):
    """start: one that is missing or raises ends the node with a status"""
    for text, status in ((None, 78), ('error "no"\n', 70)):
        with Stock(build, {"config.lua": BASE, **({"svc/main.lua": text} if text else {})}) as n:
            assert n.run().returncode == status


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def addresses_of_a_game(build):
    """standalone and address on 0.0.0.0: it starts, with one warning in the log and in status;
    nodes of one host meet there"""
    stays = START + """skynet.start(function()
	skynet.dispatch("lua", function(_, _, to)
		skynet.retpack(to and skynet.call(to, "lua") or skynet.getenv "harbor") end)
	skynet.name("SVC" .. skynet.getenv "harbor", skynet.self())
	skynet.name(".svc", skynet.self())
end)
"""
    master = free_port()
    hosts = [("0.0.0.0", "127.0.0.1")] + ([("[::]", "[::1]")] if has_ipv6() else [])
    for any_host, loopback in hosts:
        conf = (f'thread = 2\nmaster = "{loopback}:{master}"\nluaservice = "./?.lua"\nharbor = '
                f'HARBOR\n'
                f'address = "{any_host}:0"\n')
        files = {"one.lua": conf.replace("HARBOR", "1") + f'standalone = "{any_host}:{master}"\n',
                 "two.lua": conf.replace("HARBOR", "2"), "main.lua": stays}
        with Stock(build, files, config="one.lua", node="one").start() as one:
            with Stock(build, files, config="two.lua", node="two").start() as two:
                for n, keys in ((one, ("address", "standalone")), (two, ("address",))):
                    status = eventually(f"{n.node} runs",
                                        lambda: n.ctl("status")["state"] == "running"
                                        and n.ctl("status"))
                    assert len(status["warnings"]) == 1, status
                    lines = [x for x in n.out.splitlines() if "WARNING" in x]
                    assert len(lines) == 1 and lines[0].endswith(status["warnings"][0]), lines
                    for word in keys + (any_host, "encrypted", "firewall",
                                        "harbord_cluster_insecure"):
                        assert word in lines[0], (word, lines)
                assert two.call(".svc", "SVC1") == ["1"] and one.call(".svc", "SVC2") == ["2"]
                addresses = {x["name"]: x["address"] for x in one.ctl("nodes")["nodes"]}
                assert len(addresses) == 2 and any(x.startswith(loopback)
                                                   for x in addresses.values()), addresses
    quiet = conf.replace("HARBOR", "1") + f'standalone = "{any_host}:{master}"\n' \
        'harbord_cluster_insecure = true\n'
    with Stock(build, {"config.lua": quiet, "main.lua": stays}).start() as n:
        status = eventually("it runs", lambda: n.ctl("status")["state"] == "running"
                            and n.ctl("status"))
        assert status["warnings"] == [] and "WARNING" not in n.out, status
    with Stock(build,
               {"config.lua": f"cluster: {{ listen: '0.0.0.0:0', master: ['127.0.0.1:{master}'] "
                              f"}}\n"}) as n:
        os.rename(n.tmp + "/config.lua", n.tmp + "/config.yaml")
        n.config = "config.yaml"
        p = n.run()
        assert p.returncode == 78 and "cluster.insecure" in p.stderr, p


THROWS = START + """skynet.start(function()
	skynet.newservice "gatelike"
	skynet.error "the others are up"
	local t = {}
	t.status()
end)
"""


def a_start_service_that_throws(build):
    """a start service that throws when others are up: the default ends the node with 70 and names
    the key that lets it go on"""
    files = {"main.lua": THROWS, "gatelike.lua": START + """skynet.start(function()
	skynet.name(".gatelike", skynet.self())
	skynet.dispatch("lua", function() skynet.retpack "still here" end)
end)
"""}
    base = 'thread = 2\nharbor = 0\nluaservice = "./?.lua"\n'
    with Stock(build, {**files, "config.lua": base}) as n:
        p = n.run()
        assert p.returncode == 70 and 'harbord_lua_on_start_error = "continue"' in p.stdout, p
    with Stock(build, {**files,
                       "config.lua": base
                       + 'harbord_lua_on_start_error = "continue"\n'}).start() as n:
        status = eventually("it runs", lambda: n.ctl("status")["state"] == "running"
                            and n.ctl("status"))
        assert n.call(".gatelike", "x") == ["still here"]
        assert len(status["warnings"]) == 1 \
            and "attempt to call a nil value (field 'status')" in status["warnings"][0], status
        assert "\n" not in status["warnings"][0] and "stack traceback" in n.out
        assert n.end() == 0
    yaml = 'lua: { start: main, service_path: ["?.lua"], on_start_error: WHAT }\n'
    with Stock(build, {**files, "n.yaml": yaml.replace("WHAT", "stop")}, config="n.yaml") as n:
        p = n.run()
        assert p.returncode == 70 and "lua.on_start_error: continue" in p.stderr, p
        # the place where it threw, and none of a file of harbord's
        assert re.search(r"the start service failed: main\.lua:\d+: attempt to call", p.stderr), p
    with Stock(build, {**files, "n.yaml": yaml.replace("WHAT", "continue")}, config="n.yaml",
               log="n.err").start() as n:
        eventually("it runs", lambda: n.ctl("status")["state"] == "running")
        assert n.call(".gatelike", "x") == ["still here"]


def preload_is_the_loaders(build):
    """with a lualoader of the program's own, preload is what that makes of it; our services do not
    load it"""
    loader = """local args = {}
for w in (...):gmatch "%S+" do args[#args + 1] = w end
SERVICE_NAME = args[1]
local main
for pat in LUA_SERVICE:gmatch "([^;]+);*" do
	main = main or loadfile((pat:gsub("?", SERVICE_NAME)))
end
local list = LUA_PRELOAD
LUA_SERVICE, LUA_PRELOAD = nil, nil
package.path, LUA_PATH = LUA_PATH, nil
package.cpath, LUA_CPATH = LUA_CPATH, nil
for f in list:gmatch "([^;]+);*" do assert(loadfile(f))() end
assert(main)(select(2, table.unpack(args)))
"""
    files = {"config.lua": BASE
             + 'lualoader = "./own_loader.lua"\npreload = "./pre.lua;./more.lua;"\n',
             "own_loader.lua": loader,
             "pre.lua": 'PRE = "pre"\n', "more.lua": 'PRE = PRE .. "loaded"\n',
             "svc/main.lua": program('print("PRE", PRE)')}
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0 and "PRE\tpreloaded\n" in p.stdout, p


def our_own_keys(build):
    """harbord_SECTION_KEY is SECTION.KEY of the schema: sockets, names, limits; unknown ones are
    errors; getenv sees them"""
    with Stock(build,
               {"svc/main.lua": program('print("ENV", skynet.getenv '
                                        '"harbord_node_name")\nskynet.sleep(1000)')}) as n:
        def configure(lines):
            with open(n.tmp + "/config.lua", "w") as f:
                f.write(BASE + lines)
        for lines, text in (("harbord_nonsense = 1", "harbord_nonsense"),
                            ("harbord_node_nmae = 1", "nmae"),
                            ("harbord_env_x = 1", "harbord_env_x"),
                            ('harbord_lua_on_start_error = "perhaps"', "stop|continue"),
                            ('harbord_node_name = "a/b"', "node.name"),
                            ('harbord_admin_listen = "/x"', "admin.listen")):
            configure(lines)
            p = n.run("--check")
            assert p.returncode == 78 and text in p.stderr, (lines, p)
        configure(f'harbord_node_name = "own"\nharbord_admin_listen = "unix:{n.tmp}/own.sock"\n')
        n.start()
        status = eventually("it runs", lambda: n.ctl("status"))
        assert status["node"] == "own" and n.socket == n.tmp + "/own.sock", status
        n.said("ENV\town")
        p = n.run()  # a control socket that the configuration names is not given another name
        assert p.returncode == 69 and "own.sock" in p.stdout, p


def memory_is_watched(build):
    """memory: warnings at 32 MiB and at each doubling; the limit is logged and holds"""
    files = {
        "config.lua": BASE,
        "svc/eats.lua": START + """skynet.memlimit(200 << 20)
local kept = {}
skynet.start(function()
	skynet.dispatch("lua", function(_, _, mib)
		kept[#kept + 1] = ("x"):rep(mib << 20)
		skynet.retpack(#kept)
	end)
end)
""",
        "svc/main.lua": program("""local s = skynet.newservice "eats"
	for _ = 1, 15 do skynet.call(s, "lua", 10) end
	print("TOO MUCH", pcall(skynet.call, s, "lua", 100))
	print("STILL", skynet.call(s, "lua", 1))"""),
    }
    with Stock(build, files) as n:
        p = n.run()
        assert p.returncode == 0, p
        assert "Set memory limit to 200.00 M" in p.stdout
        warned = [float(x) for x in re.findall(r"Memory warning (\d+\.\d\d) M", p.stdout)]
        assert len(warned) == 3 and 32 <= warned[0] < 64 <= warned[1] < 128 <= warned[2] < 256, \
            warned
        assert "TOO MUCH\tfalse" in p.stdout and "STILL\t16" in p.stdout, p.stdout


def modules_of_the_system(build):
    """C modules of the system's packages are on the default lua_cpath, behind the program's, and
    load if they are there"""
    body = """print("cpath=" .. package.cpath)
local there, cjson = pcall(require, "cjson")
print("cjson="
	.. (there and tostring(cjson.decode(cjson.encode { a = { 1, 2 } }).a[2] == 2) or "none"))
local lpeg
there, lpeg = pcall(require, "lpeg")
print("lpeg=" .. (there and tostring(lpeg.match(lpeg.C(lpeg.R "az" ^ 1), "word 2")) or "none"))
io.stdout:flush()"""
    with Stock(build, {"config.lua": BASE, "svc/main.lua": program(body)}) as n:
        p = n.run()
        told = printed(p)
        assert re.fullmatch(r"\./luaclib/\?\.so;(/\S+/lua/5\.4/\?\.so);(/\S+/lua/5\.4/\?\.so)",
                            told["cpath"]), p
        assert told["cjson"] in ("true", "none") and told["lpeg"] in ("word", "none"), p
    with Stock(build, {"config.lua": BASE + 'lua_cpath = "./own/?.so"\n',
                       "svc/main.lua": program(body)}) as n:
        assert printed(n.run())["cpath"] == "./own/?.so"


if __name__ == "__main__":
    main([values_and_includes, modules_of_the_system, what_is_wrong_is_told,
          defaults_are_written_back, the_boot_in_order,
          a_bootstrap_of_ones_own, a_node_that_ends_at_once,
          in_the_background, the_background_tells_what_is_wrong, names_and_paths_of_services,
          a_loader_of_ones_own,
          services_that_fail_to_load, a_start_service_that_fails_ends_the_node, addresses_of_a_game,
          a_start_service_that_throws, preload_is_the_loaders, our_own_keys, memory_is_watched])
