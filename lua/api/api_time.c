/* SPDX-License-Identifier: MIT */
/* skynet: time and tasks.
 *
 * The coroutine of a timeout is made when it fires (timeout.c). So what timeout() returns is the
 * session and not, as in the original, a coroutine: half a million of them would cost more than
 * everything else. skynet.killthread takes it all the same.
 */
#include "lua/api/api_time.h"

#include <lualib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/sched/timeout.h"
#include "lua/api/api_proto.h"
#include "lua/host/coroutine.h"
#include "lua/host/task.h"
#include "lua/host/timeout.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"
#include "lua/vm/yield.h"

#define TIMER_META "harbord.timer"

static lua_Integer check_ti(lua_State *L, int arg)
{
	lua_Integer ti = luaL_checkinteger(L, arg);

	return ti > INT32_MAX ? INT32_MAX : ti;
}

int api_timeout(lua_State *L)
{
	lua_Integer ti = check_ti(L, 1);
	struct msg *m;

	api_check_callable(L, 2);
	m = timeout_start(L, 2, ti);
	lua_pushinteger(L, m->session);
	return 1;
}

struct timer_object {
	uint32_t tag; /* 0: fired or cancelled, as far as we know */
	int32_t session;
};

static int timer_cancel(lua_State *L)
{
	struct timer_object *o = luaL_checkudata(L, 1, TIMER_META);

	lua_pushboolean(L, o->tag && timeout_cancel(L, o->tag, o->session));
	o->tag = 0;
	return 1;
}

/* Ours: skynet.timer(ti, f) is timeout with an object, whose :cancel() is true if f will not run.
 */
int api_timer(lua_State *L)
{
	lua_Integer ti = check_ti(L, 1);
	struct timer_object *o;
	struct msg *m;

	api_check_callable(L, 2);
	o = lua_newuserdatauv(L, sizeof(*o), 0);
	o->tag = 0;
	if (luaL_newmetatable(L, TIMER_META)) {
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
		lua_pushcfunction(L, timer_cancel);
		lua_setfield(L, -2, "cancel");
	}
	lua_setmetatable(L, -2);
	m = timeout_start(L, 2, ti);
	o->tag = service_timeout_tag(m);
	o->session = m->session;
	return 1;
}

/* ---- sleeping on a token ---- */

/* The task that waits on the token at index, or NULL. */
static struct task *waiting_on(lua_State *L, struct host *h, int index)
{
	struct task *t;
	lua_State *co = lua_tothread(L, index);

	if (co) {
		t = task_of(co);
		if (t->co == co && (t->wait == WAIT_SLEEP || t->wait == WAIT_WAKEUP) &&
		    t->token == co)
			return t;
	}
	if (h->tokens_ref == LUA_NOREF)
		return NULL;
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->tokens_ref);
	lua_pushvalue(L, index);
	lua_rawget(L, -2);
	t = lua_touserdata(L, -1);
	lua_pop(L, 2);
	return t;
}

static int woken(lua_State *L, int status, lua_KContext is_sleep)
{
	struct task *t = task_of(L);

	(void)status;
	task_check_failed(L, t);
	if (!is_sleep) {
		t->woken = false;
		return 0;
	}
	if (t->woken)
		lua_pushliteral(L, "BREAK");
	else
		lua_pushnil(L);
	t->woken = false;
	return 1;
}

/* ti < 0: until wakeup. The token is at index 1. */
static int sleep_on(lua_State *L, struct task *t, lua_Integer ti)
{
	struct host *h = t->host;

	lua_settop(L, 1);
	if (lua_isnil(L, 1)) {
		lua_pushthread(L);
		lua_replace(L, 1);
	}
	if (unlikely(waiting_on(L, h, 1) != NULL))
		return luaL_error(L, "token duplicative");
	if (unlikely(t->tag))
		trace_event(t, "sleep", L);
	t->token = lua_topointer(L, 1);
	if (t->token != t->co) {
		wait_on_token(L, t, 1);
	}
	if (ti < 0) {
		t->wait = WAIT_WAKEUP;
	} else {
		int32_t session = host_new_session(h);
		struct wait *w = wait_add(h, session, WAIT_SLEEP);

		w->task = t;
		w->timer = service_timeout(h->s, session, 0, (uint64_t)ti * NS_PER_CS);
		t->wait = WAIT_SLEEP;
		t->wait_session = session;
	}
	return vm_yield(L, 0, ti >= 0, woken);
}

/* Ours: raises unless the caller may wait now; for modules that send or note something before
 * they wait. */
int api_checkwait(lua_State *L)
{
	(void)task_blocking(L, "wait");
	return 0;
}

int api_sleep(lua_State *L)
{
	struct task *t = task_blocking(L, "sleep");
	lua_Integer ti = check_ti(L, 1);

	lua_settop(L, 2);
	lua_remove(L, 1);
	return sleep_on(L, t, ti < 0 ? 0 : ti);
}

int api_yield(lua_State *L)
{
	struct task *t = task_blocking(L, "yield");

	lua_settop(L, 0);
	return sleep_on(L, t, 0);
}

int api_wait(lua_State *L)
{
	return sleep_on(L, task_blocking(L, "wait"), -1);
}

int api_wakeup(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;

	luaL_checkany(L, 1);
	t = waiting_on(L, h, 1);
	if (!t)
		return 0;
	/* It keeps waiting until its turn, so a second wakeup queues up as well. */
	fifo_push(&h->wakeups, t, t->token);
	t->queued++;
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- tasks by hand ---- */

int api_fork(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;
	int n = lua_gettop(L);

	api_check_callable(L, 1);
	if (h->closing)
		return luaL_error(L, "the service has ended");
	t = task_create_in(L);
	if (!lua_checkstack(t->co, n + 1)) {
		task_kill(t, NULL);
		return luaL_error(L, "too many arguments to fork");
	}
	lua_pushthread(t->co);
	lua_xmove(t->co, L, 1);
	lua_insert(L, 1);
	lua_xmove(L, t->co, n);
	fifo_push(&h->forks, t, NULL);
	return 1;
}

/* Pushes the coroutine of the first live task but those of the caller whose name matches the
 * pattern at index 1, or nil. The pattern's function may be the program's, and what it does to
 * the tasks is its affair: so a copy of them is looked through. */
static void push_match(lua_State *L, struct host *h)
{
	int n = 0, list;

	lua_createtable(L, (int)h->tasks, 0);
	list = lua_gettop(L);
	for (struct task *t = h->live; t; t = t->next) {
		if (t == h->current || t->co == L)
			continue;
		lua_rawgeti(L, LUA_REGISTRYINDEX, t->ref);
		lua_rawseti(L, list, ++n);
	}
	for (int i = 1; i <= n; i++) {
		/* as the global would open it; a program may have replaced that */
		luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
		lua_getfield(L, -1, "find");
		lua_rawgeti(L, list, i);
		lua_pushfstring(L, "thread: %p", lua_topointer(L, -1));
		lua_remove(L, -2);
		lua_pushvalue(L, 1);
		lua_call(L, 2, 1);
		if (lua_toboolean(L, -1)) {
			lua_rawgeti(L, list, i);
			return;
		}
		lua_settop(L, list);
	}
	lua_pushnil(L);
}

/* killthread(thread | pattern | what timeout returned) */
int api_killthread(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;
	lua_State *co;

	if (lua_isinteger(L, 1)) {
		if (!timeout_cancel_session(L, (int32_t)lua_tointeger(L, 1)))
			return 0;
		lua_settop(L, 1);
		return 1;
	}
	lua_settop(L, 1);
	if (lua_type(L, 1) == LUA_TSTRING)
		push_match(L, h);
	else if (!lua_isthread(L, 1))
		return luaL_argerror(L, 1, "a thread or a pattern");
	co = lua_tothread(L, -1);
	t = co ? task_of(co) : NULL;
	/* Its own coroutine, and not that of one that ended meanwhile. */
	if (!t || t->co != co || !t->live || t == h->current || co == L)
		return 0;
	task_kill(t, "the task was killed");
	return 1;
}

static void push_key(lua_State *L, const struct task *t)
{
	lua_pushfstring(L, "thread: %p session: %d", (void *)t->co, t->wait_session);
}

/* The stack of a suspended task: of the innermost coroutine that waits. */
static void push_traceback(lua_State *L, struct task *t)
{
	luaL_traceback(L, coroutine_leaf(t->co), NULL, 0);
}

/* task(): how many wait; task(table): fills it; task(session), task(thread), task("init"). */
int api_task(lua_State *L)
{
	struct host *h = host_of(L);

	if (lua_isnoneornil(L, 1)) {
		lua_pushinteger(L, h->tasks - (h->current != NULL));
		return 1;
	}
	if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "init") == 0) {
		if (!h->start_task || h->start_task == h->current)
			return 0;
		push_traceback(L, h->start_task);
		return 1;
	}
	for (struct task *t = h->live; t; t = t->next) {
		if (lua_istable(L, 1) && t != h->current) {
			push_key(L, t);
			push_traceback(L, t);
			lua_settable(L, 1);
		} else if (lua_isthread(L, 1) && lua_tothread(L, 1) == t->co) {
			lua_pushinteger(L, t->wait_session);
			return 1;
		} else if (lua_isinteger(L, 1) && t->wait_session &&
			   lua_tointeger(L, 1) == t->wait_session) {
			push_traceback(L, t);
			return 1;
		}
	}
	if (!lua_isinteger(L, 1))
		return 0;
	lua_pushliteral(L, "No session");
	return 1;
}
