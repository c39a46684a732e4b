/* SPDX-License-Identifier: MIT */
/* Tasks: the scheduler of one Lua service, in C.
 *
 * A task is a pooled coroutine with what it serves and what it waits for. A blocking function notes
 * in the task what it waits for and yields; when that comes, the coroutine is resumed and the
 * function's continuation finds the outcome in the task. There is no Lua code between a message and
 * a handler.
 */
#include "lua/host/task.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/send.h"
#include "lua/host/again.h"
#include "lua/host/block.h"
#include "lua/host/coroutine.h"
#include "lua/host/life.h"
#include "lua/host/memory.h"
#include "lua/host/run.h"
#include "lua/host/shown.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"

#define LINE_MAX_BYTES 200
/* After so many ends of tasks a coroutine, an eighth of what is kept beyond the last wave goes. */
#define POOL_REVIEW 8u

/* ---- what is due after this message ---- */

void fifo_push(struct fifo *f, struct task *t, const void *token)
{
	ring_push(f, 8, (struct due){ t, token });
}

static void fifo_cancel(struct fifo *f, const struct task *t)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct due *d = ring_at(f, i);

		if (d->task == t)
			d->task = NULL;
	}
}

/* ---- life of a task ---- */

bool task_can_wait(lua_State *L)
{
	struct task *t = task_of(L);

	return t->host->current == t && !t->barred && lua_isyieldable(L);
}

static noinline void refuse_wait(lua_State *L, const char *what)
{
	struct task *t = task_of(L);

	if (t->host->current != t)
		luaL_error(L,
			   "skynet.%s must run in a task of the service (it was called in the main "
			   "chunk,"
			   " or inside a plain coroutine)",
			   what);
	/* As lua_yield says it. */
	lua_pushliteral(L, "attempt to yield across a C-call boundary");
	lua_error(L);
}

struct task *task_blocking(lua_State *L, const char *what)
{
	if (unlikely(!task_can_wait(L)))
		refuse_wait(L, what);
	return task_of(L);
}

static void link_live(struct task *t)
{
	struct host *h = t->host;

	t->began_ns = host_now_ns(h);
	t->prev = NULL;
	t->next = h->live;
	if (h->live)
		h->live->prev = t;
	h->live = t;
	t->live = true;
	if (unlikely(++h->tasks > h->peak)) {
		h->peak = h->tasks;
		if (h->peak > h->pool_limit && h->peak <= TASK_POOL_MAX)
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
	t->live = false;
	h->tasks--;
}

static struct task *with_new_coroutine(lua_State *L)
{
	/* Both may raise; nothing is ours yet. */
	lua_State *co = lua_newthread(L);
	int ref = luaL_ref(L, LUA_REGISTRYINDEX);
	struct host *h = host_of(L);
	struct task *t = h->blank;

	lua_sethook(co, NULL, 0, 0); /* it was born with L's */
	if (t)
		h->blank = t->next;
	else
		t = mem_alloc(sizeof(*t));
	*t = (struct task){ .co = co, .host = h, .ref = ref };
	task_adopt(co, t);
	return t;
}

/* Into the pool, so that an interrupt that strikes when this returns loses nothing. */
static int new_coroutine(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t = with_new_coroutine(L);

	t->next = h->pool;
	h->pool = t;
	h->pooled++;
	return 0;
}

static struct task *from_pool(struct host *h)
{
	struct task *t = h->pool;

	h->pool = t->next;
	h->pooled--;
	return t;
}

struct task *task_create(struct host *h)
{
	struct task *t;

	must_slow(host_is_here(h) && !h->current);
	if (unlikely(!h->pool)) {
		lua_pushcfunction(h->L, new_coroutine);
		if (run_call(h, h->L, 0, 0, 0) != LUA_OK)
			lua_pop(h->L, 1);
		if (!h->pool)
			return NULL;
	}
	t = from_pool(h);
	link_live(t);
	return t;
}

struct task *task_create_in(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t = h->pool ? from_pool(h) : with_new_coroutine(L);

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
	t->co = NULL;
	t->next = h->blank;
	h->blank = t;
}

static void drop_pooled(struct host *h)
{
	give_up_coroutine(from_pool(h));
}

void task_empty_pool(struct host *h)
{
	must(!h->current);
	while (h->pool)
		drop_pooled(h);
}

static noinline void review_pool(struct host *h)
{
	unsigned limit = h->pool_limit - h->pool_limit / 8;

	limit = limit > h->peak ? limit : h->peak;
	limit = limit < TASK_POOL_MAX ? limit : TASK_POOL_MAX;
	h->pool_limit = limit > TASK_POOL_MIN ? limit : TASK_POOL_MIN;
	h->peak = h->tasks;
	h->ended = 0;
	h->review_at = h->pool_limit * POOL_REVIEW;
	while (h->pooled && h->pooled + h->tasks > h->pool_limit)
		drop_pooled(h);
}

/* Nobody finds the task any more: neither a pattern of killthread nor a wakeup. */
static void task_leave(struct task *t)
{
	struct host *h = t->host;

	if (unlikely(t->queued))
		fifo_cancel(&h->wakeups, t);
	if (unlikely(t == h->start_task))
		h->start_task = NULL;
	unlink_live(t);
}

static void task_clear(struct task *t)
{
	drop_messages(t);
	if (unlikely(t->tag))
		trace_set_tag(t, NULL, 0);
	mem_free(t->error_text);
	t->error_text = NULL;
	t->failed = t->woken = t->profiled = t->request_borrowed = false;
	t->queued = 0;
	t->source = 0;
	t->session = t->request_session = 0;
	t->request_state = REQUEST_NONE;
	t->wait = WAIT_NONE;
}

/* Its function has returned. Only such a coroutine serves again, and none that the program has
 * set a hook on: what an error or a kill leaves is not to be known (an error that leaves a hook
 * disables all hooks of its coroutine for good). */
static void task_end(struct task *t)
{
	struct host *h = t->host;

	task_leave(t);
	task_clear(t);
	if (unlikely(++h->ended >= h->review_at))
		review_pool(h);
	if (unlikely(h->pooled + h->tasks >= h->pool_limit || lua_gethook(t->co))) {
		give_up_coroutine(t);
		return;
	}
	lua_settop(t->co, 0);
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

/* Runs the to-be-closed variables, in nobody's name: they may do anything but wait, or answer
 * for a task. The coroutine never serves again. */
static void close_task(struct task *t)
{
	struct host *h = t->host;
	struct task *current = h->current;
	lua_State *co = t->co, *outer = run_enter(h, co);

	h->current = NULL;
	(void)lua_resetthread(co);
	run_leave(h, co, outer);
	h->current = current;
	task_clear(t);
	give_up_coroutine(t);
}

/* ---- errors ---- */

/* (coroutine as pointer, message) -> text with traceback, first line. Protected: __tostring may
 * raise. */
static int describe(lua_State *L)
{
	lua_State *co = lua_touserdata(L, 1);
	const char *text = shown_push_error(L, 2);

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
	char memory[MEMORY_TEXT_MAX] = "";
	bool described;

	/* relaxed: the owner is the only writer of this statistic */
	atomic_store_explicit(&h->s->errors,
			      atomic_load_explicit(&h->s->errors, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	if (status == LUA_ERRMEM)
		memory_describe(h, memory);
	lua_pushcfunction(L, describe);
	lua_pushlightuserdata(L, from);
	lua_xmove(from, L, from != L);
	if (from == L)
		lua_rotate(L, -3, -1); /* the message was below: bring it behind the two */
	h->describing = true;
	described = run_call(h, L, 2, 2, 0) == LUA_OK;
	h->describing = false;
	if (described) {
		text = lua_tostring(L, -2);
		line = lua_tostring(L, -1);
	} else {
		lua_pushnil(L);
	}
	if (status == LUA_ERRMEM)
		log_printf(LOG_LEVEL_ERROR, self, "lua memory error : [%x to :%x : %d] %s%s",
			   source, self, session, memory, text + strcspn(text, "\n"));
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

	task_leave(t); /* describing and closing may run the program's code */
	if (t->tag)
		trace_event(t, "error", NULL);
	task_log_error(h, t->co, status, t->source, t->session, t->request_size, line);
	task_fail_request(t, line);
	if (status == LUA_ERRMEM && t->request) {
		block_lose(t->request);
		block_free(t);
		again_keep_request(t);
	}
	close_task(t);
	if (is_start)
		life_start_failed(h, line);
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
	task_fail_request(t, "the callee did not answer: its handler ended without skynet.ret");
}

/* ---- running ---- */

/* (what was yielded) -> the text about it */
static int stray_text(lua_State *L)
{
	const char *what = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : luaL_typename(L, 1);

	if (lua_type(L, 1) == LUA_TSTRING && strcmp(what, "USER") == 0)
		lua_pushliteral(L, "Call skynet.coroutine.yield out of skynet.coroutine.resume");
	else
		lua_pushfstring(L, "Unknown command : %s", what);
	return 1;
}

/* coroutine.yield in a task: nobody will ever resume it. */
static noinline void on_stray_yield(struct task *t, int results)
{
	struct host *h = t->host;
	uint32_t source = t->source;
	int32_t session = t->session;
	lua_State *co = t->co;

	t->wait = WAIT_NEVER;
	task_fail_request(t, "the callee stalled in coroutine.yield");
	if (!results || lua_isnil(co, -results)) {
		lua_pop(co, results);
		return;
	}
	lua_pop(co, results - 1);
	lua_pushcfunction(h->L, stray_text);
	lua_xmove(co, h->L, 1);
	(void)run_call(h, h->L, 1, 1, 0);
	lua_xmove(h->L, co, 1);
	/* Last, for it may run the program's code, which may kill the task. */
	task_log_error(h, co, LUA_ERRRUN, source, session, t->request_size, NULL);
}

void task_resume(struct task *t, int nargs)
{
	struct host *h = t->host;
	lua_State *co = t->co, *outer;
	int results = 0, status;

	must_slow(host_is_here(h) && !h->current && t->live);
	if (unlikely(t->profiled))
		t->profile_began_ns = clock_mono_ns();
	if (unlikely(t->tag) && lua_status(co) == LUA_YIELD)
		trace_event(t, "resume", coroutine_leaf(t->co));
	h->current = t;
	outer = run_enter(h, co);
	status = lua_resume(co, h->L, nargs, &results);
	h->current = NULL;
	run_leave(h, co, outer);
	if (unlikely(t->profiled))
		t->profile_total_ns += clock_mono_ns() - t->profile_began_ns;
	if (status == LUA_YIELD) {
		/* What was unpacked is freed already; this is for those who got the pointer. */
		drop_messages(t);
		t->wait_ns = host_now_ns(h);
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
	must(t->live && t != t->host->current);
	fifo_cancel(&t->host->forks, t);
	wait_abandon(t, true);
	task_fail_request(t, why);
	task_leave(t);
	close_task(t);
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
		if (ring_take(&h->wakeups, &d)) {
			if (d.task)
				run_wakeup(&d);
		} else if (ring_take(&h->forks, &d)) {
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

void task_release_all(struct host *h)
{
	must(!h->live && !h->pool);
	for (struct task *t = h->blank, *next; t; t = next) {
		next = t->next;
		mem_free(t);
	}
	h->blank = NULL;
	ring_fini(&h->wakeups);
	ring_fini(&h->forks);
}
