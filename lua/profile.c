/* SPDX-License-Identifier: MIT */
/* skynet.profile: time that a task has spent running (lua-core.md 5.15). By the monotonic clock
 * around each resume: two readings of 30 ns, and only for tasks that are profiled. */
#include "core/clock.h"
#include "lua/host.h"

static struct task *task_arg(lua_State *L, int arg)
{
	lua_State *co = lua_tothread(L, arg);

	if (!co && !lua_isnoneornil(L, arg))
		luaL_typeerror(L, arg, "thread");
	return task_of(co ? co : L);
}

static bool runs(const struct task *t)
{
	return t->host->current == t || t == &t->host->main;
}

static int profile_start(lua_State *L)
{
	struct task *t = task_arg(L, 1);

	if (t->profiled)
		return luaL_error(L, "Thread %p start profile more than once", (void *)t->co);
	t->profiled = true;
	t->profile_total_ns = 0;
	t->profile_began_ns = clock_mono_ns();
	return 0;
}

static int profile_stop(lua_State *L)
{
	struct task *t = task_arg(L, 1);

	if (!t->profiled)
		return luaL_error(L, "Call profile.start() before profile.stop()");
	t->profiled = false;
	if (runs(t))
		t->profile_total_ns += clock_mono_ns() - t->profile_began_ns;
	lua_pushnumber(L, (double)t->profile_total_ns / NS_PER_SEC);
	return 1;
}

int luaopen_skynet_profile(lua_State *L)
{
	static const luaL_Reg functions[] = { { "start", profile_start },
		                              { "stop", profile_stop },
		                              { NULL, NULL } };

	luaL_newlib(L, functions);
	lua_getglobal(L, "coroutine");
	lua_getfield(L, -1, "resume");
	lua_setfield(L, -3, "resume");
	lua_getfield(L, -1, "wrap");
	lua_setfield(L, -3, "wrap");
	lua_pop(L, 1);
	return 1;
}
