/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "core/base.h"
#include "core/msg.h"
#include "lua/seri.h"

static lua_State *L;

static int pack(lua_State *l)
{
	size_t size;
	void *p = seri_pack(l, 1, &size);

	lua_pushlstring(l, p ? p : "", size);
	payload_free(p);
	return 1;
}

static int unpack(lua_State *l)
{
	size_t n;
	const char *s = lua_tolstring(l, 1, &n);

	lua_settop(l, 1);
	return seri_unpack(l, s, n);
}

static int setup(void **state)
{
	(void)state;
	L = luaL_newstate();
	luaL_openlibs(L);
	lua_register(L, "pack", pack);
	lua_register(L, "unpack", unpack);
	return luaL_dostring(L, "function hex(...) return (pack(...):gsub('.', function(c)"
				" return ('%02X'):format(c:byte()) end)) end");
}

static int teardown(void **state)
{
	(void)state;
	lua_close(L);
	return 0;
}

static void run(const char *code)
{
	if (luaL_dostring(L, code) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	lua_settop(L, 0);
}

static void the_examples_of_the_specification(void **state)
{
	(void)state;
	run("assert(hex(1) == '0A01')"
	    "assert(hex(-1) == '22FFFFFFFF')"
	    "assert(hex(1.5) == '42000000000000F83F')"
	    "assert(hex({1,2}) == '160A010A0200')"
	    "assert(hex({a=1}) == '060C610A0100')"
	    "assert(hex({1,nil,3}) == '1E0A01000A0300')"
	    "assert(hex() == '' and hex(nil) == '00' and hex(false, true) == '0109')");
}

static void every_width_of_integers(void **state)
{
	(void)state;
	run("assert(hex(0) == '02' and hex(255) == '0AFF' and hex(256) == '120001')"
	    "assert(hex(65535) == '12FFFF' and hex(65536) == '2200000100')"
	    "assert(hex(0x7fffffff) == '22FFFFFF7F' and hex(-0x80000000) == '2200000080')"
	    "assert(hex(0x80000000) == '320000008000000000' and hex(0.0) == '420000000000000000')"
	    "for _, v in ipairs { 0, 1, -1, 255, 256, 65535, 65536, 2^31|0, -(2^31|0), math.maxinteger,"
	    " math.mininteger, 0.0, -0.5, 1e300, math.huge } do"
	    " local r = unpack(pack(v)) assert(r == v and math.type(r) == math.type(v)) end");
}

static void every_length_of_strings(void **state)
{
	(void)state;
	run("assert(hex('') == '04' and hex(('x'):rep(31)):sub(1, 2) == 'FC')"
	    "assert(hex(('x'):rep(32)):sub(1, 6) == '152000')"
	    "assert(hex(('x'):rep(65535)):sub(1, 6) == '15FFFF')"
	    "assert(hex(('x'):rep(65536)):sub(1, 10) == '2500000100')"
	    "for _, n in ipairs { 0, 1, 31, 32, 65535, 65536, 300000 } do"
	    " local s = ('a\\0b'):rep(n // 3 + 1):sub(1, n) assert(unpack(pack(s)) == s) end");
}

static void tables_keep_array_and_hash(void **state)
{
	(void)state;
	run("local t = {} for i = 1, 31 do t[i] = i end t.x = 'y' t[-1] = true t[2.5] = { {} }"
	    "assert(hex(t):sub(1, 6) == 'FE0A1F')"
	    "local r = unpack(pack(t)) for k, v in pairs(t) do if k ~= 2.5 then assert(r[k] == v) end end"
	    " assert(next(r[2.5][1]) == nil)"
	    "local n = table.pack(unpack(pack(1, nil, nil))) assert(n.n == 3)");
}

static void pairs_metamethods_decide(void **state)
{
	(void)state;
	run("local t = setmetatable({ 1, 2 }, { __pairs = function() return function(_, k)"
	    " if not k then pack('inner') return 'a', 'b' end end end })"
	    "local r = unpack(pack(t)) assert(r.a == 'b' and r[1] == nil)"
	    "local bad = setmetatable({}, { __pairs = function() error 'no' end })"
	    "local ok, why = pcall(pack, ('x'):rep(1000), bad) assert(not ok and why:find 'no')"
	    "assert(unpack(pack(7)) == 7)");
}

static void depth_and_types_have_limits(void **state)
{
	(void)state;
	run("local t = {} local at = t for i = 1, 31 do at[1] = {} at = at[1] end pack(t)"
	    "at[1] = {} local ok, why = pcall(pack, t) at[1][1] = 1 ok, why = pcall(pack, t)"
	    "assert(not ok and why:find \"serialize can't pack too depth table\", why)"
	    "ok, why = pcall(pack, print) assert(why:find 'Unsupport type function to serialize')"
	    "ok, why = pcall(pack, { [io.stdout] = 1 }) assert(why:find 'Unsupport type userdata to serialize')");
}

static void a_cut_stream_is_an_error_everywhere(void **state)
{
	(void)state;
	run("local s = pack({ 1, 'abc', { x = 1.5 } }, ('y'):rep(100), 1 << 40)"
	    "for i = 1, #s - 1 do local r = table.pack(pcall(unpack, s:sub(1, i)))"
	    " if r[1] then assert(r.n < 4) else assert(r[2]:find 'Invalid serialize stream', r[2]) end end"
	    " assert(not pcall(unpack, '\\xfe\\x22\\xff\\xff\\xff\\x7f'))"
	    "assert(not pcall(unpack, '\\x07') and not pcall(unpack, '\\x1a\\x00\\x00'))"
	    "assert(not pcall(unpack, '\\x06' .. pack(0/0) .. '\\x09\\x00'))");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_examples_of_the_specification), T(every_width_of_integers),
		T(every_length_of_strings),	      T(tables_keep_array_and_hash),
		T(pairs_metamethods_decide),	      T(depth_and_types_have_limits),
		T(a_cut_stream_is_an_error_everywhere),
	};

	return cmocka_run_group_tests_name("lua/seri", tests, NULL, NULL);
}
