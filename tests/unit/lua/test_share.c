/* SPDX-License-Identifier: MIT */
/* What the VM that shares does beyond Lua: code and tables of several states, and who holds them.
 * On a stock VM there is nothing to see. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/vm/share.h"

static lua_State *open_state(void)
{
	lua_State *L = luaL_newstate();

	assert_non_null(L);
	luaL_openlibs(L);
	return L;
}

static void run(lua_State *L, const char *source)
{
	if (luaL_dostring(L, source) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	lua_settop(L, 0);
}

/* The root of a chunk; its function is on top. */
static struct share_root *load_shared(lua_State *L, const char *source, const char *name)
{
	struct share_root *r;

	assert_int_equal(luaL_loadbuffer(L, source, strlen(source), name), LUA_OK);
	r = share_code(L);
	assert_non_null(r);
	return r;
}

static struct share_root *share_global(lua_State *L, const char *name)
{
	struct share_root *r;

	lua_getglobal(L, name);
	r = share_table(L, -1);
	lua_pop(L, 1);
	assert_non_null(r);
	return r;
}

static void set_shared(lua_State *L, struct share_root *r, const char *name)
{
	share_push_table(L, r);
	lua_setglobal(L, name);
}

static const char program[] = "local counter = 0\n"
			      "local long = 'a string constant that is longer than forty bytes, so "
			      "that it is not interned'\n"
			      "function step(n) counter = counter + n; return counter, long end\n"
			      "function fails() local t = nil; return t.x end\n"
			      "return function(...) return select('#', ...), long end\n";

static void code_runs_in_many_states(void **unused)
{
	lua_State *a = open_state(), *b = open_state();
	struct share_root *r = load_shared(a, program, "@program.lua");

	(void)unused;
	share_push_code(b, r);
	lua_call(a, 0, 0);
	lua_call(b, 0, 0);
	run(a, "assert(step(2) == 2)");
	run(b, "assert(step(5) == 5)");
	run(a, "assert(step(2) == 4)");
	run(b, "local _, long = step(0); assert(#long > 40 and ({ [long] = 1 })[long] == 1)");
	run(b, "local ok, why = pcall(fails); assert(why:find('program.lua:4: attempt to index a "
	       "nil value .local .t..'), why)");
	run(b, "local i = debug.getinfo(step, 'SLlu'); assert(i.source == '@program.lua' and "
	       "i.linedefined == 3 and"
	       " next(i.activelines) and i.nparams == 1 and debug.getlocal(step, 1) == 'n')");
	run(b, "assert(load(string.dump(step)))");
	run(b, "local n = 0; debug.sethook(function() n = n + 1 end, 'l'); step(1); "
	       "debug.sethook(); assert(n >= 1)");
	lua_close(a);
	run(b, "assert(step(1) == 7)");
	lua_close(b);
	assert_int_equal(share_refs(r), 1);
	share_unref(r);
}

static void tables_read_and_refuse(void **unused)
{
	lua_State *a = open_state(), *b = open_state();
	struct share_root *r;

	(void)unused;
	run(a, "t = { 1, 2.5, 'three', { deep = { er = true } }, key = 'value', [-7] = 7, [2^53] = "
	       "'f', [false] = 1 }"
	       " t.self = t; t.f = function(x) return x + 1 end; t.long = ('x'):rep(100); "
	       "t[t.long] = 'l'");
	r = share_global(a, "t");
	lua_close(a);
	set_shared(b, r, "t");
	run(b, "assert(#t == 4 and t[3] == 'three' and t.key == 'value' and t[4].deep.er and t[-7] "
	       "== 7 and t[false] == 1)"
	       " assert(t.self == t and t.f(1) == 2 and t[('x'):rep(100)] == 'l' and t[2^53] == "
	       "'f' and t.none == nil)");
	run(b, "local n = 0; for k, v in pairs(t) do n = n + 1; assert(rawequal(rawget(t, k), v)) "
	       "end; assert(n == 12, n)");
	run(b,
	    "local function refused(f, ...) local ok, why = pcall(f, ...); assert(not ok and"
	    " why:find('attempt to change a shared table'), why) end\n"
	    "refused(function() t.key = 1 end) refused(function() t.new = 1 end) "
	    "refused(function() t[1] = 1 end)\n"
	    "refused(function() t[9] = 1 end) refused(function() t[4].deep.er = nil end) "
	    "refused(rawset, t, 'key', 1)\n"
	    "refused(rawset, t, 1, 1) refused(table.insert, t, 1) refused(table.sort, t, "
	    "function() return true end)\n"
	    "local p = setmetatable({}, { __newindex = t }) refused(function() p.key = 1 end)\n"
	    "refused(function() p.new = 1 end) local up = t; refused(function() up.key = 2 end)\n"
	    "local ok, why = pcall(setmetatable, t, {}) assert(why:find(\"can't setmetatable to "
	    "shared table\"))\n"
	    "ok, why = pcall(debug.setmetatable, t, {}) assert(why:find(\"can't setmetatable to "
	    "shared table\"))");
	run(b, "local m = setmetatable({}, t.self) assert(m.x == nil and #m == 0 and m ~= "
	       "setmetatable({}, t))");
	run(b, "local w = setmetatable({}, { __mode = 'k' }) w[t] = 1 w[t[4]] = {} "
	       "collectgarbage() assert(w[t] == 1)");
	run(b, "collectgarbage 'generational' for i = 1, 20 do local x = { t, t.key } "
	       "collectgarbage 'step' end"
	       " collectgarbage 'incremental' collectgarbage() assert(t.key == 'value')");
	lua_close(b);
	share_unref(r);
}

/* A key whose place is empty may be given to next as another object with the same content. */
static void next_takes_a_twin(void **unused)
{
	lua_State *a = open_state(), *b = open_state();
	struct share_root *r;

	(void)unused;
	/* twins: b has `unpooled` as a string of its own before the pool does */
	run(b, "own = { unpooled_name_of_this_test = 1, other = 2 }");
	r = load_shared(a,
			"return function(t) t.unpooled_name_of_this_test = nil; collectgarbage(); "
			"collectgarbage();"
			" return next(t, 'unpooled_name_of_this_test') end",
			"=twin");
	lua_pop(a, 1);
	share_push_code(b, r);
	lua_call(b, 0, 1);
	lua_setglobal(b, "f");
	run(b, "f(own); own.unpooled_name_of_this_test = 3; assert(own['unpooled_name' .. "
	       "'_of_this_test'] == 3)");
	run(b, "local n = 0; for k, v in pairs(own) do n = n + v end; assert(n == 5)");
	run(b, "assert('unpooled_name_of_this_test' == next({ [('unpooled_name_of_this_test')] = 1 "
	       "}))");
	lua_close(a);
	lua_close(b);
	share_unref(r);
}

/* Ways of keeping something of a root; `t` is its table, with a long string in it. */
static const char *const keeps[] = {
	"kept = t",
	"kept = t.sub",
	"kept = { [t.sub] = 1 }",
	"kept = t.long",
	"kept = { [t.long] = 1 }",
	"kept = t.short",
	"kept = setmetatable({}, t.sub)",
	"local x = t.sub; kept = function() return x end",
	"kept = coroutine.wrap(function(x) coroutine.yield() return x end); kept(t.sub)",
	"debug.setmetatable(1, t.sub)",
	"kept = t.f",
	/* clang warns of two texts without parentheses: a comma may be missing */
	("debug.setuservalue(io.stdout, t.sub, 1); kept = setmetatable({}, { __mode = 'v', t.sub "
	 "}); kept[1] = t.sub"),
};

static bool is_used(lua_State *L, struct share_root *r)
{
	bool used;

	lua_gc(L, LUA_GCCOLLECT);
	share_audit(L, &r, 1, &used);
	return used;
}

static void audit_sees_who_keeps(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		lua_State *a = open_state(), *b = open_state();
		struct share_root *r;

		run(a, "t = { sub = { 1 }, long = ('y'):rep(99), short = 'private ' .. 4711, f = "
		       "function() end }");
		r = share_global(a, "t");
		lua_close(a);
		assert_false(is_used(b, r));
		set_shared(b, r, "t");
		assert_true(is_used(b, r));
		run(b, keeps[i]);
		run(b, "t = nil");
		if (!is_used(b, r))
			fail_msg("not seen: %s", keeps[i]);
		run(b, "kept = nil; debug.setmetatable(1, nil)");
		run(b, "for i = 1, 3 do collectgarbage() end");
		assert_false(is_used(b, r));
		share_unref(r);
		lua_close(b); /* under ASan: nothing of it is touched */
	}
}

static void replace_turns_every_reference(void **unused)
{
	lua_State *a = open_state(), *b = open_state();
	struct share_root *r1, *r2;

	(void)unused;
	run(a, "t = { n = 1, sub = { x = 1, gone = { y = 1 } }, list = { { id = 1 }, { id = 2 } } "
	       "} t.twice = t.sub");
	r1 = share_global(a, "t");
	run(a, "t = { n = 2, sub = { x = 2, gone = 5 }, list = { { id = 10 }, { id = 20 }, { id = "
	       "30 } } }");
	r2 = share_global(a, "t");
	set_shared(b, r1, "t");
	run(b, "box = { t.sub.gone, other = t.sub } local g, s = t.sub.gone, t.list[2] f = "
	       "function() return g, s end"
	       " co = coroutine.wrap(function(x) coroutine.yield() return x end) co(t.sub.gone)"
	       " m = setmetatable({}, { __index = t.sub }) mt = setmetatable({}, t.list)");
	assert_true(share_replace(b, r1, r2));
	assert_false(is_used(b, r1));
	share_unref(r1);
	run(b,
	    "assert(t.n == 2 and box[1] == nil and #box == 0 and box.other.x == 2) local g, s = f()"
	    " assert(g == nil and s.id == 20 and co() == nil and m.x == 2 and #getmetatable(mt) == "
	    "3)");
	lua_close(a);
	lua_close(b);
	share_unref(r2);
}

static void counts_come_back(void **unused)
{
	struct share_stats before, after;
	lua_State *a = open_state();

	(void)unused;
	share_stats(&before);
	for (int i = 0; i < 200; i++) {
		struct share_root *r = load_shared(a, program, "=again");

		lua_pop(a, 1);
		lua_gc(a, LUA_GCCOLLECT);
		share_unref(r);
	}
	share_stats(&after);
	assert_int_equal(after.roots, before.roots);
	assert_int_equal(after.root_bytes, before.root_bytes);
	assert_true(after.pool_strings - before.pool_strings < 200);
	lua_close(a);
}

/* ---- many threads: births, reads, new versions, audits and deaths at once ---- */

#define THREADS 4
#define LIVES 200

static struct {
	pthread_mutex_t lock;
	struct share_root *code, *table;
} now = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void publish(struct share_root **place, struct share_root *r_take)
{
	struct share_root *old;

	pthread_mutex_lock(&now.lock);
	old = *place;
	*place = r_take;
	pthread_mutex_unlock(&now.lock);
	if (old)
		share_set_old(old);
	share_unref(old);
}

static struct share_root *current(struct share_root **place)
{
	struct share_root *r;

	pthread_mutex_lock(&now.lock);
	r = share_ref(*place);
	pthread_mutex_unlock(&now.lock);
	return r;
}

/* Returns a reference to the code: L refers to it. */
static struct share_root *publish_new(lua_State *L, unsigned version)
{
	struct share_root *code;
	char source[512];

	snprintf(source, sizeof(source),
		 "items = { version = %u, list = { 1, 2, 3 } } for i = 1, 40 do items[i] = { stamp "
		 "= %u, id = i,"
		 " ['key' .. i %% 7] = ('v'):rep(i) .. %u } end",
		 version, version, version);
	run(L, source);
	publish(&now.table, share_global(L, "items"));
	snprintf(source, sizeof(source),
		 "local mine = {} return function(t) for i = 1, 20 do mine['n' .. i] = t[i] and "
		 "t[i].id end"
		 " local n = 0 for i, x in ipairs(t) do assert(x.stamp == t.version) n = n + "
		 "#x['key' .. i %% 7] end"
		 " for k, v in pairs(t[40]) do mine[k] = v mine[v] = k end assert(#t == 40 and not "
		 "t.absent)"
		 " local m = setmetatable({}, t) assert(not m.x and #m == 0 and m ~= "
		 "setmetatable({}, t)) return n, %u, 'c%u' end",
		 version, version);
	code = load_shared(L, source, "=stress");
	lua_pop(L, 1);
	publish(&now.code, share_ref(code));
	return code;
}

static void one_life(unsigned seed)
{
	struct share_root *roots[4] = { current(&now.code), current(&now.table), NULL, NULL };
	lua_State *L = open_state();
	bool used;

	if (seed % 2)
		lua_gc(L, LUA_GCGEN, 0, 0);
	set_shared(L, roots[1], "t");
	share_push_code(L, roots[0]);
	lua_call(L, 0, 1);
	lua_setglobal(L, "f");
	for (int i = 0; i < 5; i++) {
		run(L, "for i = 1, 10 do f(t) end x = { t[3], t[4]['key4'] }");
		lua_gc(L, LUA_GCSTEP, 8);
	}
	if (seed % 3 == 0)
		roots[3] = publish_new(L, seed);
	roots[2] = current(&now.table);
	if (roots[2] != roots[1] && share_replace(L, roots[1], roots[2])) {
		run(L, "x = nil f(t) collectgarbage()");
		share_audit(L, &roots[1], 1, &used);
		if (!used) {
			share_unref(roots[1]);
			roots[1] = NULL;
		}
		run(L, "f(t)");
	}
	lua_close(L);
	for (size_t i = 0; i < 4; i++)
		share_unref(roots[i]);
}

static void *live(void *ud)
{
	for (unsigned i = 0; i < LIVES; i++)
		one_life((unsigned)(uintptr_t)ud * LIVES + i);
	return NULL;
}

static void many_threads(void **unused)
{
	struct share_stats before, after;
	struct share_root *first;
	pthread_t threads[THREADS];
	lua_State *L = open_state();

	(void)unused;
	share_stats(&before);
	first = publish_new(L, 1000000);
	lua_close(L);
	share_unref(first);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	publish(&now.code, NULL);
	publish(&now.table, NULL);
	share_stats(&after);
	assert_int_equal(after.roots, before.roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_runs_in_many_states),
		cmocka_unit_test(tables_read_and_refuse),
		cmocka_unit_test(next_takes_a_twin),
		cmocka_unit_test(audit_sees_who_keeps),
		cmocka_unit_test(replace_turns_every_reference),
		cmocka_unit_test(counts_come_back),
		cmocka_unit_test(many_threads),
	};

	if (!share_is_here()) {
		print_message("1..0 # SKIP a stock VM\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
