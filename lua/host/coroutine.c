/* SPDX-License-Identifier: MIT */
/* skynet.coroutine: coroutines inside a task that may call blocking functions.
 * While a coroutine of this module runs it belongs to the task, so a blocking function in it
 * notes its wait there and yields. resume() sees the wait and yields as well, up to the task's
 * own coroutine; what wakes the task runs down the same way. Where resume() itself cannot yield,
 * in a function that C calls, nothing inside of it may wait: the task is `barred` meanwhile. A
 * coroutine that does not run belongs to no task.
 *
 * How a resume passes values and errors on follows Lua's own auxresume and auxwrap (lcorolib.c,
 * MIT). */
#include "lua/host/coroutine.h"

#include <lualib.h>

#include "lua/host/run.h"
#include "lua/host/tables.h"
#include "lua/vm/yield.h"

#define KNOWN "harbord.coroutines" /* weak: coroutine -> is it blocked by the framework? */

enum known { KNOWN_NOT, KNOWN_FREE, KNOWN_BLOCKED };

static enum known get_known(lua_State *L, lua_State *co)
{
	enum known k = KNOWN_NOT;

	tables_push_weak_keys(L, KNOWN);
	lua_pushthread(co);
	lua_xmove(co, L, 1);
	lua_rawget(L, -2);
	if (!lua_isnil(L, -1))
		k = lua_toboolean(L, -1) ? KNOWN_BLOCKED : KNOWN_FREE;
	lua_pop(L, 2);
	return k;
}

static void set_known(lua_State *L, lua_State *co, bool blocked)
{
	tables_push_weak_keys(L, KNOWN);
	lua_pushthread(co);
	lua_xmove(co, L, 1);
	lua_pushboolean(L, blocked);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static lua_State *check_thread(lua_State *L, int arg)
{
	lua_State *co = lua_tothread(L, arg);

	luaL_argexpected(L, co, arg, "coroutine");
	return co;
}

/* ---- what both kinds of coroutines share ---- */

/* Pushes a coroutine of the function at index 1. */
static lua_State *push_coroutine(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return co;
}

/* Is lua_resume, but that the host knows what runs: so an interrupt meets a loop in there as
 * well. */
static int resume_noted(lua_State *L, lua_State *co, int nargs, int *ret_results)
{
	struct host *h = host_of(L);
	lua_State *outer = run_enter(h, co);
	int status = lua_resume(co, L, nargs, ret_results);

	run_leave(h, co, outer);
	return status;
}

/* How a kind of coroutine is resumed: with nargs values on top of L. Raises in place of returning
 * false if `raise`. */
typedef int resumer(lua_State *L, lua_State *co, int nargs, bool raise);

static int by_argument(lua_State *L, resumer *resume)
{
	lua_State *co = check_thread(L, 1);

	return resume(L, co, lua_gettop(L) - 1, false);
}

static int by_upvalue(lua_State *L, resumer *resume)
{
	return resume(L, lua_tothread(L, lua_upvalueindex(1)), lua_gettop(L), true);
}

static int refuse(lua_State *L, const char *why, bool raise)
{
	if (raise)
		return luaL_error(L, "%s", why);
	lua_pushboolean(L, 0);
	lua_pushstring(L, why);
	return 2;
}

/* Moves the arguments to co and returns 0, or refuses and returns the number of results of that. */
static int pass(lua_State *L, lua_State *co, int nargs, bool raise)
{
	if (!lua_checkstack(co, nargs))
		return refuse(L, "too many arguments to resume", raise);
	lua_xmove(L, co, nargs);
	return 0;
}

static int failed(lua_State *L, lua_State *co, bool raise)
{
	lua_xmove(co, L, 1);
	if (!raise) {
		lua_pushboolean(L, 0);
		lua_insert(L, -2);
		return 2;
	}
	if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD) {
		lua_resetthread(co);
		if (lua_gettop(co) > 0)
			lua_xmove(co, L, 1); /* an error of closing takes the place */
	}
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

/* The results of resume, or of wrap's function: co has come back with n values or an error. */
static int finish(lua_State *L, lua_State *co, int status, int n, bool raise)
{
	if (status != LUA_OK && status != LUA_YIELD)
		return failed(L, co, raise);
	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		return luaL_error(L, "too many results to resume");
	}
	if (!raise)
		lua_pushboolean(L, 1);
	lua_xmove(co, L, n);
	return raise ? n : n + 1;
}

/* ---- coroutines of skynet.coroutine ---- */

static int co_create(lua_State *L)
{
	set_known(L, push_coroutine(L), false);
	return 1;
}

static resumer go_on; /* what a resume does when the coroutine has come back */

static int resume_again(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	return go_on(L, lua_tothread(L, ctx ? lua_upvalueindex(1) : 1), 0, ctx != 0);
}

static int go_on(lua_State *L, lua_State *co, int nargs, bool raise)
{
	struct host *h = host_of(L);
	struct task *t = task_of(L);
	bool barred = t->barred;
	int status, n;

	if (get_known(L, co) == KNOWN_BLOCKED)
		set_known(L, co, false);
	task_adopt(co, t);
	t->barred = barred || !lua_isyieldable(L);
	status = resume_noted(L, co, nargs, &n);
	t->barred = barred;
	task_adopt(co, &h->main);
	if (status == LUA_YIELD && h->current == t && t->wait != WAIT_NONE) {
		set_known(L, co, true); /* the key is there: this cannot fail, nor can the yield */
		return lua_yieldk(L, 0, raise, resume_again);
	}
	return finish(L, co, status, n, raise);
}

static int resume(lua_State *L, lua_State *co, int nargs, bool raise)
{
	int refused;

	switch (get_known(L, co)) {
	case KNOWN_NOT:
		return refuse(L, "cannot resume none skynet coroutine", raise);
	case KNOWN_BLOCKED:
		return refuse(L, "cannot resume a skynet coroutine suspend by skynet framework",
			      raise);
	case KNOWN_FREE:
		break;
	}
	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		return refuse(L, "cannot resume dead coroutine", raise);
	refused = pass(L, co, nargs, raise);
	return refused ? refused : go_on(L, co, nargs, raise);
}

static int co_resume(lua_State *L)
{
	return by_argument(L, resume);
}

static int wrapped(lua_State *L)
{
	return by_upvalue(L, resume);
}

static int co_wrap(lua_State *L)
{
	co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

lua_State *coroutine_leaf(lua_State *co)
{
	lua_Debug ar;

	while (lua_status(co) == LUA_YIELD && lua_getstack(co, 0, &ar) &&
	       lua_getinfo(co, "f", &ar)) {
		lua_CFunction f = lua_tocfunction(co, -1);
		lua_State *inner = NULL;

		lua_pop(co, 1);
		/* its arguments and upvalues, for it is the function that yielded */
		if (f == co_resume)
			inner = lua_tothread(co, 1);
		else if (f == wrapped)
			inner = lua_tothread(co, lua_upvalueindex(1));
		if (!inner)
			break;
		co = inner;
	}
	return co;
}

static int co_yield (lua_State *L)
{
	/* In the task itself nobody resumes: task.c says so in the log. */
	if (task_of(L)->co == L) {
		lua_pushliteral(L, "USER");
		lua_insert(L, 1);
	}
	return vm_yield(L, lua_gettop(L), 0, NULL);
}

static int co_status(lua_State *L)
{
	lua_State *co = check_thread(L, 1);

	if (get_known(L, co) == KNOWN_BLOCKED) {
		lua_pushliteral(L, "blocked");
		return 1;
	}
	lua_settop(L, 1);
	lua_getglobal(L, "coroutine");
	lua_getfield(L, -1, "status");
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	return 1;
}

/* thread([co]): the task that it is part of, and whether it is the task itself. */
static int co_thread(lua_State *L)
{
	lua_State *co = lua_isnoneornil(L, 1) ? L : check_thread(L, 1);
	struct task *t = task_of(co);

	if (t == &t->host->main && t->host->current)
		t = t->host->current;
	lua_pushthread(t->co);
	lua_xmove(t->co, L, 1);
	lua_pushboolean(L, t->co == co);
	return 2;
}

/* ---- the library `coroutine` ---- */

static int resume_plain(lua_State *L, lua_State *co, int nargs, bool raise)
{
	int refused = pass(L, co, nargs, raise), status, n;

	if (refused)
		return refused;
	status = resume_noted(L, co, nargs, &n);
	return finish(L, co, status, n, raise);
}

static int plain_resume(lua_State *L)
{
	return by_argument(L, resume_plain);
}

static int plain_wrapped(lua_State *L)
{
	return by_upvalue(L, resume_plain);
}

static int plain_wrap(lua_State *L)
{
	(void)push_coroutine(L);
	lua_pushcclosure(L, plain_wrapped, 1);
	return 1;
}

int coroutine_resumed_by(lua_CFunction f)
{
	if (f == co_resume || f == plain_resume)
		return 1;
	return f == wrapped || f == plain_wrapped ? -1 : 0;
}

int coroutine_open_library(lua_State *L)
{
	static const luaL_Reg own[] = { { "resume", plain_resume },
					{ "wrap", plain_wrap },
					{ NULL, NULL } };

	(void)luaopen_coroutine(L);
	luaL_setfuncs(L, own, 0);
	return 1;
}

/* ---- the module ---- */

int luaopen_skynet_coroutine(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "create", co_create }, { "resume", co_resume }, { "wrap", co_wrap },
		{ "yield", co_yield },	 { "status", co_status }, { "thread", co_thread },
		{ NULL, NULL },
	};
	static const char *const stock[] = { "running", "isyieldable", "close" };

	luaL_newlib(L, own);
	lua_getglobal(L, "coroutine");
	for (size_t i = 0; i < array_len(stock); i++) {
		lua_getfield(L, -1, stock[i]);
		lua_setfield(L, -3, stock[i]);
	}
	lua_pop(L, 1);
	return 1;
}
