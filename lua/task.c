/* SPDX-License-Identifier: MIT */
/* Tasks: the scheduler of one Lua service, in C.
 *
 * A task is a pooled coroutine with what it serves and what it waits for. A blocking function notes
 * in the task what it waits for and yields; when that comes, the coroutine is resumed and the
 * function's continuation finds the outcome in the task. There is no Lua code between a message and
 * a handler.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "lua/host.h"

#define LINE_MAX_BYTES 200

/* ---- what is due after this message ---- */

void fifo_push(struct fifo *f, struct task *t, const void *token)
{
	if (f->count == f->capacity) {
		unsigned bigger = f->capacity ? f->capacity * 2 : 8;
		struct due *items = mem_alloc(bigger * sizeof(*items));

		for (unsigned i = 0; i < f->count; i++)
			items[i] = f->items[(f->first + i) & (f->capacity - 1)];
		mem_free(f->items);
		f->items = items;
		f->first = 0;
		f->capacity = bigger;
	}
	f->items[(f->first + f->count++) & (f->capacity - 1)] = (struct due){ t, token };
}

static bool fifo_pop(struct fifo *f, struct due *ret)
{
	if (!f->count)
		return false;
	*ret = f->items[f->first];
	f->first = (f->first + 1) & (f->capacity - 1);
	f->count--;
	return true;
}

static void fifo_cancel(struct fifo *f, const struct task *t)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct due *d = &f->items[(f->first + i) & (f->capacity - 1)];

		if (d->task == t)
			d->task = NULL;
	}
}

/* ---- life of a task ---- */

struct task *task_blocking(lua_State *L, const char *what)
{
	struct task *t = task_of(L);

	if (unlikely(t->host->current != t))
		luaL_error(L,
		           "skynet.%s must run in a task of the service (it was called in the main "
		           "chunk,"
		           " or inside a plain coroutine)",
		           what);
	t->leaf = L;
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
	if (unlikely(++h->tasks > h->peak)) {
		h->peak = h->tasks;
		if (h->peak > h->pool_limit && h->peak <= HOST_POOL_MAX)
			h->pool_limit = h->peak;
	}
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

static struct task *with_new_coroutine(struct host *h)
{
	/* Both may raise; nothing is ours yet. */
	lua_State *co = lua_newthread(h->L);
	int ref = luaL_ref(h->L, LUA_REGISTRYINDEX);
	struct task *t = h->blank;

	if (t)
		h->blank = t->next;
	else
		t = mem_alloc(sizeof(*t));
	*t = (struct task){ .co = co, .leaf = co, .host = h, .ref = ref };
	task_adopt(co, t);
	return t;
}

struct task *task_create(struct host *h)
{
	struct task *t = h->pool;

	if (likely(t != NULL)) {
		h->pool = t->next;
		h->pooled--;
	} else {
		t = with_new_coroutine(h);
	}
	link_live(t);
	return t;
}

static void drop_messages(struct task *t)
{
	if (t->request && !t->request_borrowed)
		msg_destroy(t->request);
	t->request = NULL;
	t->held = msg_destroy(t->held);
}

/* The coroutine goes to whoever still holds it, and must not find us any more. */
static void give_up_coroutine(struct task *t)
{
	struct host *h = t->host;

	task_adopt(t->co, &h->main);
	luaL_unref(h->L, LUA_REGISTRYINDEX, t->ref);
	t->co = t->leaf = NULL;
	t->next = h->blank;
	h->blank = t;
}

static void drop_pooled(struct host *h)
{
	struct task *t = h->pool;

	h->pool = t->next;
	h->pooled--;
	give_up_coroutine(t);
}

void task_empty_pool(struct host *h)
{
	while (h->pool)
		drop_pooled(h);
}

static noinline void review_pool(struct host *h)
{
	unsigned limit = h->pool_limit - h->pool_limit / 8;

	limit = limit > h->peak ? limit : h->peak;
	limit = limit < HOST_POOL_MAX ? limit : HOST_POOL_MAX;
	h->pool_limit = limit > HOST_POOL_MIN ? limit : HOST_POOL_MIN;
	h->peak = h->tasks;
	h->ended = 0;
	h->review_at = h->pool_limit * HOST_POOL_REVIEW;
	while (h->pooled && h->pooled + h->tasks > h->pool_limit)
		drop_pooled(h);
}

static void task_end(struct task *t)
{
	struct host *h = t->host;

	if (unlikely(t->queued))
		fifo_cancel(&h->wakeups, t);
	if (unlikely(t == h->start_task))
		h->start_task = NULL;
	drop_messages(t);
	unlink_live(t);
	if (unlikely(t->tag))
		trace_set_tag(t, NULL, 0);
	mem_free(t->error_text);
	t->error_text = NULL;
	t->failed = t->woken = t->profiled = t->request_borrowed = false;
	t->queued = 0;
	t->source = 0;
	t->session = 0;
	t->request_state = REQUEST_NONE;
	t->wait = WAIT_NONE;
	if (unlikely(t->leaf != t->co))
		task_adopt(t->leaf, &h->main);
	if (unlikely(++h->ended >= h->review_at))
		review_pool(h);
	if (unlikely(h->pooled + h->tasks >= h->pool_limit)) {
		give_up_coroutine(t);
		return;
	}
	lua_settop(t->co, 0);
	t->leaf = t->co;
	t->next = h->pool;
	h->pool = t;
	h->pooled++;
}

void task_fail_request(struct task *t, const char *why)
{
	int32_t session = t->session;

	t->session = 0;
	t->request_state = t->request_state == REQUEST_NONE ? REQUEST_NONE : REQUEST_DONE;
	if (session)
		service_send_error_text(service_handle(t->host->s), t->source, session, why);
}

/* Runs the to-be-closed variables. They may do anything but wait. */
static void close_coroutine(struct task *t)
{
	struct host *h = t->host;
	lua_State *outer = h->running;

	h->running = t->co;
	(void)lua_resetthread(t->co);
	h->running = outer;
}

/* ---- errors ---- */

/* (coroutine as pointer, message) -> text with traceback, first line. Protected: __tostring may
 * raise. */
static int describe(lua_State *L)
{
	lua_State *co = lua_touserdata(L, 1);
	const char *text = luaL_tolstring(L, 2, NULL);

	luaL_traceback(L, co, text, co == L);
	lua_pushlstring(L, text, strcspn(text, "\n"));
	return 2;
}

void task_log_error(struct host *h, lua_State *from, int status, uint32_t source, int32_t session,
                    size_t size, char *ret_line)
{
	lua_State *L = h->L;
	const char *text = "the error cannot be shown", *line = text;
	uint32_t self = service_handle(h->s);

	lua_pushcfunction(L, describe);
	lua_pushlightuserdata(L, from);
	lua_xmove(from, L, from != L);
	if (from == L)
		lua_rotate(L, -3, -1); /* the message was below: bring it behind the two */
	if (lua_pcall(L, 2, 2, 0) == LUA_OK) {
		text = lua_tostring(L, -2);
		line = lua_tostring(L, -1);
	} else {
		lua_pushnil(L);
	}
	if (status == LUA_ERRMEM)
		log_printf(LOG_LEVEL_ERROR, self, "lua memory error : [%x to :%x : %d]", source,
		           self, session);
	else if (status == LUA_ERRERR)
		log_printf(LOG_LEVEL_ERROR, self, "lua error in error : [%x to :%x : %d]", source,
		           self, session);
	else
		log_printf(LOG_LEVEL_ERROR, self,
		           "lua call [%x to :%x : %d msgsz = %zu] error : \x1b[31m%s\x1b[0m",
		           source, self, session, size, text);
	if (ret_line)
		snprintf(ret_line, 256, "error in callee: %.*s", LINE_MAX_BYTES, line);
	lua_pop(L, 2);
}

static noinline void on_error(struct task *t, int status)
{
	struct host *h = t->host;
	bool is_start = t == h->start_task;
	char line[256];

	if (t->tag)
		trace_event(t, "error", NULL);
	task_log_error(h, t->co, status, t->source, t->session, t->request_size, line);
	task_fail_request(t, line);
	wait_abandon(t, true);
	close_coroutine(t);
	task_end(t);
	if (is_start)
		host_start_failed(h, line);
}

static noinline void on_forgotten(struct task *t)
{
	struct host *h = t->host;
	lua_Debug ar = { .short_src = "?", .linedefined = 0 };

	lua_rawgeti(h->L, LUA_REGISTRYINDEX, t->request_proto->dispatch_ref);
	if (lua_isfunction(h->L, -1))
		lua_getinfo(h->L, ">S", &ar);
	else
		lua_pop(h->L, 1);
	log_printf(LOG_LEVEL_WARNING, service_handle(h->s),
	           "Maybe forgot response session %d from :%08X : @%s:%d", t->session, t->source,
	           ar.short_src, ar.linedefined);
	task_fail_request(t, "the callee did not answer");
}

/* ---- running ---- */

/* coroutine.yield in a task: nobody will ever resume it. */
static noinline void on_stray_yield(struct task *t, int results)
{
	struct host *h = t->host;

	if (results && !lua_isnil(t->co, -results)) {
		lua_settop(t->co, lua_gettop(t->co) - results + 1);
		if (lua_type(t->co, -1) == LUA_TSTRING &&
		    strcmp(lua_tostring(t->co, -1), "USER") == 0)
			lua_pushliteral(
			        t->co,
			        "Call skynet.coroutine.yield out of skynet.coroutine.resume");
		else
			lua_pushfstring(t->co, "Unknown command : %s",
			                lua_type(t->co, -1) == LUA_TSTRING
			                        ? lua_tostring(t->co, -1)
			                        : luaL_typename(t->co, -1));
		lua_remove(t->co, -2);
		task_log_error(h, t->co, LUA_ERRRUN, t->source, t->session, t->request_size, NULL);
		results = 0;
	}
	lua_pop(t->co, results);
	task_fail_request(t, "the callee stalled in coroutine.yield");
	t->wait = WAIT_NEVER;
}

void task_resume(struct task *t, int nargs)
{
	struct host *h = t->host;
	int results = 0, status;

	if (unlikely(t->profiled))
		t->profile_began_ns = clock_mono_ns();
	if (unlikely(t->tag) && lua_status(t->co) == LUA_YIELD)
		trace_event(t, "resume", t->leaf);
	h->current = t;
	h->running = t->co;
	status = lua_resume(t->co, h->L, nargs, &results);
	h->running = h->L;
	h->current = NULL;
	if (unlikely(t->profiled))
		t->profile_total_ns += clock_mono_ns() - t->profile_began_ns;
	if (status == LUA_YIELD) {
		/* What was unpacked is freed already; this is for those who got the pointer. */
		drop_messages(t);
		if (unlikely(t->wait == WAIT_NONE))
			on_stray_yield(t, results);
		return;
	}
	if (unlikely(status != LUA_OK)) {
		on_error(t, status);
		return;
	}
	if (unlikely(t->tag))
		trace_event(t, "end", NULL);
	if (unlikely(t->session))
		on_forgotten(t);
	task_end(t);
}

void task_kill(struct task *t, const char *why)
{
	fifo_cancel(&t->host->forks, t);
	wait_abandon(t, true);
	task_fail_request(t, why);
	close_coroutine(t);
	task_end(t);
}

void task_fail_wait(struct task *t, const char *why, size_t size)
{
	wait_abandon(t, false);
	mem_free(t->error_text);
	t->error_text = size ? mem_strndup(why, size) : NULL;
	t->failed = true;
	task_resume(t, 0);
}

void task_check_failed(lua_State *L, struct task *t)
{
	if (unlikely(t->host->current != t))
		luaL_error(L, "a blocked task was resumed by coroutine.resume");
	if (likely(!t->failed))
		return;
	t->failed = false;
	if (!t->error_text)
		luaL_error(L, "call failed");
	lua_pushstring(L, t->error_text);
	mem_free(t->error_text);
	t->error_text = NULL;
	luaL_error(L, "call failed: %s", lua_tostring(L, -1));
}

static void run_wakeup(const struct due *d)
{
	struct task *t = d->task;

	t->queued--;
	/* It may have been woken by its timer meanwhile, or wait for something else by now. */
	if ((t->wait != WAIT_SLEEP && t->wait != WAIT_WAKEUP) || t->token != d->token)
		return;
	wait_abandon(t, false);
	t->woken = true;
	task_resume(t, 0);
}

void task_run_pending(struct host *h)
{
	struct due d;

	while (!h->exiting) {
		if (fifo_pop(&h->wakeups, &d)) {
			if (d.task)
				run_wakeup(&d);
		} else if (fifo_pop(&h->forks, &d)) {
			if (d.task)
				task_resume(d.task, lua_gettop(d.task->co) - 1);
		} else {
			return;
		}
	}
}

void task_free_all(struct host *h)
{
	/* Closing may run Lua code that sends; it cannot block or fork any more. */
	h->closing = true;
	while (h->live)
		task_kill(h->live, h->why);
	task_empty_pool(h);
}
