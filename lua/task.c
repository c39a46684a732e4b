/* SPDX-License-Identifier: MIT */
/* Tasks and waits: the scheduler of one Lua service, in C.
 *
 * A task is a pooled coroutine with what it serves and what it waits for. Blocking functions put an entry
 * into the host's session table and yield; the message with that session finds the entry and resumes
 * the coroutine with the answer on its stack. There is no Lua code between a message and a handler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "lua/host.h"

/* ---- fifo ---- */

void fifo_push(struct fifo *f, struct task *t)
{
	if (f->count == f->capacity) {
		unsigned bigger = f->capacity ? f->capacity * 2 : 8;
		struct task **items = mem_alloc(bigger * sizeof(*items));

		for (unsigned i = 0; i < f->count; i++)
			items[i] = f->items[(f->first + i) % f->capacity];
		mem_free(f->items);
		f->items = items;
		f->first = 0;
		f->capacity = bigger;
	}
	f->items[(f->first + f->count++) % f->capacity] = t;
}

struct task *fifo_pop(struct fifo *f)
{
	struct task *t;

	if (!f->count)
		return NULL;
	t = f->items[f->first];
	f->first = (f->first + 1) % f->capacity;
	f->count--;
	return t;
}

bool fifo_remove(struct fifo *f, struct task *t)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (f->items[(f->first + i) % f->capacity] != t)
			continue;
		for (; i + 1 < f->count; i++)
			f->items[(f->first + i) % f->capacity] =
				f->items[(f->first + i + 1) % f->capacity];
		f->count--;
		return true;
	}
	return false;
}

/* ---- waits ---- */

static unsigned slot_of(const struct host *h, int32_t session)
{
	return (uint32_t)session * 2654435769u & (h->waits_size - 1);
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

static struct wait *wait_place(struct host *h, int32_t session)
{
	unsigned i = slot_of(h, session);

	while (h->waits[i].session)
		i = (i + 1) & (h->waits_size - 1);
	return &h->waits[i];
}

static void waits_resize(struct host *h, unsigned size)
{
	struct wait *old = h->waits;
	unsigned old_size = h->waits_size;

	h->waits = mem_zalloc(size * sizeof(*h->waits));
	h->waits_size = size;
	for (unsigned i = 0; i < old_size; i++)
		if (old[i].session)
			*wait_place(h, old[i].session) = old[i];
	mem_free(old);
}

struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind)
{
	struct wait *w;

	if (h->waits_used * 2 >= h->waits_size)
		waits_resize(h, h->waits_size ? h->waits_size * 2 : 8);
	w = wait_place(h, session);
	*w = (struct wait){ .session = session, .kind = (uint8_t)kind };
	h->waits_used++;
	return w;
}

/* Backward-shift deletion: no tombstones, so a table that was full once is as quick as a new one. */
void wait_remove(struct host *h, struct wait *w)
{
	unsigned mask = h->waits_size - 1, hole = (unsigned)(w - h->waits);

	for (unsigned i = (hole + 1) & mask; h->waits[i].session; i = (i + 1) & mask) {
		unsigned home = slot_of(h, h->waits[i].session);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			h->waits[hole] = h->waits[i];
			hole = i;
		}
	}
	h->waits[hole].session = 0;
	h->waits_used--;
	if (h->waits_size > 1024 && h->waits_used * 8 < h->waits_size)
		waits_resize(h, h->waits_size / 4);
}

int32_t host_new_session(struct host *h)
{
	int32_t session;

	do
		session = service_new_session(h->s);
	while (wait_find(h, session));
	return session;
}

static void forget_session(struct host *h, int32_t session)
{
	struct wait *w = wait_find(h, session);

	if (!w)
		return;
	if (w->timer)
		(void)service_timeout_cancel(w->timer);
	wait_remove(h, w);
}

void wait_abandon(struct task *t)
{
	struct host *h = t->host;

	if (t->wait_session)
		forget_session(h, t->wait_session);
	if (t->deadline_session)
		forget_session(h, t->deadline_session);
	t->wait_session = t->deadline_session = 0;
	if (t->has_token) {
		lua_State *L = h->L;

		/* tokens[token] = task: find it by value; sleeping tasks are few when this happens */
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->tokens_ref);
		lua_pushnil(L);
		while (lua_next(L, -2)) {
			bool found = lua_touserdata(L, -1) == t;

			lua_pop(L, 1);
			if (found) {
				lua_pushnil(L);
				lua_rawset(L, -3);
				break;
			}
		}
		lua_pop(L, 1);
		t->has_token = false;
	}
	t->wait = WAIT_NONE;
}

void wait_fail(struct wait *w, const char *why, size_t size)
{
	struct task *t = w->task;

	wait_abandon(t);
	mem_free(t->error_text);
	t->error_text = mem_strndup(why ? why : "", size);
	t->error = t->error_text;
	task_resume(t, 0);
}

int task_raise(lua_State *L, struct task *t)
{
	const char *why = t->error;

	t->error = NULL;
	if (why && *why)
		return luaL_error(L, "call failed: %s", why);
	return luaL_error(L, "call failed");
}

/* ---- tasks ---- */

struct task *task_blocking(lua_State *L, const char *what)
{
	struct task *t = task_of(L);

	if (t->co != L || t->host->current != t || t == &t->host->main)
		luaL_error(L, "skynet.%s must run in a task of the service "
			      "(it was called in the main chunk or inside a plain coroutine)", what);
	return t;
}

static void link_live(struct task *t)
{
	struct host *h = t->host;

	t->prev = NULL;
	t->next = h->live;
	if (h->live)
		h->live->prev = t;
	h->live = t;
	h->tasks++;
}

static void unlink_live(struct task *t)
{
	struct host *h = t->host;

	if (t->prev)
		t->prev->next = t->next;
	else
		h->live = t->next;
	if (t->next)
		t->next->prev = t->prev;
	h->tasks--;
}

struct task *task_create(struct host *h)
{
	struct task *t = h->pool;

	if (t) {
		h->pool = t->next;
		h->pooled--;
	} else {
		lua_State *co = lua_newthread(h->L);
		int ref = luaL_ref(h->L, LUA_REGISTRYINDEX);

		t = mem_zalloc(sizeof(*t));
		t->co = co;
		t->ref = ref;
		t->host = h;
		*(struct task **)lua_getextraspace(co) = t;
	}
	link_live(t);
	return t;
}

static void drop_messages(struct task *t)
{
	t->held = msg_destroy(t->held);
	t->request = msg_destroy(t->request);
}

static void task_free(struct task *t)
{
	/* A coroutine that somebody still holds must not find us any more. */
	*(struct task **)lua_getextraspace(t->co) = &t->host->main;
	luaL_unref(t->host->L, LUA_REGISTRYINDEX, t->ref);
	mem_free(t->error_text);
	mem_free(t);
}

static void task_recycle(struct task *t)
{
	struct host *h = t->host;

	drop_messages(t);
	unlink_live(t);
	t->source = 0;
	t->session = 0;
	t->request_was_call = false;
	t->proto = NULL;
	t->wait = WAIT_NONE;
	t->error = NULL;
	t->dispatch_line = 0;
	if (h->pooled >= HOST_POOL_MAX) {
		task_free(t);
		return;
	}
	lua_settop(t->co, 0);
	t->next = h->pool;
	h->pool = t;
	h->pooled++;
}

void task_fail_request(struct task *t, const char *why)
{
	if (t->session) {
		int32_t session = t->session;

		t->session = 0;
		service_send_error_text(service_handle(t->host->s), t->source, session, why);
	}
}

static void on_error(struct task *t)
{
	struct host *h = t->host;
	const char *text = luaL_tolstring(h->L, (lua_xmove(t->co, h->L, 1), -1), NULL);
	char why[256];

	snprintf(why, sizeof(why), "error in callee: %.*s", (int)strcspn(text, "\n") > 200 ? 200 : (int)strcspn(text, "\n"), text);
	luaL_traceback(h->L, t->co, text, 0);
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
		   "lua call [%x to :%x : %d msgsz = %d] error : \x1b[31m%s\x1b[0m", t->source,
		   service_handle(h->s), t->session, t->request ? (int)t->request->size : 0,
		   lua_tostring(h->L, -1));
	lua_pop(h->L, 3);
	task_fail_request(t, why);
	lua_resetthread(t->co);
	task_recycle(t);
}

static void on_end(struct task *t)
{
	if (t->session) {
		struct host *h = t->host;

		log_printf(LOG_LEVEL_WARNING, service_handle(h->s),
			   "Maybe forgot response session %d from :%08x : line %d", t->session,
			   t->source, t->dispatch_line);
		task_fail_request(t, "the callee did not answer");
	}
	task_recycle(t);
}

void task_resume(struct task *t, int nargs)
{
	struct host *h = t->host;
	struct task *outer = h->current;
	int results = 0, status;

	h->current = t;
	status = lua_resume(t->co, h->L, nargs, &results);
	h->current = outer;
	if (likely(status == LUA_YIELD)) {
		t->held = msg_destroy(t->held);
		t->request = msg_destroy(t->request);
		if (unlikely(t->wait == WAIT_NONE)) {
			/* coroutine.yield in a task: nobody will ever resume it */
			if (results && !lua_isnil(t->co, -results)) {
				const char *what = luaL_tolstring(t->co, -results, NULL);

				log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "Unknown command : %s\n%s",
					   what, "coroutine.yield was called in a task");
				lua_pop(t->co, 1);
			}
			task_fail_request(t, "the callee stalled in coroutine.yield");
			t->wait = WAIT_EXIT;
		}
		lua_pop(t->co, results);
		return;
	}
	if (likely(status == LUA_OK))
		on_end(t);
	else
		on_error(t);
}

void task_kill(struct task *t, const char *why)
{
	(void)fifo_remove(&t->host->wakeups, t);
	(void)fifo_remove(&t->host->forks, t);
	wait_abandon(t);
	task_fail_request(t, why);
	lua_resetthread(t->co);
	task_recycle(t);
}

void task_run_pending(struct host *h)
{
	struct task *t;

	while ((t = fifo_pop(&h->wakeups)) || (t = fifo_pop(&h->forks))) {
		if (t->wait == WAIT_SLEEP) {
			t->wait = WAIT_NONE;
			lua_pushliteral(t->co, "BREAK");
			task_resume(t, 1);
		} else if (t->wait == WAIT_WAKEUP) {
			t->wait = WAIT_NONE;
			task_resume(t, 0);
		} else {
			/* a fork: function and arguments are on its stack */
			task_resume(t, lua_gettop(t->co) - 1);
		}
	}
}

void task_free_all(struct host *h)
{
	/* Closing may run Lua code that forks or answers; it cannot block any more. */
	while (h->live) {
		struct task *t = h->live;

		task_fail_request(t, h->why);
		if (t->wait != WAIT_NONE)
			wait_abandon(t);
		lua_resetthread(t->co);
		drop_messages(t);
		unlink_live(t);
		task_free(t);
	}
	while (h->pool) {
		struct task *t = h->pool;

		h->pool = t->next;
		task_free(t);
	}
	mem_free(h->wakeups.items);
	mem_free(h->forks.items);
}
