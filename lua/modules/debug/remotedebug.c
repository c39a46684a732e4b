/* SPDX-License-Identifier: MIT */
/* skynet.remotedebug.core: stops a task at a line of its code and lets it go on.
 *
 *   step(co, on_stop[, depth])  co stops at its next line, or the next one no deeper than `depth`
 *   off()                       nothing stops any more; a thread that meets its hook takes it off
 *   go()                        the stopped task goes on
 *
 * A stopped task is a task that sleeps: a line hook may yield, and the wait says that a timer will
 * come, which go() sends. So everything else in the service goes on, and the task can be killed
 * like any other. Before it stops, on_stop(thread, depth, function, source, short source, line,
 * names of locals) is called and decides with true or false. The names are taken here, for once a
 * coroutine has yielded in a hook, Lua takes it to be at the instruction before.
 *
 * Where nobody can yield (inside of table.sort, of a plain coroutine) nothing stops.
 */
#include "lua/modules/debug/remotedebug.h"

#include "lua/host/task.h"
#include "lua/host/wait.h"
#include "core/sched/timeout.h"

struct stepper {
	bool on;
	int depth;	 /* over calls: of this thread, and no deeper; 0 = anywhere */
	lua_State *over; /* only compared */
	int32_t session; /* of the stopped task's wait, 0 = none is stopped */
};

static const char KEY; /* the stepper in the registry; its user value is on_stop */

/* Pushes its userdata, which is made if need be. */
static struct stepper *push_stepper(lua_State *L)
{
	struct stepper *s;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY) == LUA_TUSERDATA)
		return lua_touserdata(L, -1);
	lua_pop(L, 1);
	s = lua_newuserdatauv(L, sizeof(*s), 1);
	*s = (struct stepper){ .on = false };
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY);
	return s;
}

static int depth_of(lua_State *L)
{
	lua_Debug ar;
	int n = 0;

	while (lua_getstack(L, n, &ar))
		n++;
	return n;
}

/* true: the program's function wants the stop. Leaves the stack as it was. */
static bool wants_stop(lua_State *L, lua_Debug *ar, int depth)
{
	int top = lua_gettop(L);
	const char *name;
	bool wanted;

	luaL_checkstack(L, 12, NULL);
	lua_getinfo(L, "S", ar);
	push_stepper(L);
	lua_getiuservalue(L, -1, 1);
	lua_pushthread(L);
	lua_pushinteger(L, depth);
	lua_getinfo(L, "f", ar);
	lua_pushstring(L, ar->source);
	lua_pushstring(L, ar->short_src);
	lua_pushinteger(L, ar->currentline);
	lua_newtable(L);
	for (int i = 1; (name = lua_getlocal(L, ar, i)); i++) {
		lua_pop(L, 1);
		lua_pushstring(L, name);
		lua_rawseti(L, -2, i);
	}
	lua_call(L, 7, 1);
	wanted = lua_toboolean(L, -1);
	lua_settop(L, top);
	return wanted;
}

static void on_line(lua_State *L, lua_Debug *ar)
{
	struct stepper *s = push_stepper(L);
	struct task *t = task_of(L);
	struct host *h = t->host;
	int depth;

	lua_pop(L, 1); /* the registry keeps it */
	if (!s->on) {
		lua_sethook(L, NULL, 0, 0);
		return;
	}
	if (s->session || !task_can_wait(L))
		return;
	if (s->depth && s->over != L)
		return;
	depth = depth_of(L);
	if (s->depth && depth > s->depth)
		return;
	lua_getinfo(L, "l", ar);
	if (!wants_stop(L, ar, depth))
		return;
	s->session = host_new_session(h);
	wait_add(h, s->session, WAIT_SLEEP)->task = t;
	t->wait = WAIT_SLEEP;
	t->wait_session = s->session;
	t->token = NULL; /* no wakeup is meant for this */
	lua_yield(L, 0);
}

static int step(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	int depth = (int)luaL_optinteger(L, 3, 0);
	struct stepper *s;

	luaL_argexpected(L, co, 1, "coroutine");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	s = push_stepper(L);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 1);
	s->on = true;
	s->depth = depth;
	s->over = co;
	lua_sethook(co, on_line, LUA_MASKLINE, 0);
	return 0;
}

static int off(lua_State *L)
{
	push_stepper(L)->on = false;
	return 0;
}

static int go(lua_State *L)
{
	struct stepper *s = push_stepper(L);
	struct host *h = host_of(L);
	int32_t session = s->session;

	s->session = 0;
	/* it may have been killed */
	if (session && wait_find(h, session))
		(void)service_timeout(h->s, session, 0, 0);
	return 0;
}

int luaopen_skynet_remotedebug_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "step", step }, { "off", off }, { "go", go }, { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}
