#!/usr/bin/python3
"""debug_console over real connections: every command, its output and its errors, HTTP, the
debugger; console, dbg and cmemory."""
import os, re, socket, subprocess, tempfile, time
from harness import eventually, main, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
HANDLE = r":[0-9a-f]{8}"


class Console:
    """One connection. ask() gives the lines of an answer without the closing <CMD ...>, which it
    checks."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.f = self.s.makefile("rb")
        assert self.line() == "Welcome to skynet console"

    def line(self):
        text = self.f.readline()
        if not text.endswith(b"\n"):
            raise Failed(f"the console ended: {text!r}")
        return text[:-1].decode()

    def send(self, text):
        self.s.sendall(text.encode() + b"\n")

    def answer(self):
        lines = []
        while True:
            lines.append(self.line())
            if lines[-1] in ("<CMD OK>", "<CMD Error>"):
                return lines[:-1], lines[-1]

    def ask(self, text, end="<CMD OK>"):
        self.send(text)
        lines, closing = self.answer()
        assert closing == end, (text, lines, closing)
        return lines

    def fails(self, text):
        return self.ask(text, "<CMD Error>")

    def until(self, text):
        """Reads up to and with the text, which need not end a line."""
        got = b""
        while not got.endswith(text.encode()):
            c = self.f.read(1)
            if not c:
                raise Failed(f"the console ended: {got!r} instead of {text!r}")
            got += c
        return got.decode()[:-len(text)]

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.close()


class Node:
    def __init__(self, build, extra=""):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.log = self.tmp + "/n.log"
        with open(self.tmp + "/n.yaml", "w") as f:
            f.write(f'node: {{ name: n, threads: 2 }}\n'
                    f'lua: {{ start: main, service_path: ["{HERE}/?.lua"] }}\n'
                    f'log: {{ sink: file, format: plain, file: "{self.log}" }}\n'
                    f'admin: {{ listen: "unix:{self.tmp}/n.sock" }}\nenv: {{ logpath: "{self.tmp}" '
                    f'}}\n{extra}')
        with open(self.tmp + "/err", "wb") as err:
            self.process = subprocess.Popen([self.build + "/harbord", self.tmp + "/n.yaml"],
                                            stdin=subprocess.PIPE,
                                            stdout=err, stderr=err)

    def text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def port(self):
        eventually("two consoles and the shop",
                   lambda: self.process.poll() is not None
                   or self.text().count("Start debug console at") == 2 and
                   "ready:" in self.text())
        return int(re.search(r"Start debug console at 127\.0\.0\.1:(\d+)", self.text())[1])

    def console(self):
        return Console(self.port())

    def shop(self, c, *args):
        """Starts a shop; its handle as ":%08x"."""
        line, = c.ask("start shop " + " ".join(args))
        return re.fullmatch(rf"({HANDLE})\tshop", line)[1]

    def logged(self, text, after=0):
        return eventually(f"the log line {text!r}", lambda: text in self.text()[after:] or None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        if kind:
            print("# " + self.text()[-1500:].replace("\n", "\n# "))
        subprocess.run(["rm", "-rf", self.tmp])


def table(lines):
    """Lines of key and value; they come in the order of the keys."""
    pairs = [line.split("\t", 1) for line in lines]
    assert [k for k, _ in pairs] == sorted(k for k, _ in pairs), lines
    return dict(pairs)


def lines_and_their_ends(build):
    """greeting, log lines of connections, CRLF, unknown commands, empty lines, help"""
    with Node(build) as n:
        with n.console() as c:
            peer = "%s:%d" % c.s.getsockname()
            n.logged(f"{peer} connected\n")
            assert c.fails("nonsense 1 2") == ["Invalid command, type help for command list", ""]
            c.s.sendall(b"\n\r\n   \nping .shop\r\n")  # only the last one is a command
            lines, end = c.answer()
            assert end == "<CMD OK>" and len(lines) == 1 and lines[0].isdigit(), lines
            help_ = table(c.ask("help"))
            assert set("help list stat mem gc info task uniqtask killtask exit kill start log snax "
                       "service inject call ping "
                       "logon logoff signal clearcache cmem jmem netstat trace debug dbgcmd getenv "
                       "setenv profactive "
                       "dumpheap".split()) == set(help_), help_
            c.s.sendall(b"ping .shop\nping .shop\nlist\n")  # three at once, answered in order
            assert [len(c.answer()[0]) for _ in range(2)] == [1, 1] and len(c.answer()[0]) > 3
        n.logged(f"{peer} disconnect\n")
        with n.console() as c:
            try:
                c.s.sendall(b"x" * 300000)
                assert c.f.read(1) == b""
            except OSError:
                pass
        with n.console() as c:
            c.ask("list")


def addresses(build):
    """:hex, hex of this node, .name; what is none of them"""
    with Node(build) as n, n.console() as c:
        shop = n.shop(c, "x")
        for text in (shop, shop[1:], shop[1:].lstrip("0"), ":" + shop[1:].lstrip("0"), ".shop"):
            assert len(c.ask(f"ping {text}")) == 1, text
        assert c.fails("ping") == ["Need an address"]
        for text in ("shop", ".nobody", ":xyz", ":123456789"):
            assert c.fails(f"ping {text}") == ["Not a valid name"], text
        assert any("call to invalid address" in line for line in c.fails("ping :7fffff"))


def all_services(build):
    """list, stat, mem, gc, service: a line a service; services that do not answer"""
    with Node(build) as n, n.console() as c:
        shop = n.shop(c, "second")
        services = table(c.ask("list"))
        assert services[shop] == "snlua shop second", services
        assert all(re.fullmatch(HANDLE, k) and v.startswith("snlua ") for k,
                   v in services.items()), services
        stat = table(c.ask("stat"))
        assert set(stat) == set(services)
        assert re.fullmatch(r"cpu:\d[\d.e-]*\tmessage:\d+\tmqlen:0\ttask:0", stat[shop]), stat[shop]
        mem = table(c.ask("mem"))
        assert re.fullmatch(r"\d+\.\d\d Kb \(snlua shop second\)", mem[shop]), mem[shop]
        assert re.fullmatch(r"\d+\.\d\d Kb \(snlua shop second\)", table(c.ask("gc"))[shop])
        n.logged(f"[{shop}] GC ")
        assert c.ask("service") == []
        assert re.fullmatch(r"1\t\d+", c.ask("call .service 'LAUNCH', 'shop', 'unique'")[0])
        line, = c.ask("service")
        assert re.fullmatch(rf"shop\t{HANDLE}", line), line
        assert c.fails("stat soon") == ["Not a number of centiseconds: soon"]
        if "thread" in build:
            return  # TSan holds asynchronous signals back until the next call it knows
        with n.console() as other:
            other.send(f'call {shop} "loop"')
            eventually("the loop runs", lambda: table(c.ask("stat 5"))[shop] == "TIMEOUT")
            assert table(c.ask("mem 5"))[shop] == "TIMEOUT (snlua shop second)"
            c.ask(f"signal {shop}")
            _, end = other.answer()
            assert end == "<CMD Error>"


def life_and_death(build):
    """start, log, snax, exit, kill"""
    with Node(build) as n, n.console() as c:
        assert c.ask("start shop exits") == ["Exit"]
        assert c.ask("start shop fails") == ["Failed"]
        assert c.ask("start nosuchservice") == ["Failed"]
        assert c.ask("log shop exits") == ["Failed"]
        line, = c.ask("log shop logged")
        shop = re.fullmatch(rf"({HANDLE})\tshop", line)[1]
        c.ask(f'call {shop} "get", "apples"')
        eventually("its log",
                   lambda: open(f"{n.tmp}/{shop[1:]}.log").read().startswith("open time: "))
        assert c.ask("snax nosuchsnax") == ["Failed"]
        assert c.ask(f"exit {shop}") == []
        eventually("its end", lambda: shop not in table(c.ask("list")))
        shop = n.shop(c, "to", "be", "killed")
        assert c.ask(f"kill {shop}") == [f"{shop}\tsnlua shop to be killed"]
        assert shop not in table(c.ask("list"))
        assert c.ask("kill :7fffff") == [":007fffff\tnil"]


def one_service(build):
    """info, task, uniqtask, killtask, call, ping, inject, dbgcmd, trace, signal"""
    with Node(build) as n, n.console() as c:
        shop = n.shop(c, "x")
        assert c.ask(f"info {shop} how much") == ["asked\thow much", "name\tx", "stock\t3"]
        assert c.ask(f"call {shop} 'add', 'apples', 2") == ["1\t7", "2\tx", "n\t2"]
        assert c.ask(f'call {shop} "tell", 1 + 1, ("x"):rep(2)') == ["1\t2,xx", "n\t1"]
        assert c.ask(f"call {shop} 'nothing'") == ["n\t0"]
        assert c.fails(f"call {shop}") == ["need arguments"]
        assert "syntax" in c.fails(f"call {shop} (")[0] or c.fails(f"call {shop} (")
        assert any("nil value" in line for line in c.fails(f"call {shop} print('x')"))
        assert any("the shop is closed" in line for line in c.fails(f"call {shop} 'fail'"))
        others = []
        for _ in range(3):
            others.append(n.console())
            others[-1].send(f"call {shop} 'hang'")
        eventually("three tasks", lambda: "task:3" in table(c.ask("stat"))[shop])
        tasks = [x for x in c.ask(f"task {shop}") if x.startswith("thread: ")]
        assert len(tasks) == 3 and all(re.match(r"thread: 0x[0-9a-f]+ session: \d+\t", x)
                                       for x in tasks), tasks
        lines = c.ask(f"uniqtask {shop}")
        assert re.fullmatch(r"3\tsessions:\[[\d,]+\]",
                            lines[0]) and lines[1].startswith("\t"), lines
        thread = re.match(r"thread: (0x[0-9a-f]+)", tasks[0])[1]
        before = len(n.text())
        assert c.ask(f"killtask {shop} {thread}") == []
        n.logged("Kill thread: ", before)
        assert c.ask(f"killtask {shop} nothing") == ["Not found"]
        assert c.fails(f"killtask {shop}") == ["Need a pattern of threads"]
        for x in others:
            x.close()
        script = n.tmp + "/script.lua"
        with open(script, "w") as f:
            f.write('print("given", ...)\nprint(_P.lua.command ~= nil, SERVICE_NAME)\n')
        assert c.ask(f"inject {shop} {script} a b") == ["given\ta\tb", "true\tshop"]
        with open(script, "w") as f:
            f.write("error { code = 8 }\n")
        assert c.fails(f"inject {shop} {script}")[0].startswith("{code=8}"), \
            c.fails(f"inject {shop} {script}")
        why = c.fails(f'call {shop} "refuse"')[0]
        assert why.endswith("error in callee: {code=7}"), why
        assert c.ask(f"inject {shop} /nowhere.lua") == ["Can't open /nowhere.lua"]
        assert c.ask(f"inject {shop} {n.tmp}") == [f"Can't open {n.tmp}"]
        with open(script, "w") as f:
            f.write('print("so far")\nerror "and no further"\n')
        lines = c.fails(f"inject {shop} {script}")
        assert lines[0] == "so far" and "script.lua:2: and no further" in lines[1], lines
        assert c.ask(f"dbgcmd {shop} SUPPORT lua") == ["true"]
        assert c.ask(f"dbgcmd {shop} SUPPORT text") == ["false"]
        assert float(c.ask(f"dbgcmd {shop} MEM")[0]) > 1
        assert any("no debug command NOSUCH" in line for line in c.fails(f"dbgcmd {shop} NOSUCH"))
        assert c.fails(f"dbgcmd {shop}") == ["Need a command"]
        for words, text in (("", "nil for lua"), (" on", "true for lua"), (" off", "false for lua"),
                            (" debug on", "true for debug"), (" lua", "nil for lua")):
            before = len(n.text())
            assert c.ask(f"trace {shop}{words}") == []
            n.logged(f"[{shop}] Turn trace log {text}\n", before)
        assert c.fails(f"trace {shop} lua maybe") == ["trace is on or off"]
        before = len(n.text())
        assert c.ask(f"signal {shop} 1") == []
        n.logged("recv a signal 1", before)
        n.logged("Current Memory ", before)
        assert c.fails(f"signal {shop} hup") == ["Not a signal number: hup"]


def the_message_log(build):
    """logon, logoff"""
    with Node(build) as n, n.console() as c:
        shop = n.shop(c, "x")
        path = f"{n.tmp}/{shop[1:]}.log"
        assert c.ask(f"logon {shop}") == []
        n.logged(f"Open log file {path}\n")
        c.ask(f'call {shop} "get", "apples"')
        assert c.ask(f"logoff {shop}") == []
        n.logged(f"Close log file {shop}\n")
        text = open(path).read()
        assert re.search(rf"^{HANDLE} 10 \d+ \d+ [0-9a-f]*{'apples'.encode().hex()}$", text,
                         re.M), text


def the_process(build):
    """cmem, jmem, netstat, getenv, setenv, clearcache, profactive, dumpheap"""
    with Node(build) as n, n.console() as c:
        shop = n.shop(c, "x")
        cmem = table(c.ask("cmem"))
        assert int(cmem[shop]) > 1000 and {"total", "block"} <= set(cmem), cmem
        jmem = table(c.ask("jmem"))
        assert set(jmem) == {"stats." + x
                             for x in ("allocated", "resident", "retained", "mapped", "active")}
        assert all(re.fullmatch(r" *\d+  +\d+\.\d\d Mb", x) and x.index("  ", 11) == 11
                   for x in jmem.values()), jmem
        rows = [dict(x.split(":", 1) for x in line.split("\t")[1:]) for line in c.ask("netstat")]
        # not the node's own
        listening = [r for r in rows if r["type"] == "LISTEN" and r["address"] != ":00000000"]
        mine, = [r for r in rows if r.get("peer", "").endswith(":%d" % c.s.getsockname()[1])]
        assert len(listening) == 2 and all(re.fullmatch(HANDLE, r["address"]) and "accept" in r
                                           and "sock" in r
                                           for r in listening), rows
        assert mine["type"] == "TCP" and mine["reading"] == "true" and mine["writing"] == "false", \
            mine
        assert re.fullmatch(r"\d+\.\d\ds", mine["rtime"]) and mine["wbuffer"] == "0", mine
        assert re.fullmatch(r"\d+|\d+\.\dK", mine["write"]) and re.fullmatch(r"\d+",
                mine["read"]), mine
        assert c.ask("getenv logpath") == [f"logpath\t{n.tmp}"]
        assert c.ask("getenv nothing") == ["nothing\tnil"]
        assert c.ask("setenv nothing something") == []
        assert c.ask("getenv nothing") == ["nothing\tsomething"]
        assert "Can't setenv exist key : nothing" in c.fails("setenv nothing else")[0]
        assert c.fails("setenv x") == ["Need a key and a value"]
        assert c.ask("clearcache") == []
        assert c.ask("profactive") == ["heap profilling is deactive"]
        assert c.fails("profactive maybe") == ["profactive is on or off"]
        assert c.ask("dumpheap") == []


def by_http(build):
    """GET with slashes, POST with a body; raw text comes back and the connection ends"""
    def http(port, request):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
            s.sendall(request)
            text = b""
            while True:
                more = s.recv(65536)
                if not more:
                    return text.decode()
                text += more
    with Node(build) as n:
        with n.console() as c:
            shop = n.shop(c, "x")
        port, hello = n.port(), "Welcome to skynet console\n"
        text = http(port,
                    f"GET /info/{shop}/a/b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode())
        assert text == hello + "asked\ta b\nname\tx\nstock\t3\n<CMD OK>\n", text
        text = http(port, f"GET /call/{shop}/%22get%22,%20%22apples%22 HTTP/1.0\r\n\r\n".encode())
        assert text == hello + "1\t3\nn\t1\n<CMD OK>\n", text
        body = f"call {shop} 'tell', 'a/b', 2"
        text = http(port,
                    f"POST / HTTP/1.1\r\nHost: x\r\n"
                    f"content-LENGTH: {len(body)}\r\n\r\n{body}".encode())
        assert text == hello + "1\ta/b,2\nn\t1\n<CMD OK>\n", text
        assert http(port,
                    b"GET /nonsense HTTP/1.1\r\n\r\n").endswith("help for command list\n\n<CMD "
                                                            "Error>\n")
        assert "connection of its own" in http(port, f"GET /debug/{shop} HTTP/1.1\r\n\r\n".encode())
        for broken in (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                       b"POST / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            assert http(port, broken) == hello
        # what a page that somebody looks at asks in his browser
        for header in ("Origin: https://elsewhere.example", "referer: https://elsewhere.example/",
                       "Sec-Fetch-Site: cross-site"):
            for request in (f"GET /info/{shop} HTTP/1.1\r\n{header}\r\n\r\n",
                            f"POST / HTTP/1.1\r\n{header}\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n{body}"):
                assert http(port, request.encode()) == hello, header
        with n.console() as c:
            c.ask("list")


def shown(text):
    """Without the folder that stands before the file's name in a prompt."""
    return text[:text.rfind("\n") + 1]


def line_of(text):
    with open(HERE + "/shop.lua") as f:
        return 1 + [text in line for line in f].index(True)


def the_debugger(build):
    """debug: watch, prompts, s, n, c, cont; locals and upvalues are read and written"""
    with Node(build) as n, n.console() as c, n.console() as other:
        shop = n.shop(c, "x")
        idle = f"{shop}>"

        def at(text):
            """What was shown before the prompt of that line."""
            return shown(c.until(f"shop.lua({line_of(text)})>"))

        c.send(f"debug {shop}")
        assert c.until(idle) == ""
        n.logged(f"[{shop}] Enter debug mode\n")
        c.send("1 + 1, 'x'")
        assert c.until(idle) == "2\tx\n"
        c.send("local t = {} for i = 1, 3 do t[i] = i end print(table.concat(t, ' '))")
        assert c.until(idle) == "1 2 3\n"
        for wrong, text in (("(", "near"), ("error 'oh no'", "oh no"),
                            ("watch 'nothing'", "nothing"), ("_CO", "nil")):
            c.send(wrong)
            assert text in c.until(idle), wrong
        # a condition: requests that it does not name pass
        c.send("watch('lua', function(_, _, cmd) return cmd == 'add' end)")
        assert c.until(idle) == ""
        assert other.ask(f"call {shop} 'get', 'apples'") == ["1\t3", "n\t1"]
        other.send(f"call {shop} 'add', 'apples', 5")
        at("skynet.retpack(command[what](...))")
        c.send("what")
        assert at("skynet.retpack(command[what](...))") == "add\n"
        c.send("s")
        at("local before = stock[what] or 0")
        c.send("n")
        at("local more = double(n)")
        c.send("before, n, what")  # the line before has set it
        assert at("local more = double(n)") == "3\t5\tapples\n"
        with n.console() as third:  # the others are served while one is stopped
            assert third.ask(f"call {shop} 'get', 'apples'") == ["1\t3", "n\t1"]
        c.send("n = 10")
        at("local more = double(n)")
        c.send("s")
        at("local twice = n * 2")
        c.send("n")
        at("return twice")
        c.send("twice, type(_CO), type(stock)")  # stock is no upvalue here
        assert at("return twice") == "20\tthread\tnil\n"
        c.send("twice = 100")
        at("return twice")
        c.send("n")
        at("stock[what] = before + more")
        c.send("stock.apples = 1; before = before + 1")
        at("stock[what] = before + more")
        c.send("name = 'renamed'")
        at("stock[what] = before + more")
        c.send("c")
        assert c.until(idle) == ""
        assert other.answer() == (["1\t104", "2\trenamed", "n\t2"], "<CMD OK>")
        # a step behind the end of the request
        c.send("watch 'lua'")
        c.until(idle)
        other.send(f"call {shop} 'nothing'")
        at("skynet.retpack(command[what](...))")
        c.send("n")
        assert at("end)") == ""
        c.send("n")
        assert c.until(idle) == ""
        assert other.answer() == (["n\t0"], "<CMD OK>")
        assert other.ask(f"call {shop} 'get', 'apples'") == ["1\t104", "n\t1"]  # a watch stops once
        c.send("cont")
        assert c.answer() == ([], "<CMD OK>")
        n.logged(f"[{shop}] Leave debug mode\n")
        assert c.ask("ping .shop")[0].isdigit()


def debugging_ends_in_any_way(build):
    """debug: twice at once, a console that goes away, cont while stopped, a service that dies"""
    with Node(build) as n:
        with n.console() as c, n.console() as other:
            shop = n.shop(c, "x")
            c.send(f"debug {shop}")
            c.until(f"{shop}>")
            assert any("Already in debug mode" in x for x in other.fails(f"debug {shop}"))
            assert any("call to invalid address" in x for x in other.fails("debug :7fffff"))
            c.send("watch 'lua'")
            c.until(f"{shop}>")
            other.send(f"call {shop} 'add', 'pears', 1")
            c.until(f"shop.lua({line_of('skynet.retpack(command[what](...))')})>")
            # the request goes on; what follows is a command again
            c.s.sendall(b"cont\nping .shop\n")
            assert c.answer() == ([], "<CMD OK>")
            assert c.answer()[0][0].isdigit()
            assert other.answer() == (["1\t2", "2\tx", "n\t2"], "<CMD OK>")
            # stopped, and the console goes away
            gone = n.console()
            gone.send(f"debug {shop}")
            gone.until(f"{shop}>")
            gone.send("watch 'lua'")
            gone.until(f"{shop}>")
            other.send(f"call {shop} 'get', 'pears'")
            gone.until(")>")
            before = len(n.text())
            gone.close()
            assert other.answer() == (["1\t2", "n\t1"], "<CMD OK>")
            n.logged(f"[{shop}] Leave debug mode\n", before)
            eventually("no agent is left",
                       lambda: not any("debug_agent" in x for x in c.ask("list")))
            # the service dies under the debugger, stopped
            c.send(f"debug {shop}")
            c.until(f"{shop}>")
            c.send("watch 'lua'")
            c.until(f"{shop}>")
            other.send(f"call {shop} 'get', 'pears'")
            c.until(")>")
            with n.console() as third:
                third.ask(f"kill {shop}")
            assert other.answer()[1] == "<CMD Error>"
            assert c.answer()[1] == "<CMD Error>"
            assert c.ask("ping .shop")[0].isdigit()


def a_step_waits_with_its_task(build):
    """debug: a stepped task that blocks goes on when its answer comes; skynet.sleep tells no
    wakeup"""
    with Node(build) as n, n.console() as c, n.console() as other:
        shop, far = n.shop(c, "x"), n.shop(c, "y")
        script = n.tmp + "/script.lua"
        with open(script, "w") as f:
            f.write('local skynet = require "skynet"\nlocal far = ...\nfunction '
                    '_P.lua.command.relay(what)\n'
                    '\tlocal got = skynet.call(far, "lua", "get", what)\n\tlocal slept = '
                    'skynet.sleep(1)\n'
                    '\treturn got, slept\nend\n')
        assert c.ask(f"inject {shop} {script} {far}") == [""]
        c.send(f"debug {shop}")
        c.until(f"{shop}>")
        c.send("watch 'lua'")
        c.until(f"{shop}>")
        other.send(f"call {shop} 'relay', 'apples'")
        c.until(")>")
        for command, line in (("s", 4), ("n", 5), ("n", 6)):
            c.send(command)
            assert shown(c.until(f"script.lua({line})>")) == ""
        c.send("got, slept")
        assert shown(c.until("script.lua(6)>")) == "3\tnil\n"
        c.send("c")
        c.until(f"{shop}>")
        assert other.answer() == (["1\t3", "n\t2"], "<CMD OK>")


def small_services(build):
    """console launches what stdin names, and ends with it; dbg and cmemory log once and end"""
    with Node(build) as n, n.console() as c:
        line, = c.ask("start console")
        n.process.stdin.write(b"shop typed in\nsnax nosuchsnax\nshop fails\n\nshop again\n")
        n.process.stdin.flush()
        eventually("two shops", lambda: {"snlua shop typed in",
                                         "snlua shop again"} <= set(table(c.ask("list")).values()))
        n.logged("nosuchsnax" if "nosuchsnax" in n.text() else "snax")
        assert "snlua console" in table(c.ask("list")).values()
        n.process.stdin.close()
        eventually("its end", lambda: "snlua console" not in table(c.ask("list")).values())
        n.process.stdin = open(os.devnull)
        before = len(n.text())
        c.ask("start dbg LIST")
        n.logged("\tsnlua shop first\n", before)
        eventually("its end", lambda: not any("dbg" in x for x in c.ask("list")))
        c.ask("start cmemory")
        n.logged("Total memory: ", before)
        n.logged("Total block: ", before)
        eventually("its end", lambda: not any("cmemory" in x for x in c.ask("list")))


if __name__ == "__main__":
    main([lines_and_their_ends, addresses, all_services, life_and_death, one_service,
          the_message_log, the_process, by_http,
          the_debugger, debugging_ends_in_any_way, a_step_waits_with_its_task, small_services])
