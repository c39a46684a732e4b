/* SPDX-License-Identifier: MIT */
/* A message arrives at a Lua service: answers find their task, requests get one. */
#include "lua/host/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/send.h"
#include "core/actor/tally.h"
#include "core/sched/timeout.h"
#include "lua/host/again.h"
#include "lua/host/block.h"
#include "lua/host/collector.h"
#include "lua/host/proto.h"
#include "lua/host/response.h"
#include "lua/host/memory.h"
#include "lua/host/move.h"
#include "lua/host/run.h"
#include "lua/host/seri.h"
#include "lua/host/shown.h"
#include "lua/host/task.h"
#include "lua/host/timeout.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"

/* ---- requests ---- */

static int run_request_end(lua_State *co, int status, lua_KContext ctx)
{
	(void)co;
	(void)status;
	(void)ctx;
	return 0;
}

/* The task's first function: so errors of unpacking belong to the request. 1 = dispatch, 2 =
 * session, 3 = source. */
static int run_request(lua_State *co)
{
	struct task *t = task_of(co);
	struct msg *m = t->request;
	struct proto *p = t->request_proto;
	int n;

	if (likely(p->seri)) {
		n = seri_read(co, m->size ? msg_payload(m) : NULL, m->size, m->flags & MSG_FOREIGN);
		/* Freed at once: the answer is likely to get the same, still warm memory. */
		if (likely(!t->request_borrowed))
			t->request = msg_destroy(m);
	} else {
		proto_unpack(co, p, m);
		n = lua_gettop(co) - 3;
	}
	lua_callk(co, 2 + n, 0, 0, run_request_end);
	return 0;
}

/* Calls a function of the program on the main state; logs what it raises. Arguments: session,
 * source, data. */
static void call_unknown_handler(struct host *h, int ref, struct msg *m, struct proto *p,
				 bool is_request)
{
	lua_State *L = h->L;
	int n = 4;

	lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
	lua_pushinteger(L, m->session);
	lua_pushinteger(L, m->source);
	lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
	lua_pushinteger(L, (lua_Integer)m->size);
	if (is_request) {
		n++;
		if (p)
			lua_rawgeti(L, LUA_REGISTRYINDEX, p->name_ref);
		else
			lua_pushinteger(L, m->type);
	}
	if (run_call(h, L, n, 0, 0) != LUA_OK)
		task_log_error(h, L, LUA_ERRRUN, m->source, m->session, m->size, NULL);
}

/* At most so much of a stranger's message goes into the log. */
#define SHOWN_MAX 200
#define SHOWN(m) (int)((m)->size > SHOWN_MAX ? SHOWN_MAX : (m)->size), (const char *)msg_payload(m)

/* What the service lacks to take such a message. */
#define LACK_MAX 160
static void describe_lack(const struct msg *m, const struct proto *p, char ret[LACK_MAX])
{
	if (p)
		snprintf(ret, LACK_MAX,
			 "it has no dispatch function for protocol %.64s "
			 "(skynet.dispatch)",
			 p->name);
	else
		snprintf(ret, LACK_MAX,
			 "it has no protocol with the id %d "
			 "(skynet.register_protocol)",
			 m->type);
}

static noinline void unknown_request(struct host *h, struct msg *m, struct proto *p)
{
	char number[8], lack[LACK_MAX];

	if (m->type == PTYPE_TRACE)
		trace_pending(h, m);
	if (m->type == PTYPE_TRACE || m->type == PTYPE_MULTICAST)
		return;
	if (m->session) {
		char why[LACK_MAX + 64];

		describe_lack(m, p, lack);
		snprintf(why, sizeof(why), "the callee does not handle this protocol: %s", lack);
		service_fail_request(m, why);
		return;
	}
	if (h->unknown_request_ref != LUA_NOREF) {
		call_unknown_handler(h, h->unknown_request_ref, m, p, true);
		return;
	}
	snprintf(number, sizeof(number), "%d", m->type);
	describe_lack(m, p, lack);
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
		   "Unknown request (%s): %.*s\nUnknown session : 0 from %x\n"
		   "The service was sent it; %s",
		   p ? p->name : number, SHOWN(m), m->source, lack);
}

static int require_debug(lua_State *L)
{
	lua_getglobal(L, "require");
	lua_pushliteral(L, "skynet.debug");
	lua_call(L, 1, 0);
	return 0;
}

/* The debug protocol is Lua that most services never need: loaded with the first message of it. */
static noinline struct proto *load_debug(struct host *h, struct proto *p)
{
	lua_State *L = h->L;

	lua_pushcfunction(L, require_debug);
	if (run_call(h, L, 0, 0, 0) != LUA_OK)
		task_log_error(h, L, LUA_ERRRUN, 0, 0, 0, NULL);
	return p;
}

/* There is no coroutine for the request: takes it, unless it is borrowed. */
static noinline void no_memory(struct host *h, struct msg *m, bool borrowed)
{
	char memory[MEMORY_TEXT_MAX], why[MEMORY_TEXT_MAX + 48];

	memory_describe(h, memory);
	snprintf(why, sizeof(why), "error in callee: not enough memory; %s", memory);
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "lua memory error : [%x to :%x : %d] %s",
		   m->source, service_handle(h->s), m->session, memory);
	service_fail_request(m, why);
	if (!borrowed && again_keep(h, m))
		return;
	block_lose(m);
	if (!borrowed)
		msg_drop(m);
}

static void on_request(struct host *h, struct msg *m, bool borrowed)
{
	struct proto *p = proto_find_id(h, m->type);
	struct task *t;
	lua_State *co;

	if (unlikely(p && p->dispatch_ref == LUA_NOREF && m->type == PTYPE_DEBUG))
		p = load_debug(h, p);
	if (unlikely(!p || p->dispatch_ref == LUA_NOREF)) {
		unknown_request(h, m, p);
		if (!borrowed)
			msg_destroy(m);
		return;
	}
	if (p->native && !borrowed && block_deliver(h, m)) {
		msg_destroy(m);
		return;
	}
	t = task_create(h);
	if (unlikely(!t)) {
		no_memory(h, m, borrowed);
		return;
	}
	co = t->co;
	t->source = m->source;
	t->session = t->request_session = msg_wants_answer(m) ? m->session : 0;
	t->request_size = (uint32_t)m->size;
	t->request = m;
	t->request_borrowed = borrowed;
	t->request_proto = p;
	t->request_state = REQUEST_OPEN;
	if (unlikely(h->trace))
		trace_request(t);
	lua_pushcfunction(co, run_request);
	lua_rawgeti(co, LUA_REGISTRYINDEX, p->dispatch_ref);
	lua_pushinteger(co, m->session);
	lua_pushinteger(co, m->source);
	task_resume(t, 3);
}

/* What found no memory before. The first that finds none again shows that it is of no use yet. */
static noinline void try_again(struct host *h)
{
	struct msg *m = again_take(h), *next;

	for (; m && !h->again && !h->exiting; m = next) {
		next = m->next;
		on_request(h, m, false);
	}
	again_put_back(h, m);
}

/* ---- answers ---- */

static noinline void unknown_response(struct host *h, struct msg *m)
{
	/* A timer that could not be cancelled any more. */
	if (m->source == 0 && m->size == 0)
		return;
	if (h->unknown_response_ref != LUA_NOREF) {
		call_unknown_handler(h, h->unknown_response_ref, m, NULL, false);
		return;
	}
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
		   "Response message : %.*s\nUnknown session : %d from %x", SHOWN(m), m->session,
		   m->source);
}

/* What the task waited for has come. more: it waited for something else as well. */
static inline void end_wait(struct host *h, struct wait *w, struct task *t, bool more)
{
	wait_remove(h, w);
	t->wait_session = 0;
	t->wait = WAIT_NONE;
	if (unlikely(more))
		wait_abandon(t, false);
}

/* The call that w is for has ended by a message from `source`. */
static noinline void note_call(struct host *h, const struct wait *w, uint32_t source, bool failed)
{
	uint32_t callee = w->dest ? w->dest : source;

	calls_end(h->s->tally, tally_of_handle(callee), w->task->call_begun, failed);
	w->task->call_begun = 0;
}

/* The call that a task waits for fails. */
static void fail_call(struct host *h, struct task *t, uint32_t source, const char *why, size_t size)
{
	const struct wait *w = wait_find(h, t->wait_session);

	/* not what harbor/ was asked, which has neither a receiver nor a name */
	if (w && w->kind == WAIT_CALL && (w->dest || w->name_hash))
		note_call(h, w, source, true);
	task_fail_wait(t, why, size);
}

/* The answer may still come, and is to be ignored. */
static void time_out(struct host *h, struct task *t)
{
	const struct wait *w = wait_find(h, t->wait_session);

	if (w)
		note_call(h, w, 0, true);
	wait_abandon(t, true);
	task_fail_wait(t, "timeout", 7);
}

static void on_response(struct host *h, struct msg *m)
{
	struct wait *w;
	struct task *t;

	if (service_timeout_tag(m)) {
		timeout_fire(h, m);
		msg_destroy(m);
		return;
	}
	w = wait_find(h, m->session);
	if (unlikely(!w)) {
		unknown_response(h, m);
		msg_destroy(m);
		return;
	}
	t = w->task;
	switch ((enum wait_kind)w->kind) {
	case WAIT_CALL:
		if (unlikely(t->call_begun))
			note_call(h, w, m->source, false);
		end_wait(h, w, t, t->deadline_session != 0);
		t->held = m;
		task_resume(t, 0);
		return; /* the task owns m */
	case WAIT_SLEEP:
		end_wait(h, w, t, t->token_in_table);
		task_resume(t, 0);
		break;
	case WAIT_DEADLINE:
		t->deadline_session = 0;
		wait_remove(h, w);
		time_out(h, t);
		break;
	case WAIT_AGAIN:
		wait_remove(h, w);
		try_again(h);
		break;
	case WAIT_LOOK:
		wait_remove(h, w);
		response_look(h);
		break;
	case WAIT_QUIET:
		wait_remove(h, w);
		collector_look(h);
		break;
	default:
		wait_remove(h, w);
		break;
	}
	msg_destroy(m);
}

/* ---- errors ---- */

static int compare_sessions(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* `source` is down: every call to it fails, oldest first; answers that are owed to it are
 * forgotten. */
static void on_source_down(struct host *h, struct msg *m)
{
	int32_t *sessions = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (!w || w->dest != m->source || (w->kind != WAIT_CALL && w->kind != WAIT_DROPPED))
			continue;
		if (!sessions)
			sessions = mem_alloc(h->waits.used * sizeof(*sessions));
		sessions[n++] = w->session;
	}
	if (n)
		qsort(sessions, n, sizeof(*sessions), compare_sessions);
	response_source_down(h, m->source);
	for (unsigned i = 0; i < n && !h->exiting; i++) {
		struct wait *w = wait_find(h, sessions[i]);

		if (!w)
			continue;
		if (w->kind == WAIT_DROPPED)
			wait_remove(h, w);
		else if (m->size)
			fail_call(h, w->task, m->source, msg_payload(m), m->size);
		else
			fail_call(h, w->task, m->source, "the callee is gone", 18);
	}
	mem_free(sessions);
}

static noinline void on_error_message(struct host *h, struct msg *m)
{
	if (m->session == 0) {
		if (m->source)
			on_source_down(h, m);
	} else {
		struct wait *w = wait_find(h, m->session);

		if (w && w->kind == WAIT_CALL)
			fail_call(h, w->task, m->source, msg_payload(m), m->size);
		else if (w && w->kind == WAIT_DROPPED)
			wait_remove(h, w);
	}
	msg_destroy(m);
}

/* ---- what a program put before the dispatch ---- */

static void push_message(lua_State *L, const struct msg *m)
{
	lua_pushinteger(L, m->type);
	lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
	lua_pushinteger(L, (lua_Integer)m->size);
	lua_pushinteger(L, m->session);
	lua_pushinteger(L, m->source);
}

/* The error is on top of the main stack. Whoever waits for an answer to the message does so no
 * more. */
static void raised(struct host *h, const struct msg *m)
{
	char line[256];

	task_log_error(h, h->L, LUA_ERRRUN, m->source, m->session, m->size, line);
	service_fail_request(m, line);
}

/* The program has seen m, and it was not dispatched as what it is: the host holds a timer's
 * message until it fires. */
static void forget_timer(struct host *h, const struct msg *m, int32_t session)
{
	struct wait *w;

	if (!(m->flags & MSG_TIMEOUT))
		return;
	timeout_lost(h, m);
	w = wait_find(h, session);
	if (w && w->timer == m)
		w->timer = NULL;
}

/* The program's function for all messages, which are what a task's request is elsewhere. Its
 * arguments are on the stack. */
static int show(struct host *h, struct msg *m, int nresults)
{
	int status;

	h->main.request = m;
	status = run_call(h, h->L, 5, nresults, 1);
	h->main.request = NULL;
	return status;
}

static uint8_t flags_in(const struct msg *m, const void *payload)
{
	/* a multicast message may share the payload that it is unpacked from */
	bool same = m && (payload == msg_payload(m) || m->type == PTYPE_MULTICAST);

	return same ? m->flags & MSG_FOREIGN : 0;
}

uint8_t host_payload_flags(struct host *h, const void *payload)
{
	const struct task *t = h->current ? h->current : &h->main;

	return flags_in(t->request, payload) | flags_in(t->held, payload);
}

/* skynet.core.callback: the program has it all. */
static void raw_callback(struct host *h, struct msg *m)
{
	lua_State *L = h->L;
	/* It may free a forwarded message, so nothing is read from it afterwards. */
	const struct msg head = *m;
	bool ours = !h->raw_forward || m->size == 0;

	lua_pushcfunction(L, shown_traceback);
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->raw_callback_ref);
	push_message(L, m);
	if (show(h, m, 0) != LUA_OK)
		raised(h, &head);
	lua_settop(L, 0);
	if (!ours)
		return;
	forget_timer(h, m, head.session);
	msg_destroy(m);
}

/* skynet.filter: the program's function returns the message that is dispatched. NULL: it raised. */
static struct msg *filtered(struct host *h, struct msg *m)
{
	lua_State *L = h->L;
	const int32_t session = m->session;
	void *payload;

	lua_pushcfunction(L, shown_traceback);
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->filter_ref);
	push_message(L, m);
	if (show(h, m, 5) != LUA_OK) {
		raised(h, m);
		lua_settop(L, 0);
		forget_timer(h, m, session);
		return msg_destroy(m);
	}
	payload = lua_touserdata(L, 3);
	if (payload && payload != msg_payload(m)) {
		struct msg *other = msg_of(payload);

		*other = (struct msg){ .dest = m->dest, .flags = m->flags & MSG_FOREIGN };
		forget_timer(h, m, session);
		msg_destroy(m);
		m = other;
	}
	m->type = (uint8_t)lua_tointeger(L, 2);
	m->size = (uint64_t)lua_tointeger(L, 4);
	m->session = (int32_t)lua_tointeger(L, 5);
	m->source = (uint32_t)lua_tointeger(L, 6);
	lua_settop(L, 0);
	if (m->type != PTYPE_RESPONSE || m->session != session) {
		forget_timer(h, m, session);
		m->flags &= (uint8_t)~MSG_TIMEOUT;
	}
	return m;
}

static void dispatch(struct host *h, struct msg *m)
{
	if (m->type == PTYPE_RESPONSE)
		on_response(h, m);
	else if (unlikely(m->type == PTYPE_ERROR))
		on_error_message(h, m);
	else
		on_request(h, m, false);
}

static noinline void unusual_message(struct host *h, struct msg *m)
{
	if (h->hold && move_holds(h, m))
		return;
	if (h->raw_callback_ref != LUA_NOREF) {
		raw_callback(h, m);
		return;
	}
	if (h->filter_ref != LUA_NOREF)
		m = filtered(h, m);
	if (!m)
		return;
	if (h->type_map && h->type_map[m->type] != m->type) {
		struct proto *p = proto_find_id(h, h->type_map[m->type]);

		m->type = h->type_map[m->type];
		/* The handler gets the buffer, to pass it on or to trash it. */
		on_request(h, m, m->size && p && p->dispatch_ref != LUA_NOREF);
		return;
	}
	dispatch(h, m);
}

void host_message_borrowed(struct host *h, struct msg *m)
{
	if (service_timeout_tag(m)) {
		timeout_fire(h, m);
	} else if (msg_is_answer(m)) {
		/* A task may hold an answer longer than the lender lends it. */
		struct msg *copy = msg_create_copy(msg_payload(m), m->size);
		size_t size = copy->size;

		*copy = *m;
		copy->size = size;
		copy->flags = m->flags & MSG_FOREIGN;
		dispatch(h, copy);
	} else {
		on_request(h, m, true);
	}
	if (h->wakeups.count || h->forks.count)
		task_run_pending(h);
}

void host_message(struct service *s, void *ud, struct msg *m)
{
	struct host *h = ud;

	(void)s;
	if (unlikely(h->unusual))
		unusual_message(h, m);
	else
		dispatch(h, m);
	if (h->wakeups.count || h->forks.count)
		task_run_pending(h);
	if (unlikely(h->settling) && h->started && !h->exiting)
		collector_settle(h);
	if (unlikely(h->large))
		collector_worked(h);
}
