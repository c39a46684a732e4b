/* SPDX-License-Identifier: MIT */
/* skynet: sending and calling. */
#include "lua/api/api_message.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/must.h"
#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/base/hash.h"
#include "core/sched/timeout.h"
#include "lua/host/dispatch.h"
#include "lua/host/proto.h"
#include "lua/host/seri.h"
#include "lua/host/task.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"
#include "lua/vm/yield.h"
#include "net/pressure.h"

#define SELF(h) service_handle((h)->s)

/* ---- from values to a message ---- */

struct msg *api_take_message(lua_State *L, int arg)
{
	struct msg *m;

	switch (lua_type(L, arg)) {
	case LUA_TNONE:
	case LUA_TNIL:
		return msg_create(0);
	case LUA_TSTRING: {
		size_t n;
		const char *s = lua_tolstring(L, arg, &n);

		return msg_create_copy(s, n);
	}
	case LUA_TLIGHTUSERDATA: {
		void *p = lua_touserdata(L, arg);
		lua_Integer n = luaL_checkinteger(L, arg + 1);

		if (!p)
			return msg_create(0);
		luaL_argcheck(L, n >= 0, arg + 1, "negative size");
		m = msg_of(p);
		*m = (struct msg){ .size = (uint64_t)n,
				   .flags = host_payload_flags(host_of(L), p) };
		return m;
	}
	default:
		luaL_error(L, "invalid param %s", luaL_typename(L, arg));
		return NULL;
	}
}

struct msg *api_pack_message(lua_State *L, struct proto *p, int from)
{
	struct msg *m;

	if (likely(p->seri)) {
		size_t size;
		void *payload = seri_pack(L, from, &size);

		if (unlikely(!payload))
			return msg_create(0);
		m = msg_of(payload);
		*m = (struct msg){ .size = size };
		return m;
	}
	if (p->pack_ref == LUA_NOREF)
		luaL_error(L, "protocol %s has no pack function", p->name);
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->pack_ref);
	lua_insert(L, from);
	lua_call(L, lua_gettop(L) - from, 2);
	m = api_take_message(L, from);
	lua_settop(L, from - 1);
	return m;
}

/* ---- sending ---- */

static noinline int out_of_range(lua_State *L, int arg)
{
	const char *why = lua_pushfstring(L, "service address %I, a handle has 32 bits",
					  (LUAI_UACINT)lua_tointeger(L, arg));

	return luaL_argerror(L, arg, why);
}

uint32_t api_check_handle(lua_State *L, int arg)
{
	lua_Integer n = luaL_checkinteger(L, arg);

	if (n < INT32_MIN || n > UINT32_MAX)
		out_of_range(L, arg);
	return (uint32_t)n;
}

/* To a number that is no handle: raises. One that was kept as a signed number of 32 bits is a
 * handle. m is taken always. */
static noinline int deliver_odd(lua_State *L, int arg, struct msg *m, uint32_t *ret_dest)
{
	lua_Integer n = lua_tointeger(L, arg);

	if (n < 0 && n >= INT32_MIN) {
		m->dest = *ret_dest = (uint32_t)n;
		return service_send(m);
	}
	msg_destroy(m);
	return n == 0 ? luaL_error(L, "Invalid service address 0") : out_of_range(L, arg);
}

/* To a number or string at arg. Returns SEND_*, or raises for other types, for 0 and for what is
 * no handle; m is taken always. ret_dest: the number, 0 for a global name. */
static int deliver(lua_State *L, int arg, struct msg *m, uint32_t *ret_dest)
{
	const char *name;

	if (likely(lua_type(L, arg) == LUA_TNUMBER)) {
		lua_Integer n = lua_tointeger(L, arg);

		if (unlikely((lua_Unsigned)n - 1 >= UINT32_MAX))
			return deliver_odd(L, arg, m, ret_dest);
		m->dest = *ret_dest = (uint32_t)n;
		return service_send(m);
	}
	if (lua_type(L, arg) != LUA_TSTRING) {
		msg_destroy(m);
		return luaL_error(L, "dest address type (%s) must be a string or number.",
				  luaL_typename(L, arg));
	}
	name = lua_tostring(L, arg);
	*ret_dest = 0;
	if (name[0] != ':' && name[0] != '.')
		return service_send_name(name, m);
	m->dest = *ret_dest = service_find(name);
	if (m->dest == 0) {
		msg_destroy(m);
		return SEND_NO_SERVICE;
	}
	return service_send(m);
}

/* The contract's results of a send: the session, nothing, or false (a limit, or the way to
 * another node is shut). */
static int push_sent(lua_State *L, int r, int32_t session)
{
	if (likely(r == SEND_OK)) {
		lua_pushinteger(L, session);
		return 1;
	}
	if (r == SEND_REFUSED) {
		lua_pushboolean(L, 0);
		return 1;
	}
	return 0;
}

int api_send(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p = proto_check(L, 2);
	struct msg *m = api_pack_message(L, p, 3);
	uint32_t dest;

	m->source = SELF(h);
	m->type = p->id;
	return push_sent(L, deliver(L, 1, m, &dest), 0);
}

int api_rawsend(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p = proto_check(L, 2);
	struct msg *m = api_take_message(L, 3);
	uint32_t dest;

	m->source = SELF(h);
	m->type = p->id;
	return push_sent(L, deliver(L, 1, m, &dest), 0);
}

/* m hands on the request that t serves, or answers it. */
static bool serves(const struct task *t, const struct msg *m)
{
	return t && m->session && t->session == m->session &&
	       (t->source == m->source || msg_is_answer(m));
}

/* The message of a gate's client goes to a service of this node; the session is the client's socket
 * (net/pressure.h). Returns true and marks it when its receiver shall tell that he took it. */
static bool mark_passed_on(lua_State *L, struct msg *m, uint32_t self)
{
	bool here = lua_type(L, 1) == LUA_TNUMBER ? handle_is_local((uint32_t)lua_tointeger(L, 1))
						  : *lua_tostring(L, 1) == '.';

	return here && net_pass_message(self, m);
}

int api_redirect(lua_State *L)
{
	struct host *h = host_of(L);
	uint32_t source = api_check_handle(L, 2);
	struct proto *p = proto_check(L, 3);
	int32_t session = (int32_t)luaL_checkinteger(L, 4);
	struct msg *m = api_take_message(L, 5);
	struct task *t = api_request_task(L);
	bool marked = false;
	struct msg head;
	int r;

	m->source = source ? source : SELF(h);
	m->session = session;
	m->type = p->id;
	if (m->type == PTYPE_CLIENT && session > 0 && lua_isstring(L, 1))
		marked = mark_passed_on(L, m, SELF(h));
	head = *m;
	r = deliver(L, 1, m, &head.dest);
	if (unlikely(r != SEND_OK) && r != SEND_REFUSED) {
		if (marked)
			net_passed(session);
		/* The request of this task stays its own to answer; anybody else's has nobody
		 * any more. */
		if (head.source != SELF(h) && msg_wants_answer(&head) && !serves(t, &head))
			service_send_error_text(head.dest, head.source, session,
						SEND_NO_SERVICE_TEXT);
	} else if (serves(t, &head)) {
		/* Whoever sends on with the session of the request it serves has handed the
		 * request on, or answered it by hand: somebody else's answer ends it, and
		 * nothing was forgotten. */
		t->session = 0;
		t->request_state = REQUEST_DONE;
	}
	return push_sent(L, r, session);
}

/* ---- calling ---- */

int api_answer_values(lua_State *L)
{
	struct task *t = task_of(L);
	struct msg *m = t->held;
	struct proto *p = t->call_proto;
	int n;

	task_check_failed(L, t);
	lua_settop(L, 0);
	if (unlikely(!m))
		return 0;
	if (likely(p->seri)) {
		n = seri_read(L, m->size ? msg_payload(m) : NULL, m->size, m->flags & MSG_FOREIGN);
		t->held = msg_destroy(m);
		return n;
	}
	proto_unpack(L, p, m);
	return lua_gettop(L);
}

static int call_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return api_answer_values(L);
}

/* The message itself: it is held until the task yields again. */
static int rawcall_done(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_of(L);

	(void)status;
	(void)ctx;
	task_check_failed(L, t);
	lua_pushlightuserdata(L, t->held && t->held->size ? msg_payload(t->held) : NULL);
	lua_pushinteger(L, t->held ? (lua_Integer)t->held->size : 0);
	return 2;
}

static uint32_t hash_name(const char *name)
{
	return hash32(HASH32_START, name, strlen(name));
}

static noinline int invalid_address(lua_State *L, int arg, uint32_t dest)
{
	char text[16];

	snprintf(text, sizeof(text), ":%08x", dest);
	return luaL_error(L, "call to invalid address %s",
			  lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : text);
}

static void set_deadline(struct task *t, int64_t timeout_cs)
{
	struct host *h = t->host;
	struct wait *w;

	t->deadline_session = host_new_session(h);
	w = wait_add(h, t->deadline_session, WAIT_DEADLINE);
	w->peer = t->wait_session;
	w->task = t;
	/* no jump of programs' time is the silence of a callee */
	w->timer = service_timeout_fixed(h->s, t->deadline_session,
					 (uint64_t)timeout_cs * NS_PER_CS);
}

int api_request(lua_State *L, int arg, struct proto *p, struct msg *m, int64_t timeout_cs,
		lua_KFunction done)
{
	struct task *t = task_of(L);
	struct host *h = t->host;
	int32_t session = host_new_session(h);
	/* relaxed: this thread wrote when its turn began */
	uint64_t begun = calls_begin(&h->calls, atomic_load_explicit(&h->s->turn_began_ns,
								     memory_order_relaxed));
	uint32_t dest;
	struct wait *w;
	int r;

	must_slow(h->current == t && t->wait == WAIT_NONE);
	m->source = SELF(h);
	m->session = session;
	m->type = p->id;
	if (unlikely(t->tag))
		trace_call(L, t, arg, session);
	/* The answer may be here before we wait for it, but nobody looks at it before this task
	 * yields. */
	r = deliver(L, arg, m, &dest);
	/* Refused by a link: the reason comes as PTYPE_ERROR. */
	if (unlikely(r != SEND_OK && r != SEND_REFUSED))
		return invalid_address(L, arg, dest);
	w = wait_add(h, session, WAIT_CALL);
	w->task = t;
	w->dest = dest;
	if (unlikely(dest == 0)) /* skynet.term may be told the name */
		w->name_hash = hash_name(lua_tostring(L, arg));
	t->wait = WAIT_CALL;
	t->wait_session = session;
	t->call_begun = begun;
	t->call_proto = p;
	if (unlikely(timeout_cs >= 0))
		set_deadline(t, timeout_cs);
	return vm_yield(L, 0, 0, done ? done : call_done);
}

int api_call(lua_State *L)
{
	struct proto *p = proto_check(L, 2);

	(void)task_blocking(L, "call");
	return api_request(L, 1, p, api_pack_message(L, p, 3), -1, call_done);
}

int api_rawcall(lua_State *L)
{
	struct proto *p = proto_check(L, 2);

	(void)task_blocking(L, "rawcall");
	return api_request(L, 1, p, api_take_message(L, 3), -1, rawcall_done);
}

/* Ours: skynet.calltimeout(ti, addr, typename, ...) is call that raises "call failed: timeout"
 * after ti cs. */
int api_calltimeout(lua_State *L)
{
	lua_Integer ti = luaL_checkinteger(L, 1);
	struct proto *p = proto_check(L, 3);

	(void)task_blocking(L, "calltimeout");
	ti = ti < 0 ? 0 : ti > INT32_MAX ? INT32_MAX : ti;
	return api_request(L, 2, p, api_pack_message(L, p, 4), ti, call_done);
}

/* As if addr had died: pending calls to it fail, answers that it waits for are forgotten. A call by
 * global name fails by the same name. */
int api_term(lua_State *L)
{
	struct host *h = host_of(L);
	uint32_t dest = 0, hash = 0;
	struct msg *m;

	if (lua_type(L, 1) == LUA_TNUMBER) {
		dest = api_check_handle(L, 1);
	} else {
		const char *name = luaL_checkstring(L, 1);

		if (name[0] == ':' || name[0] == '.')
			dest = service_find(name);
		else
			hash = hash_name(name);
	}
	for (unsigned i = 0; hash && i < h->waits.size; i++) {
		const struct wait *w = wait_at(h, i);

		if (!w || w->kind != WAIT_CALL || w->dest || w->name_hash != hash)
			continue;
		/* by a message to ourselves: a wait must not be resumed from inside a task */
		service_send_error_text(SELF(h), SELF(h), w->session, "terminated");
	}
	if (!dest)
		return 0;
	m = msg_create_copy("terminated", 10);
	service_forward(msg_address_answer(m, dest, SELF(h), 0, PTYPE_ERROR));
	return 0;
}

/* ---- waiting for core/actor/remote.h ---- */

static int remote_done(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_of(L);
	struct msg *m = t->held;

	(void)status;
	(void)ctx;
	task_check_failed(L, t);
	lua_settop(L, 0);
	return t->answer ? t->answer(L, m && m->size ? msg_payload(m) : NULL, m ? m->size : 0) : 0;
}

int api_wait_answer(lua_State *L, int32_t session, answer_reader on_answer)
{
	struct task *t = task_blocking(L, "harbor");
	struct wait *w = wait_add(t->host, session, WAIT_CALL);

	must(session > 0 && on_answer);
	w->task = t;
	t->wait = WAIT_CALL;
	t->wait_session = session;
	t->call_begun = 0;
	t->answer = on_answer;
	return vm_yield(L, 0, 0, remote_done);
}
