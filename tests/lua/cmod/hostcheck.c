/* SPDX-License-Identifier: MIT */
/* hostcheck.check(): looks at all that the host of the calling service keeps about its tasks.
 * Nothing, or a text that says what does not fit together. */
#include "lua/host/response.h"
#include "lua/host/wait.h"

#define TASKS_MAX 1000000u

int luaopen_hostcheck(lua_State *L);

static const char *pooled_is_clean(const struct task *t)
{
	lua_Debug ar;

	if (t->live || t->barred || t->wait != WAIT_NONE || t->wait_session || t->deadline_session)
		return "a pooled task waits";
	if (t->request || t->held || t->session || t->error_text || t->tag || t->queued ||
	    t->failed || t->woken || t->token_in_table || t->request_state != REQUEST_NONE)
		return "a pooled task keeps something";
	if (!t->co || task_of(t->co) != t)
		return "a pooled task has not its coroutine";
	if (lua_status(t->co) != LUA_OK || lua_gettop(t->co) || lua_getstack(t->co, 0, &ar))
		return "a pooled coroutine is not at rest";
	return lua_gethook(t->co) ? "a pooled coroutine has a hook" : NULL;
}

static const char *check_pool(struct host *h)
{
	unsigned n = 0, blank = 0;

	for (struct task *t = h->pool; t && n <= TASKS_MAX; t = t->next, n++) {
		const char *why = pooled_is_clean(t);

		if (why)
			return why;
	}
	for (struct task *t = h->blank; t && blank <= TASKS_MAX; t = t->next, blank++)
		if (t->co || t->live)
			return "a blank task has a coroutine";
	if (blank > TASKS_MAX)
		return "the blank tasks are a ring";
	return n == h->pooled ? NULL : "the pool has another length than its counter";
}

/* What a live task waits for is on record, once, and of the right kind. */
static const char *wait_fits(struct host *h, struct task *t)
{
	const struct wait *found = NULL;

	for (unsigned i = 0; i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (w && w->session == t->wait_session)
			found = w;
	}
	switch (t->wait) {
	case WAIT_CALL:
	case WAIT_SLEEP:
		return found && found->task == t && found->kind == t->wait
			       ? NULL
			       : "a task waits for a session that is not its own";
	case WAIT_NONE:
		if (t != h->current && lua_status(t->co) == LUA_YIELD)
			return "a suspended task waits for nothing";
		break;
	default:
		break;
	}
	if (t->wait_session || t->deadline_session || (t->token_in_table && t->wait != WAIT_WAKEUP))
		return "a task keeps what it does not wait for";
	return NULL;
}

static const char *check_live(lua_State *L, struct host *h)
{
	struct task *prev = NULL;
	unsigned n = 0;

	for (struct task *t = h->live; t; prev = t, t = t->next) {
		const char *why;

		if (++n > h->tasks || t->prev != prev || !t->live)
			return "the list of live tasks is broken";
		lua_rawgeti(L, LUA_REGISTRYINDEX, t->ref);
		if (lua_tothread(L, -1) != t->co || task_of(t->co) != t)
			return "a live task has not its coroutine";
		lua_pop(L, 1);
		if (t->barred && t != h->current)
			return "a suspended task is barred";
		why = wait_fits(h, t);
		if (why)
			return why;
	}
	return n == h->tasks ? NULL : "the live tasks are more than their counter says";
}

static const char *check_waits(struct host *h)
{
	unsigned used = 0, dropped = 0;

	for (unsigned i = 0; i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (!w)
			continue;
		used++;
		dropped += w->kind == WAIT_DROPPED;
		if (w->kind == WAIT_LOOK) {
			if (w->task || w->session != h->look_session)
				return "a look for lost responses is not the host's";
			continue;
		}
		if (w->kind == WAIT_DROPPED ? w->task || w->timer : !w->task || !w->task->live)
			return "a session is of a task that does not live";
		if (w->kind == WAIT_DEADLINE && w->task->deadline_session != w->session)
			return "a time limit is of no call";
		if ((w->kind == WAIT_CALL || w->kind == WAIT_SLEEP) &&
		    (w->task->wait_session != w->session || w->task->wait != w->kind))
			return "a session is of a task that waits for something else";
	}
	if (used != h->waits.used || dropped != h->dropped)
		return "the sessions have another number than their counters";
	return NULL;
}

static const char *check_responses(const struct host *h)
{
	const struct response *prev = NULL;

	for (const struct response *r = h->responses; r; prev = r, r = r->next)
		if (r->prev != prev || r->host != h)
			return "the list of responses is broken";
	return NULL;
}

static int check(lua_State *L)
{
	struct host *h = host_of(L);
	const char *why = check_pool(h);

	why = why ? why : check_live(L, h);
	why = why ? why : check_waits(h);
	why = why ? why : check_responses(h);
	lua_pushstring(L, why);
	return 1;
}

/* What is left when all is over: live tasks, sessions that are waited for, timeouts, responses. */
static int left(lua_State *L)
{
	struct host *h = host_of(L);
	lua_Integer n = 0;

	for (const struct response *r = h->responses; r; r = r->next)
		n++;
	lua_pushinteger(L, h->tasks);
	lua_pushinteger(L, h->waits.used - h->dropped - (h->look_session != 0));
	lua_pushinteger(L, h->timeout_count);
	lua_pushinteger(L, n);
	return 4;
}

int luaopen_hostcheck(lua_State *L)
{
	static const luaL_Reg functions[] = { { "check", check },
					      { "left", left },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}
