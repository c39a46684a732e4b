/* SPDX-License-Identifier: MIT */
/* Sessions: which number belongs to which waiting task.
 *
 * An open-addressed table from session to wait, at most half full, with backward-shift deletion: no
 * tombstones, so a table that was full once is as quick as a new one.
 */
#include "lua/host/wait.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/msg.h"
#include "core/actor/send.h"
#include "core/sched/timeout.h"
#include "lua/host/tables.h"

#define SIZE_FIRST 8u
#define SIZE_KEPT  1024u /* a table that was larger shrinks when it is nearly empty */

static unsigned slot_of(const struct host *h, int32_t session)
{
	return msg_session_place(0, session) & (h->waits_size - 1);
}

struct wait *wait_find(struct host *h, int32_t session)
{
	if (!h->waits_used || session <= 0)
		return NULL;
	for (unsigned i = slot_of(h, session);; i = (i + 1) & (h->waits_size - 1)) {
		if (h->waits[i].session == session)
			return &h->waits[i];
		if (h->waits[i].session == 0)
			return NULL;
	}
}

static struct wait *free_slot(struct host *h, int32_t session)
{
	unsigned i = slot_of(h, session);

	while (h->waits[i].session)
		i = (i + 1) & (h->waits_size - 1);
	return &h->waits[i];
}

static void resize(struct host *h, unsigned size)
{
	struct wait *old = h->waits;
	unsigned old_size = h->waits_size;

	h->waits = mem_zalloc(size * sizeof(*h->waits));
	h->waits_size = size;
	for (unsigned i = 0; i < old_size; i++)
		if (old[i].session)
			*free_slot(h, old[i].session) = old[i];
	mem_free(old);
}

struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind)
{
	struct wait *w;

	must_slow(host_is_here(h) && !wait_find(h, session));
	must(session > 0);
	if (h->waits_used * 2 >= h->waits_size)
		resize(h, h->waits_size ? h->waits_size * 2 : SIZE_FIRST);
	w = free_slot(h, session);
	*w = (struct wait){ .session = session, .kind = (uint8_t)kind };
	h->waits_used++;
	return w;
}

void wait_remove(struct host *h, struct wait *w)
{
	unsigned mask = h->waits_size - 1, hole = (unsigned)(w - h->waits);

	must(w >= h->waits && w < h->waits + h->waits_size && w->session);
	if (w->kind == WAIT_DROPPED)
		h->dropped--;
	for (unsigned i = (hole + 1) & mask; h->waits[i].session; i = (i + 1) & mask) {
		unsigned home = slot_of(h, h->waits[i].session);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			h->waits[hole] = h->waits[i];
			hole = i;
		}
	}
	h->waits[hole].session = 0;
	h->waits_used--;
	if (h->waits_size > SIZE_KEPT && h->waits_used * 8 < h->waits_size)
		resize(h, h->waits_size / 4);
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
	uint32_t *dests = h->waits_used ? mem_alloc(h->waits_used * sizeof(*dests)) : NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < h->waits_size; i++)
		if (h->waits[i].session && h->waits[i].kind == WAIT_CALL && h->waits[i].dest)
			dests[n++] = h->waits[i].dest;
	if (n)
		qsort(dests, n, sizeof(*dests), compare_handles);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || dests[i] != dests[i - 1])
			service_send_error(service_handle(h->s), dests[i], 0);
	mem_free(dests);
}

void wait_release_all(struct host *h)
{
	for (unsigned i = 0; i < h->waits_size; i++)
		if (h->waits[i].session && h->waits[i].timer)
			(void)service_timeout_cancel(h->waits[i].timer);
	mem_free(h->waits);
	h->waits = NULL;
	h->waits_size = h->waits_used = 0;
}
