/* SPDX-License-Identifier: MIT */
/* Timeouts of skynet.timeout: functions that run later.
 *
 * They are not in the session table (wait.c): games have them by the hundred thousand, and nobody
 * looks for them by session. The message of a timeout carries a tag, and the tag is an index: into
 * `slots`, which knows the message, and into a Lua table with the functions. Arming and firing are
 * a step in two arrays. The address of the message is the proof that a tag is still meant: as long
 * as it is on its way no other message has it.
 */
#include "lua/host/timeout.h"

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/timeout.h"
#include "lua/host/life.h"
#include "lua/host/task.h"
#include "lua/host/wait.h"

#define FIRST 4u
#define KEPT 4096u /* more slots than this are given back once all are free */

/* Free slots are a list through the table; a message's address is even, a link is marked odd. */
union timeout_slot {
	struct msg *m;
	uintptr_t link; /* next free tag * 2 + 1 */
};

static union timeout_slot *slot_of(struct host *h, uint32_t tag)
{
	return &h->timeouts[tag - 1];
}

static void grow(struct host *h)
{
	uint32_t old = h->timeouts_size, size = old ? old * 2 : FIRST;

	h->timeouts = mem_realloc(h->timeouts, size * sizeof(*h->timeouts));
	h->timeouts_size = size;
	for (uint32_t tag = size; tag > old; tag--) {
		slot_of(h, tag)->link = (uintptr_t)h->timeout_free << 1 | 1;
		h->timeout_free = tag;
	}
}

static void push_functions(lua_State *L, struct host *h)
{
	if (unlikely(h->timeouts_ref == LUA_NOREF)) {
		lua_newtable(L);
		h->timeouts_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->timeouts_ref);
}

struct msg *timeout_start(lua_State *L, int function, lua_Integer ti)
{
	struct host *h = host_of(L);
	uint32_t tag;
	struct msg *m;

	must_slow(host_is_here(h));
	if (unlikely(!h->timeout_free))
		grow(h);
	tag = h->timeout_free;
	push_functions(L, h);
	lua_pushvalue(L, function);
	lua_rawseti(L, -2, tag); /* may raise; nothing is taken yet */
	lua_pop(L, 1);
	m = service_timeout(h->s, host_new_session(h), tag, ti > 0 ? (uint64_t)ti * NS_PER_CS : 0);
	h->timeout_free = (uint32_t)(slot_of(h, tag)->link >> 1);
	slot_of(h, tag)->m = m;
	h->timeout_count++;
	return m;
}

static void free_slot(lua_State *L, struct host *h, uint32_t tag)
{
	slot_of(h, tag)->link = (uintptr_t)h->timeout_free << 1 | 1;
	h->timeout_free = tag;
	if (--h->timeout_count == 0 && h->timeouts_size > KEPT) {
		mem_free(h->timeouts);
		h->timeouts = NULL;
		h->timeouts_size = h->timeout_free = 0;
		luaL_unref(L, LUA_REGISTRYINDEX, h->timeouts_ref);
		h->timeouts_ref = LUA_NOREF;
	}
}

static void forget(lua_State *L, struct host *h, uint32_t tag)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->timeouts_ref);
	lua_pushboolean(L, 0); /* not nil: the array part stays one */
	lua_rawseti(L, -2, tag);
	lua_pop(L, 1);
	free_slot(L, h, tag);
}

/* The message of a tag, or NULL. */
static struct msg *armed(struct host *h, uint32_t tag)
{
	union timeout_slot *s = tag && tag <= h->timeouts_size ? slot_of(h, tag) : NULL;

	return s && !(s->link & 1) ? s->m : NULL;
}

bool timeout_cancel(lua_State *L, uint32_t tag, int32_t session)
{
	struct host *h = host_of(L);
	struct msg *m = armed(h, tag);

	if (!m || m->session != session)
		return false;
	/* if it is on its way already, nobody knows it when it arrives */
	(void)service_timeout_cancel(m);
	forget(L, h, tag);
	return true;
}

bool timeout_cancel_session(lua_State *L, int32_t session)
{
	struct host *h = host_of(L);

	for (uint32_t tag = 1; tag <= h->timeouts_size; tag++)
		if (timeout_cancel(L, tag, session))
			return true;
	return false;
}

void timeout_lost(struct host *h, const struct msg *m)
{
	uint32_t tag = service_timeout_tag(m);

	if (armed(h, tag) == m)
		forget(h->L, h, tag);
}

/* Pushes the function of a tag, which is free from now on. Allocates nothing. */
static void take_function(lua_State *L, struct host *h, uint32_t tag)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->timeouts_ref);
	lua_rawgeti(L, -1, tag);
	lua_remove(L, -2);
	forget(L, h, tag);
}

/* There is no coroutine for the function that is due. */
static noinline void no_memory(struct host *h, bool is_start)
{
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
		   "lua memory error : a timeout is not run");
	if (is_start)
		life_start_failed(h, "not enough memory");
}

void timeout_fire(struct host *h, struct msg *m)
{
	uint32_t tag = service_timeout_tag(m);
	bool is_start = tag == h->start_tag;
	struct task *t;
	lua_State *L = h->L, *co;

	must(tag && !h->current);
	if (armed(h, tag) != m)
		return; /* cancelled on its way */
	t = task_create(h);
	take_function(L, h, tag);
	if (unlikely(is_start)) {
		h->start_tag = 0;
		h->start_task = t;
	}
	if (unlikely(!t)) {
		lua_pop(L, 1);
		no_memory(h, is_start);
		return;
	}
	co = t->co;
	lua_xmove(L, co, 1);
	/* The four values that the contract says it gets. */
	lua_pushboolean(co, 1);
	lua_pushlightuserdata(co, NULL);
	lua_pushinteger(co, 0);
	lua_pushinteger(co, m->session);
	task_resume(t, 4);
}

void timeout_release_all(struct host *h)
{
	for (uint32_t tag = 1; tag <= h->timeouts_size; tag++)
		if (armed(h, tag))
			(void)service_timeout_cancel(armed(h, tag));
	mem_free(h->timeouts);
	h->timeouts = NULL;
	h->timeouts_size = h->timeout_count = h->timeout_free = 0;
}
