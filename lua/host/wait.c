/* SPDX-License-Identifier: MIT */
/* Sessions: which number belongs to which waiting task (core/ds/sessions.h). */
#include "lua/host/wait.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/msg.h"
#include "core/actor/send.h"
#include "core/sched/timeout.h"
#include "lua/host/tables.h"

static const struct sessions_kind waits = {
	.entry = sizeof(struct wait),
	.session = offsetof(struct wait, session),
	.service = SESSIONS_ONE,
	.first = 8,
};

struct wait *wait_find(struct host *h, int32_t session)
{
	return session > 0 ? sessions_find(&h->waits, &waits, 0, session) : NULL;
}

struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind)
{
	struct wait *w = sessions_add(&h->waits, &waits, 0, session);

	*w = (struct wait){ .session = session, .kind = (uint8_t)kind };
	return w;
}

struct wait *wait_at(struct host *h, unsigned place)
{
	struct wait *w = sessions_at(&h->waits, &waits, place);

	return w->session ? w : NULL;
}

void wait_remove(struct host *h, struct wait *w)
{
	if (w->kind == WAIT_DROPPED)
		h->dropped--;
	sessions_remove(&h->waits, &waits, w);
}

int32_t host_new_session(struct host *h)
{
	int32_t session;

	do
		session = service_new_session(h->s);
	while (wait_find(h, session));
	return session;
}

void wait_forget(struct host *h, int32_t session)
{
	struct wait *w = wait_find(h, session);

	if (!w)
		return;
	if (w->timer)
		(void)service_timeout_cancel(w->timer);
	wait_remove(h, w);
}

/* Tokens that tasks sleep on: token -> task. Weak, and an entry stays, as false, when its task is
 * awake: a table in which keys come and go is rehashed every few times, and who sleeps on an object
 * does so again. */
static void push_tokens(lua_State *L, struct host *h)
{
	if (unlikely(h->tokens_ref == LUA_NOREF)) {
		lua_newtable(L);
		tables_set_weak(L, "k");
		h->tokens_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->tokens_ref);
}

void wait_on_token(lua_State *L, struct task *t, int index)
{
	must(!t->token_in_table && t->wait == WAIT_NONE);
	/* What may raise comes first: the place in the table, which says nothing yet, and the
	 * reference. */
	push_tokens(L, t->host);
	lua_pushvalue(L, index);
	lua_pushboolean(L, 0);
	lua_rawset(L, -3);
	lua_pushvalue(L, index);
	t->token_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, index);
	lua_pushlightuserdata(L, t);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	t->token_in_table = true;
}

/* Keys that no collector takes away, strings and numbers, are removed. */
static bool stays(int type)
{
	return type == LUA_TTABLE || type == LUA_TUSERDATA || type == LUA_TFUNCTION ||
	       type == LUA_TTHREAD;
}

static void clear_token(struct task *t)
{
	lua_State *L = t->host->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, t->host->tokens_ref);
	if (stays(lua_rawgeti(L, LUA_REGISTRYINDEX, t->token_ref)))
		lua_pushboolean(L, 0);
	else
		lua_pushnil(L);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	luaL_unref(L, LUA_REGISTRYINDEX, t->token_ref);
	t->token_in_table = false;
}

void wait_abandon(struct task *t, bool late)
{
	struct host *h = t->host;

	must_slow(host_is_here(h));
	if (t->wait_session) {
		struct wait *w = wait_find(h, t->wait_session);

		if (w && w->kind == WAIT_CALL && late && h->dropped < WAIT_DROPPED_MAX) {
			w->kind = WAIT_DROPPED;
			w->task = NULL;
			h->dropped++;
		} else {
			wait_forget(h, t->wait_session);
		}
		t->wait_session = 0;
	}
	if (t->deadline_session) {
		wait_forget(h, t->deadline_session);
		t->deadline_session = 0;
	}
	if (t->token_in_table)
		clear_token(t);
	t->wait = WAIT_NONE;
}

static int compare_handles(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void wait_tell_callees(struct host *h)
{
	uint32_t *dests = h->waits.used ? mem_alloc(h->waits.used * sizeof(*dests)) : NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (w && w->kind == WAIT_CALL && w->dest)
			dests[n++] = w->dest;
	}
	if (n)
		qsort(dests, n, sizeof(*dests), compare_handles);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || dests[i] != dests[i - 1])
			service_send_error(service_handle(h->s), dests[i], 0);
	mem_free(dests);
}

void wait_release_all(struct host *h)
{
	for (unsigned i = 0; i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (w && w->timer)
			(void)service_timeout_cancel(w->timer);
	}
	sessions_fini(&h->waits);
}
