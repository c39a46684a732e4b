/* SPDX-License-Identifier: MIT */
/* skynet.profile: time that a task has spent running. By the monotonic clock around each resume:
 * two readings of 30 ns, and only for tasks that are profiled. The host resumes tasks and knows of
 * it; a plain coroutine is resumed by coroutine.resume, so that and wrap are replaced when the
 * module is opened.
 */
#include "lua/host/profile.h"

#include "core/base/clock.h"
#include "lua/host/host.h"
#include "lua/host/tables.h"

#define PLAIN "harbord.profiled" /* weak: plain coroutine -> struct plain */

struct plain {
	uint64_t began_ns, total_ns;
};

static lua_State *thread_arg(lua_State *L, int arg)
{
	lua_State *co = lua_tothread(L, arg);

	if (!co && !lua_isnoneornil(L, arg))
		luaL_typeerror(L, arg, "thread");
	return co ? co : L;
}

/* The task whose time it is, or NULL for a plain coroutine. */
static struct task *task_for(lua_State *co)
{
	struct task *t = task_of(co);

	return t == &t->host->main && t->co != co ? NULL : t;
}

static bool runs(const struct task *t)
{
	return t->host->current == t || t == &t->host->main;
}

/* ---- plain coroutines ---- */

static void push_plain_key(lua_State *L, lua_State *co)
{
	tables_push_weak_keys(L, PLAIN);
	lua_pushthread(co);
	lua_xmove(co, L, 1);
}

/* Valid while the coroutine is profiled, or NULL. */
static struct plain *plain_of(lua_State *L, lua_State *co)
{
	struct plain *p;

	push_plain_key(L, co);
	lua_rawget(L, -2);
	p = lua_touserdata(L, -1);
	lua_pop(L, 2);
	return p;
}

static void plain_start(lua_State *L, lua_State *co)
{
	struct plain *p;

	push_plain_key(L, co);
	p = lua_newuserdatauv(L, sizeof(*p), 0);
	*p = (struct plain){ .began_ns = clock_mono_ns() };
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static uint64_t plain_stop(lua_State *L, lua_State *co, struct plain *p)
{
	uint64_t total = p->total_ns;

	if (co == L)
		total += clock_mono_ns() - p->began_ns;
	push_plain_key(L, co);
	lua_pushnil(L);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	return total;
}

/* Calls the stock function (below its n arguments on the stack), which resumes co. */
static int measured(lua_State *L, lua_State *co, int n)
{
	int base = lua_gettop(L) - n - 1, status;
	struct plain *p = co ? plain_of(L, co) : NULL;

	if (p)
		p->began_ns = clock_mono_ns();
	status = lua_pcall(L, n, LUA_MULTRET, 0);
	/* It may have started or stopped inside. */
	p = co ? plain_of(L, co) : NULL;
	if (p)
		p->total_ns += clock_mono_ns() - p->began_ns;
	return status == LUA_OK ? lua_gettop(L) - base : lua_error(L);
}

/* Upvalue: the stock resume. */
static int resume(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return measured(L, lua_tothread(L, 2), lua_gettop(L) - 1);
}

/* Upvalues: what the stock wrap returned, its coroutine. */
static int wrapped(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return measured(L, lua_tothread(L, lua_upvalueindex(2)), lua_gettop(L) - 1);
}

/* Upvalue: the stock wrap. */
static int wrap(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	if (!lua_getupvalue(L, -1, 1))
		return 1; /* not Lua's own */
	lua_pushcclosure(L, wrapped, 2);
	return 1;
}

/* ---- the module ---- */

static int profile_start(lua_State *L)
{
	lua_State *co = thread_arg(L, 1);
	struct task *t = task_for(co);

	if (t ? t->profiled : plain_of(L, co) != NULL)
		return luaL_error(L, "Thread %p start profile more than once", (void *)co);
	if (!t) {
		plain_start(L, co);
		return 0;
	}
	t->profiled = true;
	t->profile_total_ns = 0;
	t->profile_began_ns = clock_mono_ns();
	return 0;
}

static int profile_stop(lua_State *L)
{
	lua_State *co = thread_arg(L, 1);
	struct task *t = task_for(co);
	struct plain *p = t ? NULL : plain_of(L, co);
	uint64_t total;

	if (t ? !t->profiled : !p)
		return luaL_error(L, "Call profile.start() before profile.stop()");
	if (t) {
		t->profiled = false;
		total = t->profile_total_ns;
		if (runs(t))
			total += clock_mono_ns() - t->profile_began_ns;
	} else {
		total = plain_stop(L, co, p);
	}
	lua_pushnumber(L, (double)total / NS_PER_SEC);
	return 1;
}

/* Puts f over the field of the table `coroutine` on top and into the module below it. */
static void replace(lua_State *L, const char *name, lua_CFunction f)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, f, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
	lua_setfield(L, -3, name);
}

int luaopen_skynet_profile(lua_State *L)
{
	static const luaL_Reg functions[] = { { "start", profile_start },
					      { "stop", profile_stop },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	lua_getglobal(L, "coroutine");
	replace(L, "resume", resume);
	replace(L, "wrap", wrap);
	lua_pop(L, 1);
	return 1;
}
