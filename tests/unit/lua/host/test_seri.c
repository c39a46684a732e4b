/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "core/base/base.h"
#include "core/actor/msg.h"
#include "lua/host/seri.h"

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

/* What comes from another node; and has_pointer. */
static int unpack_foreign(lua_State *l)
{
	size_t n;
	const char *s = lua_tolstring(l, 1, &n);

	lua_settop(l, 1);
	return seri_read(l, s, n, true);
}

static int has_pointer(lua_State *l)
{
	size_t n;
	const char *s = lua_tolstring(l, 1, &n);

	lua_pushboolean(l, seri_has_pointer(s, n));
	return 1;
}

/* A light userdata. */
static int pointer(lua_State *l)
{
	lua_pushlightuserdata(l, l);
	return 1;
}

static size_t used, limit, peak;

static void *counted(void *ud, void *p, size_t old, size_t size)
{
	(void)ud;
	if (!p)
		old = 0;
	if (limit && size > old && used + size - old > limit)
		return NULL;
	used += size - old;
	if (used > peak)
		peak = used;
	if (size == 0) {
		free(p);
		return NULL;
	}
	return realloc(p, size);
}

/* set_limit(bytes beyond what is in use; 0: none) */
static int set_limit(lua_State *l)
{
	lua_Integer n = luaL_checkinteger(l, 1);

	limit = n ? used + (size_t)n : 0;
	return 0;
}

/* Runs unpack(s), throws the values away, tells by how many bytes the state was larger meanwhile.
 */
static int unpack_cost(lua_State *l)
{
	size_t before;

	lua_settop(l, 1);
	lua_gc(l, LUA_GCCOLLECT);
	lua_gc(l, LUA_GCSTOP);
	before = peak = used;
	lua_pushcfunction(l, unpack);
	lua_pushvalue(l, 1);
	bool ok = lua_pcall(l, 1, 0, 0) == LUA_OK;

	lua_gc(l, LUA_GCRESTART);
	lua_pushinteger(l, (lua_Integer)(peak - before));
	lua_pushboolean(l, ok);
	return 2;
}

static int setup(void **state)
{
	(void)state;
	limit = 0;
	L = lua_newstate(counted, NULL);
	luaL_openlibs(L);
	lua_register(L, "pack", pack);
	lua_register(L, "unpack", unpack);
	lua_register(L, "unpack_foreign", unpack_foreign);
	lua_register(L, "has_pointer", has_pointer);
	lua_register(L, "pointer", pointer);
	lua_register(L, "set_limit", set_limit);
	lua_register(L, "unpack_cost", unpack_cost);
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
	    " assert(hex(-1) == '22FFFFFFFF')"
	    " assert(hex(1.5) == '42000000000000F83F')"
	    " assert(hex({1,2}) == '160A010A0200')"
	    " assert(hex({a=1}) == '060C610A0100')"
	    " assert(hex({1,nil,3}) == '1E0A01000A0300')"
	    " assert(hex() == '' and hex(nil) == '00' and hex(false, true) == '0109')");
}

static void every_width_of_integers(void **state)
{
	(void)state;
	run("assert(hex(0) == '02' and hex(255) == '0AFF' and hex(256) == '120001')"
	    " assert(hex(65535) == '12FFFF' and hex(65536) == '2200000100')"
	    " assert(hex(0x7fffffff) == '22FFFFFF7F' and hex(-0x80000000) == '2200000080')"
	    " assert(hex(0x80000000) == '320000008000000000' and hex(0.0) == '420000000000000000')"
	    " for _, v in ipairs { 0, 1, -1, 255, 256, 65535, 65536, 2^31|0, -(2^31|0), "
	    "math.maxinteger,"
	    " math.mininteger, 0.0, -0.5, 1e300, math.huge } do"
	    " local r = unpack(pack(v)) assert(r == v and math.type(r) == math.type(v)) end");
}

static void every_length_of_strings(void **state)
{
	(void)state;
	run("assert(hex('') == '04' and hex(('x'):rep(31)):sub(1, 2) == 'FC')"
	    " assert(hex(('x'):rep(32)):sub(1, 6) == '152000')"
	    " assert(hex(('x'):rep(65535)):sub(1, 6) == '15FFFF')"
	    " assert(hex(('x'):rep(65536)):sub(1, 10) == '2500000100')"
	    " for _, n in ipairs { 0, 1, 31, 32, 65535, 65536, 300000 } do"
	    " local s = ('a\\0b'):rep(n // 3 + 1):sub(1, n) assert(unpack(pack(s)) == s) end");
}

static void tables_keep_array_and_hash(void **state)
{
	(void)state;
	run("local t = {} for i = 1, 31 do t[i] = i end t.x = 'y' t[-1] = true t[2.5] = { {} }"
	    " assert(hex(t):sub(1, 6) == 'FE0A1F')"
	    " local r = unpack(pack(t)) for k, v in pairs(t) do if k ~= 2.5 then assert(r[k] == v) "
	    "end end"
	    " assert(next(r[2.5][1]) == nil)"
	    " local n = table.pack(unpack(pack(1, nil, nil))) assert(n.n == 3)");
}

static void pairs_metamethods_decide(void **state)
{
	(void)state;
	run("local t = setmetatable({ 1, 2 }, { __pairs = function() return function(_, k)"
	    " if not k then pack('inner') return 'a', 'b' end end end })"
	    " local r = unpack(pack(t)) assert(r.a == 'b' and r[1] == nil)"
	    " local bad = setmetatable({}, { __pairs = function() error 'no' end })"
	    " local ok, why = pcall(pack, ('x'):rep(1000), bad) assert(not ok and why:find 'no')"
	    " assert(unpack(pack(7)) == 7)");
}

static void depth_and_types_have_limits(void **state)
{
	(void)state;
	run("local t = {} local at = t for i = 1, 31 do at[1] = {} at = at[1] end"
	    " at[1] = 'in 32 tables' local s = pack(t) at = unpack(s) for i = 1, 32 do at = at[1] "
	    "end"
	    " assert(at == 'in 32 tables')"
	    " at = t for i = 1, 31 do at = at[1] end at[1] = {} assert(#pack(t) == 2 + 31 * 2 + 2)"
	    " at[1][1] = 1 local ok, why = pcall(pack, t)"
	    " assert(not ok and why:find \"serialize can't pack too depth table\", why)"
	    " t = {} t.t = t assert(not pcall(pack, t))"
	    " at[1] = nil assert(unpack(pack(7)) == 7)"
	    " ok, why = pcall(pack, print) assert(why:find 'Unsupport type function to serialize')"
	    " ok, why = pcall(pack, { [io.stdout] = 1 }) assert(why:find 'Unsupport type userdata "
	    "to serialize')"
	    " ok, why = pcall(pack, coroutine.create(print)) assert(why:find 'Unsupport type "
	    "thread to serialize')");
}

static void a_cut_stream_is_an_error_everywhere(void **state)
{
	(void)state;
	/* where a value ends, the stream may end: there the cut gives the values before it */
	run("local values = { { 1, 'abc', { x = 1.5 } }, ('y'):rep(100), 1 << 40, 300, 70000, "
	    "true, ('z'):rep(70000) }"
	    " local ends, s = { [0] = 0 }, ''"
	    " for i, v in ipairs(values) do s = s .. pack(v) ends[#s] = i end"
	    " local cuts = 0"
	    " for i = 0, #s - 1 do if i < 400 or i > #s - 10 then"
	    " local r = table.pack(pcall(unpack, s:sub(1, i)))"
	    " if ends[i] then assert(r[1] and r.n == ends[i] + 1, i)"
	    " else cuts = cuts + 1 assert(not r[1] and r[2]:find 'Invalid serialize stream %d+ "
	    "%(line:%d+%)', r[2]) end"
	    " end end assert(cuts > 100)"
	    " assert(not pcall(unpack, '\\xfe\\x22\\xff\\xff\\xff\\x7f'))"
	    " assert(not pcall(unpack, '\\x07') and not pcall(unpack, '\\x1a\\x00\\x00'))"
	    " assert(not pcall(unpack, '\\x06' .. pack(0/0) .. '\\x09\\x00'))");
}

static void every_invalid_item_is_refused(void **state)
{
	(void)state;
	/* number cookies are 0, 1, 2, 4, 6, 8; long strings 2, 4; type 7 is none; nil and booleans
	 * take any */
	run("local good = { [0] = true, [1] = true, [2] = true, [4] = true, [6] = true, [8] = true "
	    "}"
	    " for cookie = 0, 31 do local tail = ('\\0'):rep(40)"
	    " local function try(type) return pcall(unpack, string.char(type | cookie << 3) .. "
	    "tail) end"
	    " assert(try(2) == (good[cookie] or false), cookie)"
	    " assert(try(5) == (cookie == 2 or cookie == 4), cookie)"
	    " assert(not try(7) and try(0) and try(1) and try(3) and try(4))"
	    " assert((unpack(string.char(1 | cookie << 3))) == (cookie ~= 0)) end"
	    " assert(not pcall(unpack, '\\xfe\\x42' .. ('\\0'):rep(40)))"     /* a float as count */
	    " assert(not pcall(unpack, '\\xfe\\x22\\xff\\xff\\xff\\xff\\0'))" /* -1 items */
	    " assert(next((unpack '\\x06\\x0a\\x01\\x00\\x00')) == nil)");
}

static void a_stream_reserves_no_more_than_it_is_worth(void **state)
{
	(void)state;
	/* each of the nested heads promises all that is left */
	run("local n, s = 900, '' local size = n * 6 + 100000"
	    " for i = 1, n do s = s .. '\\xfe' .. '\\x22' .. ('<i4'):pack(size - i * 6 - 10) end"
	    " s = s .. ('\\0'):rep(100000)"
	    " local cost = unpack_cost(s) assert(cost < 64 * #s, cost)");
	/* one large table among small and empty ones must not be their measure */
	run("local big, list = {}, {} for i = 1, 60000 do big['k' .. i] = true end"
	    " list[1] = big for i = 2, 60000 do list[i] = i % 2 == 0 and {} or { x = 1 } end"
	    " local s = pack(list) local cost, ok = unpack_cost(s) assert(ok) assert(cost < 64 * "
	    "#s, cost / #s)");
	run("local list = {} for i = 1, 20000 do list[i] = i % 2 == 0 and { 1 } or { a = 1, b = 2, "
	    "c = 3, d = 4, e = 5 } end"
	    " local s = pack(list) local cost, ok = unpack_cost(s) assert(ok) assert(cost < 64 * "
	    "#s, cost / #s)");
}

/* Whatever error strikes, the next pack is right; the sanitizers and valgrind see what is left
 * behind. */
static void errors_in_the_middle_leave_nothing_behind(void **state)
{
	(void)state;
	run("local want = hex({ a = { 1, 2, 'x' } }, 5)"
	    " local function check() assert(hex({ a = { 1, 2, 'x' } }, 5) == want) end"
	    " local long = ('x'):rep(200000)"
	    " assert(not pcall(pack, long, print)) check()"
	    " local deep = setmetatable({}, { __pairs = function() pack(long) pcall(pack, long, "
	    "print)"
	    " return function(_, k) if not k then return pack(1), { 2 } end error 'stop' end end })"
	    " local ok, why = pcall(pack, { 1, deep }) assert(not ok and why:find 'stop') check()"
	    " ok, why = pcall(pack, setmetatable({}, { __pairs = function() error { 7 } end }))"
	    " assert(not ok and why[1] == 7) check()"
	    " local co = coroutine.create(function() pack(setmetatable({}, { __pairs = "
	    "coroutine.yield })) end)"
	    " assert(not coroutine.resume(co)) check()");
	/* memory ends at every possible place */
	run("local value = { 1, { x = ('s'):rep(50) }, setmetatable({}, { __pairs = function()"
	    " return function(_, k) if not k then return 'k', { ('v'):rep(20) } end end end }) }"
	    " local s, failed, done = pack(value), 0, false"
	    " for n = 1, 20000, 16 do collectgarbage() collectgarbage 'stop' set_limit(n)"
	    " local a = pcall(pack, value) local b = pcall(unpack, s) set_limit(0) collectgarbage "
	    "'restart'"
	    " if not (a and b) then failed = failed + 1 else done = true end"
	    " assert(pack(value) == s) end assert(failed > 3 and done)");
}

static void a_table_may_change_while_it_is_read(void **state)
{
	(void)state;
	/* __pairs of an element adds to the table around it: an error or a value, never a crash */
	run("local outer = { 1, 2, 3 } outer.x = setmetatable({}, { __pairs = function()"
	    " for i = 4, 200 do outer[i] = i outer['n' .. i] = i end collectgarbage() return next, "
	    "{} end })"
	    " local ok, s = pcall(pack, outer) if ok then assert(type(unpack(s)) == 'table') end"
	    " assert(unpack(pack(7)) == 7)");
}

/* Values of every kind, nested at random; some hold a pointer. */
static void a_pointer_from_another_node_is_refused(void **state)
{
	(void)state;
	run("local p = pointer() assert(unpack(pack(p)) == p)"
	    " for _, v in ipairs { p, { p }, { x = p }, { [p] = 1 }, { { { p } } } } do"
	    " local ok, why = pcall(unpack_foreign, pack(1, 'a', v, 2))"
	    " assert(not ok and why:find 'a pointer %(light userdata%)', why)"
	    " assert(has_pointer(pack(1, 'a', v, 2))) end"
	    " assert(not has_pointer '' and not has_pointer '\x07\x03')");
	run("math.randomseed(1) local p, hit = pointer(), false local function any(depth)"
	    " local k = math.random(depth > 4 and 9 or 11)"
	    " if k == 1 then return true elseif k == 2 then return math.random(0) elseif k == 3 "
	    "then"
	    " return math.random() elseif k == 4 then return ('\x03'):rep(math.random(0, 40)) "
	    "elseif"
	    " k == 5 then return ('\x03'):rep(70000) elseif k == 6 then return math.random(0, 300)"
	    " elseif k == 7 then return -math.random(70000) elseif k == 8 then return false elseif"
	    " k == 9 then if math.random(8) == 1 then hit = true return p end return 3 end"
	    " local t = {} for i = 1, math.random(0, k == 10 and 40 or 3) do t[i] = any(depth + 1) "
	    "end"
	    " for i = 1, math.random(0, 3) do t['k' .. i] = any(depth + 1) end return t end"
	    " local hits = 0 for i = 1, 400 do hit = false local s = pack(any(0), any(0))"
	    " assert(has_pointer(s) == hit) assert(pcall(unpack_foreign, s) == not hit)"
	    " hits = hits + (hit and 1 or 0) end assert(hits > 20 and hits < 380, hits)");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_examples_of_the_specification),
		T(every_width_of_integers),
		T(every_length_of_strings),
		T(tables_keep_array_and_hash),
		T(pairs_metamethods_decide),
		T(depth_and_types_have_limits),
		T(a_cut_stream_is_an_error_everywhere),
		T(every_invalid_item_is_refused),
		T(a_stream_reserves_no_more_than_it_is_worth),
		T(errors_in_the_middle_leave_nothing_behind),
		T(a_table_may_change_while_it_is_read),
		T(a_pointer_from_another_node_is_refused),
	};

	return cmocka_run_group_tests_name("lua/seri", tests, NULL, NULL);
}
