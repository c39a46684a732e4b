#!/usr/bin/python3
"""Random Lua programs give the same output on Debian's Lua and on the VM that shares: with code of
their own, with all code shared, and in both modes of the collector; some of their tables are shared
ones where there are such.

usage: fuzz.py --build DIR [--stock lua5.4] [--seconds N] [--seed N] [--keep DIR]
"""
import argparse, os, random, subprocess, sys, tempfile, time

PRELUDE = r"""
local share = share or function(t) -- read-only here as there
	local copies = {}
	local function copy(t)
		if type(t) ~= "table" then return t end
		if copies[t] then return copies[t] end
		local n = {}
		copies[t] = n
		for k, v in pairs(t) do n[k] = copy(v) end
		return n
	end
	return copy(t)
end
local function show(v, depth)
	if type(v) == "table" then
		if depth > 3 then return "{..}" end
		local list = {}
		for k, x in next, v do list[#list + 1] = tostring(type(k) == "table" and "T" or k)
			.. "=" .. show(x, depth + 1) end
		table.sort(list)
		return "{" .. table.concat(list, ",") .. "}"
	elseif type(v) == "function" or type(v) == "thread" or type(v) == "userdata" then
		return type(v)
	end
	return tostring(v)
end
local out = {}
local function say(...)
	for i = 1, select("#", ...) do io.write(show((select(i, ...)), 0), " ") end
	io.write("\n")
end
local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	for i = 1, r.n do r[i] = type(r[i]) == "string" and r[i]:gsub("0x%x+", "PTR") or r[i] end
	say(table.unpack(r, 1, r.n))
end
"""

NAMES = ["alpha", "beta", "gamma", "delta", "name", "price", "__index", "n", "x", "self", "end_",
         "a_much_longer_name_than_any",
         "kind", "stats", "attack", "list"]


class Program:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines, self.tables, self.functions, self.depth, self.unique, self.locals = [], ["t1",
                "t2", "t3"], [], 0, 0, 3

    def fresh(self, prefix):
        self.unique += 1
        return f"{prefix}{self.unique}"

    def string(self):
        r = self.r
        kind = r.randrange(6)
        if kind < 3:
            return f'"{r.choice(NAMES)}"'
        if kind == 3:
            return f'("{r.choice(NAMES)[:3]}" .. "{r.choice(NAMES)}")'
        if kind == 4:
            return f'("{r.choice("xyz")}"):rep({r.choice([3, 39, 40, 41, 60])})'
        return f'"{r.choice(NAMES)}{r.randrange(30)}"'

    def key(self):
        r = self.r
        return r.choice([self.string, self.string, lambda: str(r.randrange(1, 12)),
                         lambda: str(r.randrange(-3, 300)),
                         lambda: f"{r.randrange(9)}.5", lambda: f"{r.randrange(9)}.0",
                         lambda: "true"])()

    def place(self):
        r = self.r
        t = r.choice(self.tables)
        if r.random() < 0.4:
            return f"{t}.{r.choice(NAMES)}"
        return f"{t}[{self.key()}]"

    def value(self, depth=0):
        r = self.r
        kind = r.randrange(12)
        if kind < 2:
            return str(r.randrange(-5, 1000))
        if kind < 4:
            return self.string()
        if kind == 4:
            return r.choice(["nil", "true", "false", "1.5", "2^53", "-0.0"])
        if kind == 5 and depth < 3:
            inner = ", ".join(r.choice([self.value(depth + 1),
                                        f"{r.choice(NAMES)} = {self.value(depth + 1)}",
                                        f"[{self.key()}] = {self.value(depth + 1)}"])
                                        for _ in range(r.randrange(5)))
            return "{ " + inner + " }"
        if kind == 6:
            return r.choice(self.tables)
        if kind == 7 and self.functions:
            function = r.choice(self.functions)
            return f"select(2, pcall({function}, {self.value(depth + 2) if depth < 3 else 1}))"
        if kind == 8:
            return f"({self.string()} == {self.string()})"
        if kind == 9:
            return f"#{self.string()}"
        return self.place()

    def block(self, n):
        self.depth += 1
        save = len(self.tables), len(self.functions)
        for _ in range(n):
            self.statement()
        del self.tables[save[0]:], self.functions[save[1]:]
        self.depth -= 1

    def add(self, text):
        self.lines.append("\t" * self.depth + text)

    def statement(self):
        r = self.r
        kind = r.randrange(22)
        if kind < 5:
            self.add(f"{self.place()} = {self.value()}" if r.random() < 0.8
                     else f"{self.place()} = nil")
        elif kind == 5:
            self.add(f"say({self.value()}, {self.value()})")
        elif kind == 6 and self.depth < 3:
            self.add(f"for i = 1, {r.randrange(1, 8)} do")
            self.depth += 1
            table = r.choice(self.tables)
            key = r.choice(["i", '"key" .. i', "i * 1.5"])
            self.add(f"{table}[{key}] = i")
            self.depth -= 1
            self.block(r.randrange(3))
            self.add("end")
        elif kind == 7 and self.depth < 3 and self.locals < 150:
            name, up = self.fresh("f"), self.fresh("u")
            self.locals += 2
            self.add(f"local {up} = {self.value()}")
            self.add(f"local function {name}(a, b, ...)")
            self.add(f"\tlocal held = {up}")
            self.add(f"\t{up} = a or {self.value(2)}")
            self.block(r.randrange(3))
            self.add(f"\treturn held, a == b, {self.value()}, ...")
            self.add("end")
            self.functions.append(name)
        elif kind == 8 and self.functions:
            self.add(f"try({r.choice(self.functions)}, {self.value()}, {self.value()}, "
                     f"{self.value()})")
        elif kind == 9:
            t = r.choice(self.tables)
            self.add(f"do local gone = 0 for k, v in next, {t} do if type(v) ~= 'table' then "
                     f"{t}[k] = nil gone = gone + 1 end"
                     f" if gone % 3 == 0 then "
                     f"collectgarbage({r.choice(['', chr(34) + 'step' + chr(34)])}) end end "
                     f"say(gone) end")
        elif kind == 10:
            # a short one: next may or may not know a long string whose place is empty, in any Lua,
            # as its seed will have it
            t, k = r.choice(self.tables), f'"{r.choice(NAMES)}"'
            self.add(f"do local k = {k} {t}[k] = 1 {t}[k] = nil collectgarbage() say((pcall(next, "
                     f"{t}, k))) end")
        elif kind == 11:
            a, b = r.choice(self.tables), r.choice(self.tables)
            self.add(f"setmetatable({a}, {{ __index = "
                     f"{r.choice([b, 'function(_, k) return k end'])},"
                     f" __newindex = {r.choice(['nil', 'function(s, k, v) rawset(s, k, v) end'])}, "
                     f"__len = nil,"
                     f" __eq = function() return true end, __concat = function() return 'cat' end "
                     f"}})")
            self.add(f"try(function() return {a}.{r.choice(NAMES)}, {a} == {b}, {a} .. 'x' end)")
            self.add(f"setmetatable({a}, nil)")
        elif kind == 12 and self.locals < 150:
            name = self.fresh("shared")
            self.locals += 1
            self.add(f"local {name} = share {{ {r.choice(NAMES)} = {r.randrange(9)}, list = {{ 1, "
                     f"2, {self.string()} }}, {self.string()},"
                     f" stats = {{ [{self.string()}] = 1, name = {self.string()} }}, "
                     f"[{self.string()}] = {self.string()} }}")
            self.add(f"say({name}, #{name}, {name}.list[3], {name}[{self.string()}], "
                     f"{name}.stats.name == {self.string()})")
            self.add(f"for k, v in pairs({name}) do if type(k) == 'string' and type(v) ~= 'table' "
                     f"then {r.choice(self.tables)}[k] = v end end")
            self.add(f"{r.choice(self.tables)}[{self.key()}] = {name}.stats.name")
        elif kind == 13:
            code = "local a, b = ... return a, b, " + self.string() + " == a, { " \
                + self.choice_name() + " = b }"
            self.add(f"try(load({self.quoted(code)}),"
                     f" {self.value()}, {self.value()})")
        elif kind == 14:
            self.add(f"do local co = coroutine.wrap(function(a) local x = {self.value()} local y = "
                     f"coroutine.yield(a, x) return x, y end)"
                     f" try(co, {self.string()}) collectgarbage() try(co, {self.value()}) try(co) "
                     f"end")
        elif kind == 15:
            self.add(f"do local l = {{}} for w in ({self.string()} .. ' ' .. "
                     f"{self.string()}):gmatch '%w+' do l[#l + 1] = w end"
                     " table.sort(l) say(table.concat(l, ','), #l, l[1] == l[2]) end")
        elif kind == 16:
            self.add(f"do local w = setmetatable({{}}, {{ __mode = '{r.choice(['k', 'v', 'kv'])}' "
                     f"}}) w[{self.string()}] = {self.string()}"
                     f" w[1] = {{}} w[{{}}] = 1 local s = {self.string()} w[s] = s "
                     f"collectgarbage() say(w[s] == s, w[1]) end")
        elif kind == 17:
            self.add(f"try(function() local o = nil return "
                     f"o{r.choice(['.name', '[1]', '()', ':go()'])} end)")
        elif kind == 18 and self.functions:
            self.add(f"try(load(string.dump(function(a) return a, {self.string()}, "
                     f"#{self.string()} end, {r.choice(['true', 'false'])})), {self.value()})")
        elif kind == 19:
            self.add(f"try(function() local s = {self.string()} local n = 0 if s == "
                     f"{self.string()} then n = 1 elseif s == {self.string()} then"
                     f" n = 2 elseif s ~= {self.string()} then n = 3 end goto out ::out:: return "
                     f"n, s < {self.string()} end)")
        elif kind == 20:
            self.add(f"say(debug.getinfo(1, 'l').currentline, select('#', table.unpack({{ "
                     f"{self.value()}, {self.value()}, nil }}, 1, 3)))")
        else:
            self.add(r.choice(["collectgarbage()", "collectgarbage 'step'",
                               "collectgarbage 'generational'", "collectgarbage 'incremental'"]))

    def choice_name(self):
        return self.r.choice(NAMES)

    def quoted(self, text):
        return "[==[" + text + "]==]"

    def text(self):
        r = self.r
        body = []
        for part in range(r.randrange(1, 5)):
            self.lines, self.tables, self.functions, self.depth, self.locals = [], ["t1", "t2",
                    "t3"], [], 1, 20
            for _ in range(r.randrange(10, 60)):
                self.statement()
            body.append("do\n" + "\n".join(self.lines) + "\nend")
        return PRELUDE + "local t1, t2, t3 = {}, { n = 1 }, { 1, 2, 3 }\n" + "\n".join(body) \
            + "\nsay(t1, t2, t3)\n"


def outcome(argv, env):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                           timeout=60)
    except subprocess.TimeoutExpired:
        return "timeout", b""
    lua_error = p.returncode == 1 and b"Sanitizer" not in p.stderr
    return (p.returncode, p.stdout if not lua_error else p.stdout + b"error")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--stock", default="lua5.4")
    ap.add_argument("--seconds", type=float, default=20)
    ap.add_argument("--seed", type=int, default=int(time.time()))
    ap.add_argument("--count", type=int, default=10 ** 9)
    ap.add_argument("--keep", default=".")
    a = ap.parse_args()
    own, shared = a.build + "/vm/lua", a.build + "/vm/lua-shared"
    gen = ["-e", "collectgarbage 'generational'"]
    variants = [("own code", [own]), ("shared code", [shared]),
                ("own code, generational", [own] + gen),
                ("shared code, generational", [shared] + gen)]
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    deadline, n, bad, failing = time.monotonic() + a.seconds, 0, 0, 0
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "p.lua")
        while time.monotonic() < deadline and n < a.count:
            seed = a.seed + n
            text = Program(seed).text()
            with open(path, "w") as f:
                f.write(text)
            wanted = outcome([a.stock, path], env)
            failing += wanted[0] == 1
            for name, argv in variants:
                got = outcome(argv + [path], env)
                if got != wanted:
                    bad += 1
                    kept = os.path.join(a.keep, f"fuzz-{seed}.lua")
                    with open(kept, "w") as f:
                        f.write(text)
                    print(f"not ok - seed {seed}, {name}: status {got[0]}, wanted {wanted[0]}; "
                          f"program in {kept}")
            n += 1
    print(f"{'not ok' if bad else 'ok'} 1 - {n} programs, {failing} of which end with an error, "
          f"first seed {a.seed}, differences {bad}")
    return bad != 0


sys.exit(main())
