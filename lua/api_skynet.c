/* SPDX-License-Identifier: MIT */
/* The `skynet` table: functions that every game uses, as light C functions.
 *
 * The table of a state is almost empty: its metatable finds a name in the sorted table at the end of this
 * file and keeps it in the state on first use. What is rarely used lives in lua/lib/skynet/extra.lua, found
 * the same way. Semantics: lua-core.md section 3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/command.h"
#include "core/env.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/names.h"
#include "lua/host.h"
#include "lua/seri.h"

#define SELF(h) service_handle((h)->s)

/* ---- packing ---- */

/* Packs the values from `from` to the top by a protocol, into a message without addresses. */
static struct msg *pack_message(lua_State *L, struct proto *p, int from)
{
	struct msg *m;

	if (likely(p->seri)) {
		size_t size;
		void *payload = seri_pack(L, from, &size);

		if (!payload)
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

		if (!p || n < 0)
			return msg_create(0);
		m = msg_of(p);
		*m = (struct msg){ .size = (uint64_t)n };
		return m;
	}
	default:
		luaL_error(L, "invalid param %s", lua_typename(L, lua_type(L, arg)));
		return NULL;
	}
}

/* Sends to a number or string at arg; the contract's results: session, nothing, or false. */
static int send_to(lua_State *L, int arg, struct msg *m)
{
	int32_t session = m->session;
	int r;

	if (lua_type(L, arg) == LUA_TNUMBER) {
		m->dest = (uint32_t)lua_tointeger(L, arg);
		if (m->dest == 0) {
			msg_destroy(m);
			return luaL_error(L, "Invalid service address 0");
		}
		r = service_send(m);
	} else if (lua_type(L, arg) == LUA_TSTRING) {
		r = service_send_name(lua_tostring(L, arg), m);
	} else {
		msg_destroy(m);
		return luaL_error(L, "dest address type (%s) must be a string or number.",
				  lua_typename(L, lua_type(L, arg)));
	}
	if (r == SEND_OK) {
		lua_pushinteger(L, session);
		return 1;
	}
	if (r == SEND_TOO_LARGE) {
		lua_pushboolean(L, 0);
		return 1;
	}
	return 0;
}

static int api_send(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p = proto_check(L, 2);
	struct msg *m = pack_message(L, p, 3);

	m->source = SELF(h);
	m->type = (uint8_t)p->id;
	return send_to(L, 1, m);
}

static int api_rawsend(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p = proto_check(L, 2);
	struct msg *m = api_take_message(L, 3);

	m->source = SELF(h);
	m->type = (uint8_t)p->id;
	return send_to(L, 1, m);
}

/* The request that a function answers: of the running task, also from a plain coroutine inside it. */
static struct task *request_task(lua_State *L)
{
	struct host *h = host_of(L);

	return h->current;
}

static int api_redirect(lua_State *L)
{
	struct host *h = host_of(L);
	uint32_t source = (uint32_t)luaL_checkinteger(L, 2);
	struct proto *p = proto_check(L, 3);
	int32_t session = (int32_t)luaL_checkinteger(L, 4);
	struct msg *m = api_take_message(L, 5);
	struct task *t = request_task(L);

	/* Whoever passes a request on with its own source and session has had it answered elsewhere. */
	if (t && session && t->session == session && t->source == source)
		t->session = 0;
	if (p->id == PTYPE_RESPONSE && t && session && t->session == session)
		t->session = 0;
	m->source = source ? source : SELF(h);
	m->session = session;
	m->type = (uint8_t)p->id;
	return send_to(L, 1, m);
}

/* ---- calling ---- */

static int call_continue(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_of(L);
	struct msg *m = t->held;

	(void)status;
	if (unlikely(t->error))
		return task_raise(L, t);
	lua_settop(L, 0);
	if (ctx == WAIT_RAWCALL) {
		lua_pushlightuserdata(L, m && m->size ? msg_payload(m) : NULL);
		lua_pushinteger(L, m ? (lua_Integer)m->size : 0);
		return 2; /* held until the task yields again */
	}
	if (!m)
		return 0;
	if (likely(t->proto->seri))
		return seri_unpack(L, m->size ? msg_payload(m) : NULL, m->size);
	if (t->proto->unpack_ref == LUA_NOREF)
		return 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->proto->unpack_ref);
	lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
	lua_pushinteger(L, (lua_Integer)m->size);
	lua_call(L, 2, LUA_MULTRET);
	return lua_gettop(L);
}

/* Sends m as a request to the address at addr_index and waits; `done` turns the answer into results. */
static int call_k(lua_State *L, int addr_index, struct proto *p, struct msg *m, enum wait_kind kind,
		  int64_t timeout_cs, lua_KFunction done)
{
	struct task *t = task_of(L);
	struct host *h = t->host;
	int32_t session = host_new_session(h);
	uint32_t dest = 0;
	struct wait *w;

	m->source = SELF(h);
	m->session = session;
	m->type = (uint8_t)p->id;
	if (lua_type(L, addr_index) == LUA_TNUMBER)
		dest = (uint32_t)lua_tointeger(L, addr_index);
	if (unlikely(send_to(L, addr_index, m) != 1 || !lua_toboolean(L, -1))) {
		if (dest) {
			char text[16];

			snprintf(text, sizeof(text), ":%08x", dest);
			return luaL_error(L, "call to invalid address %s", text);
		}
		return luaL_error(L, "call to invalid address %s", lua_tostring(L, addr_index));
	}
	w = wait_add(h, session, kind);
	w->task = t;
	w->dest = dest;
	t->wait = kind;
	t->wait_session = session;
	t->proto = p;
	if (timeout_cs >= 0) {
		int32_t deadline = host_new_session(h);

		w = wait_add(h, deadline, WAIT_DEADLINE);
		w->session2 = session;
		w->timer = service_timeout(SELF(h), deadline, (uint64_t)timeout_cs * NS_PER_CS);
		t->deadline_session = deadline;
	}
	return lua_yieldk(L, 0, kind, done);
}

static int api_call(lua_State *L)
{
	struct proto *p = proto_check(L, 2);

	task_blocking(L, "call");
	return call_k(L, 1, p, pack_message(L, p, 3), WAIT_CALL, -1, call_continue);
}

static int api_rawcall(lua_State *L)
{
	struct proto *p = proto_check(L, 2);

	task_blocking(L, "rawcall");
	return call_k(L, 1, p, api_take_message(L, 3), WAIT_RAWCALL, -1, call_continue);
}

/* skynet.calltimeout(ti, addr, typename, ...): like call, raises "call failed: timeout" after ti cs. */
static int api_calltimeout(lua_State *L)
{
	lua_Integer ti = luaL_checkinteger(L, 1);
	struct proto *p = proto_check(L, 3);

	task_blocking(L, "calltimeout");
	return call_k(L, 2, p, pack_message(L, p, 4), WAIT_CALL, ti < 0 ? 0 : ti, call_continue);
}

static int answer_continue(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_of(L);

	(void)status;
	(void)ctx;
	if (t->error)
		return task_raise(L, t);
	lua_settop(L, 0);
	return t->answer ? t->answer(L, t->held && t->held->size ? msg_payload(t->held) : NULL,
				     t->held ? t->held->size : 0) :
			   0;
}

int luahost_wait_answer(lua_State *L, int32_t session, luahost_answer on_answer)
{
	struct task *t = task_blocking(L, "this function");
	struct wait *w = wait_add(t->host, session, WAIT_ANSWER);

	w->task = t;
	t->wait = WAIT_ANSWER;
	t->wait_session = session;
	t->answer = on_answer;
	return lua_yieldk(L, 0, 0, answer_continue);
}

/* ---- answering ---- */

static bool answer_request(struct host *h, uint32_t source, int32_t session, struct msg *m)
{
	int r;

	m->source = SELF(h);
	m->dest = source;
	m->session = session;
	m->type = PTYPE_RESPONSE;
	r = service_send(m);
	if (r == SEND_TOO_LARGE)
		service_send_error_text(SELF(h), source, session, "answer too large");
	return r == SEND_OK;
}

static int api_ret(lua_State *L)
{
	struct task *t = request_task(L);
	struct msg *m = api_take_message(L, 1);
	int32_t session;

	if (!t || (!t->session && !t->source && !t->proto)) {
		msg_destroy(m);
		return luaL_error(L, "No session");
	}
	session = t->session;
	if (session == 0) {
		msg_destroy(m);
		if (t->request_was_call)
			return luaL_error(L, "No session");
		lua_pushboolean(L, 0);
		return 1;
	}
	t->session = 0;
	lua_pushboolean(L, answer_request(t->host, t->source, session, m));
	return 1;
}

static int api_retpack(lua_State *L)
{
	size_t size;
	void *payload = seri_pack(L, 1, &size);

	lua_settop(L, 0);
	if (payload) {
		lua_pushlightuserdata(L, payload);
		lua_pushinteger(L, (lua_Integer)size);
	}
	return api_ret(L);
}

static int api_ignoreret(lua_State *L)
{
	struct task *t = request_task(L);

	if (t)
		t->session = 0;
	return 0;
}

static int api_context(lua_State *L)
{
	struct task *t = request_task(L);

	if (!t || !t->source)
		return 0;
	if (t->session)
		lua_pushinteger(L, t->session);
	else
		lua_pushnil(L);
	lua_pushinteger(L, t->source);
	return 2;
}

static void response_settle(struct response *r)
{
	if (!r->host)
		return;
	if (r->prev)
		r->prev->next = r->next;
	else
		r->host->responses = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->host = NULL;
}

static int response_gc(lua_State *L)
{
	struct response *r = lua_touserdata(L, 1);

	if (r->host && r->session)
		service_send_error_text(SELF(r->host), r->source, r->session,
					"the callee dropped the request");
	response_settle(r);
	return 0;
}

/* r(true, ...), r(false), r("TEST"). Upvalues: the response, the pack function or nil. */
static int response_call(lua_State *L)
{
	struct response *r = lua_touserdata(L, lua_upvalueindex(1));
	struct host *h = host_of(L);
	struct msg *m;
	bool ok;

	if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "TEST") == 0) {
		struct service *s = r->host && r->session ? service_grab(r->source) : NULL;
		bool remote = r->host && r->session && r->source >> 24 != service_harbor();

		if (s)
			service_unref(s);
		lua_pushboolean(L, s != NULL || remote);
		return 1;
	}
	if (!r->host)
		return luaL_error(L, "Can't response more than once");
	if (r->session == 0) {
		response_settle(r);
		lua_pushboolean(L, 0);
		return 1;
	}
	ok = lua_toboolean(L, 1);
	if (!ok) {
		service_send_error_text(SELF(h), r->source, r->session, "error in callee");
		response_settle(r);
		lua_pushboolean(L, 1);
		return 1;
	}
	if (lua_isnil(L, lua_upvalueindex(2))) {
		size_t size;
		void *payload = seri_pack(L, 2, &size);

		m = payload ? msg_of(payload) : msg_create(0);
		*m = (struct msg){ .size = size };
	} else {
		lua_pushvalue(L, lua_upvalueindex(2));
		lua_replace(L, 1);
		lua_call(L, lua_gettop(L) - 1, 2);
		m = api_take_message(L, -2);
	}
	lua_pushboolean(L, answer_request(h, r->source, r->session, m));
	response_settle(r);
	return 1;
}

static int response_nothing(lua_State *L)
{
	(void)L;
	return 0;
}

static int api_response(lua_State *L)
{
	struct task *t = request_task(L);
	struct response *r;

	if (!t || (!t->session && (t->request_was_call || !t->source)))
		return luaL_error(L, "no session");
	if (t->session == 0) {
		lua_pushcfunction(L, response_nothing);
		return 1;
	}
	lua_settop(L, 1);
	r = lua_newuserdatauv(L, sizeof(*r), 0);
	*r = (struct response){ .host = NULL };
	if (luaL_newmetatable(L, "harbord.response")) {
		lua_pushcfunction(L, response_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, response_call, 2);
	r->host = t->host;
	r->source = t->source;
	r->session = t->session;
	r->next = t->host->responses;
	if (r->next)
		r->next->prev = r;
	t->host->responses = r;
	t->session = 0;
	return 1;
}

/* ---- protocols ---- */

static int ref_field(lua_State *L, int table, const char *key)
{
	if (lua_getfield(L, table, key) == LUA_TNIL) {
		lua_pop(L, 1);
		return LUA_NOREF;
	}
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int api_pack(lua_State *L);
static int api_unpack(lua_State *L);

static int api_register_protocol(lua_State *L)
{
	struct host *h = host_of(L);
	const char *name;
	lua_Integer id;
	struct proto *p;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_getfield(L, 1, "name");
	name = luaL_checkstring(L, 2);
	lua_getfield(L, 1, "id");
	id = luaL_checkinteger(L, 3);
	if (id < 0 || id > 255)
		return luaL_error(L, "assertion failed! protocol id %d is not in 0..255", (int)id);
	p = proto_find_id(h, (int)id);
	for (unsigned i = 0; i < h->proto_count; i++)
		if (h->protos[i].name && strcmp(h->protos[i].name, name) == 0)
			return luaL_error(L, "assertion failed! protocol %s is registered already", name);
	if (p)
		return luaL_error(L, "assertion failed! protocol id %d is %s already", (int)id, p->name);
	p = proto_add(h, (int)id);
	p->name = name;
	lua_pushvalue(L, 2);
	p->name_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_getfield(L, 1, "pack");
	lua_getfield(L, 1, "unpack");
	p->seri = lua_tocfunction(L, -2) == api_pack && lua_tocfunction(L, -1) == api_unpack;
	lua_pop(L, 2);
	if (!p->seri) {
		int pack = ref_field(L, 1, "pack"), unpack = ref_field(L, 1, "unpack");

		p = proto_find_id(h, (int)id);
		p->pack_ref = pack;
		p->unpack_ref = unpack;
	}
	int dispatch = ref_field(L, 1, "dispatch");

	proto_find_id(h, (int)id)->dispatch_ref = dispatch;
	return 0;
}

static int api_dispatch(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p = NULL;

	if (lua_isnoneornil(L, 2)) {
		if (lua_type(L, 1) == LUA_TNUMBER) {
			p = proto_find_id(h, (int)lua_tointeger(L, 1));
		} else {
			const char *name = luaL_checkstring(L, 1);

			for (unsigned i = 0; i < h->proto_count; i++)
				if (strcmp(h->protos[i].name, name) == 0)
					p = &h->protos[i];
		}
		if (!p || p->dispatch_ref == LUA_NOREF)
			return 0;
		lua_rawgeti(L, LUA_REGISTRYINDEX, p->dispatch_ref);
		return 1;
	}
	p = proto_check(L, 1);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	int old = p->dispatch_ref;

	p->dispatch_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (old == LUA_NOREF)
		return 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, old);
	luaL_unref(L, LUA_REGISTRYINDEX, old);
	return 1;
}

/* Sets a function reference of the host, gives the previous function. */
static int swap_function(lua_State *L, int *ref)
{
	int old = *ref;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	*ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (old == LUA_NOREF)
		return 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, old);
	luaL_unref(L, LUA_REGISTRYINDEX, old);
	return 1;
}

static int api_dispatch_unknown_request(lua_State *L)
{
	return swap_function(L, &host_of(L)->unknown_request_ref);
}

static int api_dispatch_unknown_response(lua_State *L)
{
	return swap_function(L, &host_of(L)->unknown_response_ref);
}

static int api_info_func(lua_State *L)
{
	return swap_function(L, &host_of(L)->info_ref);
}

/* ---- time and tasks ---- */

static lua_Integer check_ti(lua_State *L, int arg)
{
	lua_Integer ti = luaL_checkinteger(L, arg);

	return ti > INT32_MAX ? INT32_MAX : ti;
}

/* The timer of a session: at once for ti <= 0, behind what is queued already. */
static struct msg *arm(struct host *h, int32_t session, lua_Integer ti)
{
	struct msg *m;

	if (ti > 0)
		return service_timeout(SELF(h), session, (uint64_t)ti * NS_PER_CS);
	m = msg_create(0);
	m->dest = SELF(h);
	m->session = session;
	m->type = PTYPE_RESPONSE;
	(void)service_send(m);
	return NULL;
}

static int32_t start_timer(lua_State *L, struct host *h, lua_Integer ti, int function)
{
	int32_t session = host_new_session(h);

	lua_rawgeti(L, LUA_REGISTRYINDEX, h->timeouts_ref);
	lua_pushvalue(L, function);
	lua_rawseti(L, -2, session);
	lua_pop(L, 1);
	wait_add(h, session, WAIT_TIMEOUT)->timer = arm(h, session, ti);
	return session;
}

static int api_timeout(lua_State *L)
{
	lua_Integer ti = check_ti(L, 1);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	(void)start_timer(L, host_of(L), ti, 2);
	return 0;
}

static int timer_cancel(lua_State *L)
{
	int32_t *session = luaL_checkudata(L, 1, "harbord.timer");
	struct host *h = host_of(L);
	struct wait *w = *session ? wait_find(h, *session) : NULL;
	bool armed = w && w->kind == WAIT_TIMEOUT;

	if (armed) {
		if (w->timer)
			(void)service_timeout_cancel(w->timer);
		wait_remove(h, w);
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->timeouts_ref);
		lua_pushnil(L);
		lua_rawseti(L, -2, *session);
	}
	*session = 0;
	lua_pushboolean(L, armed);
	return 1;
}

/* skynet.timer(ti, f): like timeout, returns an object whose :cancel() is true if f will not run. */
static int api_timer(lua_State *L)
{
	lua_Integer ti = check_ti(L, 1);
	int32_t *session;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	session = lua_newuserdatauv(L, sizeof(*session), 0);
	*session = 0;
	if (luaL_newmetatable(L, "harbord.timer")) {
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
		lua_pushcfunction(L, timer_cancel);
		lua_setfield(L, -2, "cancel");
	}
	lua_setmetatable(L, -2);
	*session = start_timer(L, host_of(L), ti, 2);
	return 1;
}

static void set_token(lua_State *L, struct task *t, int token)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->host->tokens_ref);
	lua_pushvalue(L, token);
	if (lua_rawget(L, -2) != LUA_TNIL)
		luaL_error(L, "token duplicative");
	lua_pop(L, 1);
	lua_pushvalue(L, token);
	lua_pushlightuserdata(L, t);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

/* Stack 1: the token. Clears it unless wakeup did. */
static int sleep_continue(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_of(L);

	(void)status;
	(void)ctx;
	if (t->has_token) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, t->host->tokens_ref);
		lua_pushvalue(L, 1);
		lua_pushnil(L);
		lua_rawset(L, -3);
		lua_pop(L, 1);
		t->has_token = false;
	}
	return lua_gettop(L) - 1;
}

static int sleep_on(lua_State *L, struct task *t, lua_Integer ti)
{
	struct host *h = t->host;

	lua_settop(L, 1);
	if (lua_isnil(L, 1)) {
		lua_pushthread(L);
		lua_replace(L, 1);
	}
	set_token(L, t, 1);
	t->has_token = true;
	if (ti < 0) {
		t->wait = WAIT_WAKEUP;
		t->wait_session = 0;
	} else {
		int32_t session = host_new_session(h);
		struct wait *w = wait_add(h, session, WAIT_SLEEP);

		w->task = t;
		w->timer = arm(h, session, ti);
		t->wait = WAIT_SLEEP;
		t->wait_session = session;
	}
	return lua_yieldk(L, 0, 0, sleep_continue);
}

static int api_sleep(lua_State *L)
{
	struct task *t = task_blocking(L, "sleep");
	lua_Integer ti = check_ti(L, 1);

	lua_settop(L, 2);
	lua_remove(L, 1);
	return sleep_on(L, t, ti < 0 ? 0 : ti);
}

static int api_yield(lua_State *L)
{
	struct task *t = task_blocking(L, "yield");

	lua_settop(L, 0);
	lua_pushnil(L);
	return sleep_on(L, t, 0);
}

static int api_wait(lua_State *L)
{
	struct task *t = task_blocking(L, "wait");

	lua_settop(L, 1);
	return sleep_on(L, t, -1);
}

static int api_wakeup(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;

	luaL_checkany(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->tokens_ref);
	lua_pushvalue(L, 1);
	lua_rawget(L, -2);
	t = lua_touserdata(L, -1);
	if (!t)
		return 0;
	lua_pop(L, 1);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	lua_rawset(L, -3);
	t->has_token = false;
	if (t->wait == WAIT_SLEEP) {
		wait_abandon(t);
		t->wait = WAIT_SLEEP; /* how task_run_pending resumes it */
	}
	fifo_push(&h->wakeups, t);
	lua_pushboolean(L, 1);
	return 1;
}

static int api_fork(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	int n = lua_gettop(L);

	t = task_create(h);
	if (!lua_checkstack(t->co, n + 1)) {
		task_kill(t, NULL);
		return luaL_error(L, "too many arguments to fork");
	}
	lua_xmove(L, t->co, n);
	fifo_push(&h->forks, t);
	lua_pushthread(t->co);
	lua_xmove(t->co, L, 1);
	return 1;
}

static int api_killthread(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checkany(L, 1);
	for (struct task *t = h->live; t; t = t->next) {
		bool match;

		lua_pushthread(t->co);
		lua_xmove(t->co, L, 1);
		if (lua_isstring(L, 1)) {
			/* a Lua pattern against tostring(thread) */
			lua_getglobal(L, "string");
			lua_getfield(L, -1, "find");
			lua_remove(L, -2);
			luaL_tolstring(L, -2, NULL);
			lua_pushvalue(L, 1);
			lua_call(L, 2, 1);
			match = lua_toboolean(L, -1);
			lua_pop(L, 1);
		} else {
			match = lua_rawequal(L, 1, -1);
		}
		if (match && t != h->current) {
			task_kill(t, "killed");
			return 1;
		}
		lua_pop(L, 1);
	}
	return 0;
}

/* ---- life ---- */

static void tell_launcher(lua_State *L, const char *what, const char *why)
{
	struct host *h = host_of(L);
	struct msg *m;
	size_t size;
	int top = lua_gettop(L);

	lua_pushstring(L, what);
	if (strcmp(what, "REMOVE") == 0) {
		lua_pushinteger(L, SELF(h));
		lua_pushboolean(L, 0);
	} else if (why) {
		lua_pushstring(L, why);
	}
	m = msg_of(seri_pack(L, top + 1, &size));
	lua_settop(L, top);
	*m = (struct msg){ .size = size, .source = SELF(h), .type = PTYPE_LUA };
	(void)service_send_name(".launcher", m);
}

static int api_exit(lua_State *L)
{
	struct host *h = host_of(L);
	struct task *t;

	while ((t = fifo_pop(&h->forks)))
		task_kill(t, "exited");
	tell_launcher(L, "REMOVE", NULL);
	h->exiting = true;
	h->why = "the callee exited";
	(void)command_run(h->s, "EXIT", NULL);
	t = h->current;
	if (!t || t->co != L)
		return luaL_error(L, "attempt to yield from outside a coroutine");
	t->wait = WAIT_EXIT; /* the host's end closes it */
	return lua_yield(L, 0);
}

static int traceback(lua_State *L)
{
	const char *text = luaL_tolstring(L, 1, NULL);

	luaL_traceback(L, L, text, 1);
	return 1;
}

static int init_service_done(lua_State *L, int status, lua_KContext ctx)
{
	struct host *h = host_of(L);

	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD) {
		tell_launcher(L, "LAUNCHOK", NULL);
		return 0;
	}
	const char *text = lua_tostring(L, -1);

	log_printf(LOG_LEVEL_ERROR, SELF(h), "init service failed: %s", text);
	tell_launcher(L, "ERROR", text);
	h->exiting = true;
	h->why = "the callee failed to start";
	(void)command_run(h->s, "EXIT", NULL);
	h->current->wait = WAIT_EXIT;
	return lua_yield(L, 0);
}

/* Runs what skynet.init collected, then f (stack 1). ctx: the next of them, INIT_END after f. */
#define INIT_END INT32_MAX

static int run_inits_from(lua_State *L, int status, lua_KContext ctx)
{
	struct host *h = host_of(L);

	(void)status;
	for (lua_Integer i = (lua_Integer)ctx; i < INIT_END; i++) {
		lua_settop(L, 1);
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->inits_ref);
		if (lua_rawgeti(L, -1, i) == LUA_TNIL) {
			lua_settop(L, 1);
			lua_callk(L, 0, 0, INIT_END, run_inits_from);
			break;
		}
		lua_callk(L, 0, 0, (lua_KContext)(i + 1), run_inits_from);
	}
	return 0;
}

static int run_inits(lua_State *L)
{
	host_of(L)->started = true;
	return run_inits_from(L, LUA_OK, 1);
}

static int api_init_service(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_pushcfunction(L, traceback);
	lua_insert(L, 1);
	lua_pushcfunction(L, run_inits);
	lua_insert(L, 2);
	return init_service_done(L, lua_pcallk(L, 1, 0, 1, 0, init_service_done), 0);
}

static int start_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 0;
}

static int start_task(lua_State *L)
{
	struct host *h = host_of(L);

	lua_settop(L, 0);
	lua_pushcfunction(L, api_init_service);
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->start_ref);
	luaL_unref(L, LUA_REGISTRYINDEX, h->start_ref);
	h->start_ref = LUA_NOREF;
	lua_callk(L, 1, 0, 0, start_done);
	return 0;
}

static int api_start(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	if (h->start_ref != LUA_NOREF)
		return luaL_error(L, "skynet.start was called already");
	h->start_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushcfunction(L, start_task);
	(void)start_timer(L, h, 0, 1);
	h->booted = true;
	return 0;
}

static int api_init(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (h->started) {
		/* A module that is loaded later: its init runs as a task of its own. */
		lua_settop(L, 1);
		return api_fork(L);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->inits_ref);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, luaL_len(L, -2) + 1);
	return 0;
}

/* The launcher answers the handle, nil (it ended while it started), or false and the reason. */
static int newservice_done(lua_State *L, int status, lua_KContext ctx)
{
	int r = call_continue(L, status, ctx);

	if (r >= 1 && lua_isboolean(L, -r) && !lua_toboolean(L, -r))
		return luaL_error(L, "call failed: %s", r >= 2 ? luaL_tolstring(L, -r + 1, NULL) : "?");
	return r;
}

static int api_newservice(lua_State *L)
{
	struct task *t = task_blocking(L, "newservice");
	struct proto *p = proto_find_id(t->host, PTYPE_LUA);

	luaL_checkstring(L, 1);
	lua_pushliteral(L, "snlua");
	lua_insert(L, 1);
	lua_pushliteral(L, "LAUNCH");
	lua_insert(L, 1);
	lua_pushliteral(L, ".launcher");
	lua_insert(L, 1);
	return call_k(L, 1, p, pack_message(L, p, 2), WAIT_CALL, -1, newservice_done);
}

static int values_or_error(lua_State *L, int status, lua_KContext ctx)
{
	int r = call_continue(L, status, ctx);

	if (r >= 1 && lua_toboolean(L, -r))
		return r;
	return luaL_error(L, "%s", r >= 2 ? luaL_tolstring(L, -r + 1, NULL) : "call failed");
}

static int call_service_mgr(lua_State *L, const char *local, const char *global)
{
	struct proto *p = proto_find_id(task_blocking(L, "uniqueservice")->host, PTYPE_LUA);
	bool everywhere = lua_isboolean(L, 1);

	if (everywhere)
		lua_remove(L, 1);
	luaL_checkstring(L, 1);
	lua_pushstring(L, everywhere ? global : local);
	lua_insert(L, 1);
	lua_pushliteral(L, ".service");
	lua_insert(L, 1);
	return call_k(L, 1, p, pack_message(L, p, 2), WAIT_CALL, -1, values_or_error);
}

static int api_uniqueservice(lua_State *L)
{
	return call_service_mgr(L, "LAUNCH", "GLAUNCH");
}

static int api_queryservice(lua_State *L)
{
	return call_service_mgr(L, "QUERY", "GQUERY");
}

/* ---- addresses and facts ---- */

static int api_self(lua_State *L)
{
	lua_pushinteger(L, SELF(host_of(L)));
	return 1;
}

static int api_localname(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	uint32_t handle = name[0] == '.' ? names_find(name + 1) : 0;

	if (!handle)
		return 0;
	lua_pushinteger(L, handle);
	return 1;
}

static int api_address(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TNUMBER) {
		char text[16];

		snprintf(text, sizeof(text), ":%08x", (uint32_t)lua_tointeger(L, 1));
		lua_pushstring(L, text);
	} else {
		luaL_tolstring(L, 1, NULL);
	}
	return 1;
}

static int api_harbor(lua_State *L)
{
	uint32_t handle = (uint32_t)luaL_checkinteger(L, 1);

	lua_pushinteger(L, handle >> 24);
	lua_pushboolean(L, handle >> 24 != 0 && handle >> 24 != service_harbor());
	return 2;
}

static int api_now(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)clock_now_cs());
	return 1;
}

static int api_hpc(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)clock_mono_ns());
	return 1;
}

static int api_starttime(lua_State *L)
{
	lua_pushinteger(L, clock_start_seconds());
	return 1;
}

static int api_time(lua_State *L)
{
	lua_pushnumber(L, clock_start_seconds() + (double)clock_now_cs() / 100);
	return 1;
}

static int api_genid(lua_State *L)
{
	lua_pushinteger(L, host_new_session(host_of(L)));
	return 1;
}

static int api_getenv(lua_State *L)
{
	const char *value = env_get(luaL_checkstring(L, 1));

	if (!value)
		return 0;
	lua_pushstring(L, value);
	return 1;
}

static int api_setenv(lua_State *L)
{
	const char *key = luaL_checkstring(L, 1);

	if (strchr(key, ' '))
		return luaL_error(L, "the key '%s' holds a space", key);
	if (env_set(key, luaL_checkstring(L, 2)) != 0)
		return luaL_error(L, "Can't setenv exist key : %s", key);
	return 0;
}

static int api_stat(lua_State *L)
{
	const char *r = command_run(host_of(L)->s, "STAT", luaL_checkstring(L, 1));

	if (!r || lua_stringtonumber(L, r) == 0)
		lua_pushinteger(L, 0);
	return 1;
}

static int api_mqlen(lua_State *L)
{
	lua_pushinteger(L, mailbox_length(&host_of(L)->s->mailbox));
	return 1;
}

static int api_endless(lua_State *L)
{
	lua_pushboolean(L, strcmp(command_run(host_of(L)->s, "STAT", "endless"), "1") == 0);
	return 1;
}

static int api_memlimit(lua_State *L)
{
	struct host *h = host_of(L);

	h->memory_limit = (size_t)luaL_checkinteger(L, 1);
	log_printf(LOG_LEVEL_INFO, SELF(h), "Set memory limit to %.2f M",
		   (double)h->memory_limit / (1024 * 1024));
	return 0;
}

static int api_error(lua_State *L)
{
	int n = lua_gettop(L);
	luaL_Buffer b;
	size_t size;

	if (n == 0) {
		log_write(LOG_LEVEL_INFO, SELF(host_of(L)), "nil", 3);
		return 0;
	}
	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	const char *text = lua_tolstring(L, -1, &size);

	log_write(LOG_LEVEL_INFO, SELF(host_of(L)), text, size);
	return 0;
}

/* task(): how many wait; task(table): tracebacks by task; task(thread): its session. */
static int api_task(lua_State *L)
{
	struct host *h = host_of(L);

	if (lua_isnoneornil(L, 1)) {
		lua_pushinteger(L, h->tasks ? h->tasks - (h->current != NULL) : 0);
		return 1;
	}
	for (struct task *t = h->live; t; t = t->next) {
		if (lua_istable(L, 1) && t != h->current) {
			char key[80];

			snprintf(key, sizeof(key), "thread: %p session: %d", (void *)t->co, t->wait_session);
			luaL_traceback(L, t->co, NULL, 0);
			lua_setfield(L, 1, key);
		} else if (lua_isthread(L, 1) && lua_tothread(L, 1) == t->co) {
			lua_pushinteger(L, t->wait_session);
			return 1;
		} else if (lua_isinteger(L, 1) && t->wait_session && lua_tointeger(L, 1) == t->wait_session) {
			luaL_traceback(L, t->co, NULL, 0);
			return 1;
		}
	}
	if (lua_isinteger(L, 1)) {
		lua_pushliteral(L, "No session");
		return 1;
	}
	return 0;
}

static int api_term(lua_State *L)
{
	struct host *h = host_of(L);
	uint32_t dest = (uint32_t)luaL_optinteger(L, 1, 0);
	struct msg *m = msg_create(0);

	m->source = dest;
	m->dest = SELF(h);
	m->type = PTYPE_ERROR;
	(void)service_send(m);
	return 0;
}

/* ---- values ---- */

static int api_pack(lua_State *L)
{
	size_t size;
	void *payload = seri_pack(L, 1, &size);

	if (!payload)
		return 0;
	lua_pushlightuserdata(L, payload);
	lua_pushinteger(L, (lua_Integer)size);
	return 2;
}

static int api_packstring(lua_State *L)
{
	size_t size;
	void *payload = seri_pack(L, 1, &size);

	lua_pushlstring(L, payload ? payload : "", size);
	payload_free(payload);
	return 1;
}

static int api_unpack(lua_State *L)
{
	size_t size;
	const void *data;

	if (lua_isnoneornil(L, 1))
		return 0;
	if (lua_type(L, 1) == LUA_TSTRING) {
		data = lua_tolstring(L, 1, &size);
	} else {
		data = lua_touserdata(L, 1);
		size = (size_t)luaL_checkinteger(L, 2);
		if (size && !data)
			return luaL_error(L, "deserialize null pointer");
	}
	return size ? seri_unpack(L, data, size) : 0;
}

static int api_tostring(lua_State *L)
{
	if (lua_isnoneornil(L, 1) || !lua_touserdata(L, 1))
		return 0;
	lua_pushlstring(L, lua_touserdata(L, 1), (size_t)luaL_checkinteger(L, 2));
	return 1;
}

static int api_trash(lua_State *L)
{
	switch (lua_type(L, 1)) {
	case LUA_TSTRING:
		return 0;
	case LUA_TLIGHTUSERDATA:
		luaL_checkinteger(L, 2);
		payload_free(lua_touserdata(L, 1));
		return 0;
	default:
		return luaL_error(L, "skynet.trash invalid param %s", lua_typename(L, lua_type(L, 1)));
	}
}

/* ---- the table ---- */

static const luaL_Reg functions[] = {
	/* sorted */
	{ "address", api_address },
	{ "call", api_call },
	{ "calltimeout", api_calltimeout },
	{ "context", api_context },
	{ "dispatch", api_dispatch },
	{ "dispatch_unknown_request", api_dispatch_unknown_request },
	{ "dispatch_unknown_response", api_dispatch_unknown_response },
	{ "endless", api_endless },
	{ "error", api_error },
	{ "exit", api_exit },
	{ "fork", api_fork },
	{ "genid", api_genid },
	{ "getenv", api_getenv },
	{ "harbor", api_harbor },
	{ "hpc", api_hpc },
	{ "ignoreret", api_ignoreret },
	{ "info_func", api_info_func },
	{ "init", api_init },
	{ "init_service", api_init_service },
	{ "killthread", api_killthread },
	{ "localname", api_localname },
	{ "memlimit", api_memlimit },
	{ "mqlen", api_mqlen },
	{ "newservice", api_newservice },
	{ "now", api_now },
	{ "pack", api_pack },
	{ "packstring", api_packstring },
	{ "queryservice", api_queryservice },
	{ "rawcall", api_rawcall },
	{ "rawsend", api_rawsend },
	{ "redirect", api_redirect },
	{ "register_protocol", api_register_protocol },
	{ "response", api_response },
	{ "ret", api_ret },
	{ "retpack", api_retpack },
	{ "self", api_self },
	{ "send", api_send },
	{ "setenv", api_setenv },
	{ "sleep", api_sleep },
	{ "start", api_start },
	{ "starttime", api_starttime },
	{ "stat", api_stat },
	{ "task", api_task },
	{ "term", api_term },
	{ "time", api_time },
	{ "timeout", api_timeout },
	{ "timer", api_timer },
	{ "tostring", api_tostring },
	{ "trash", api_trash },
	{ "uniqueservice", api_uniqueservice },
	{ "unpack", api_unpack },
	{ "wait", api_wait },
	{ "wakeup", api_wakeup },
	{ "yield", api_yield },
};

static const struct {
	const char *name;
	int id;
} ptypes[] = {
	{ "PTYPE_TEXT", PTYPE_TEXT },     { "PTYPE_RESPONSE", PTYPE_RESPONSE },
	{ "PTYPE_MULTICAST", PTYPE_MULTICAST }, { "PTYPE_CLIENT", PTYPE_CLIENT },
	{ "PTYPE_SYSTEM", PTYPE_SYSTEM }, { "PTYPE_HARBOR", PTYPE_HARBOR },
	{ "PTYPE_SOCKET", PTYPE_SOCKET }, { "PTYPE_ERROR", PTYPE_ERROR },
	{ "PTYPE_QUEUE", PTYPE_QUEUE },   { "PTYPE_DEBUG", PTYPE_DEBUG },
	{ "PTYPE_LUA", PTYPE_LUA },       { "PTYPE_SNAX", PTYPE_SNAX },
	{ "PTYPE_TRACE", PTYPE_TRACE },
};

static int compare(const void *key, const void *item)
{
	return strcmp(key, ((const luaL_Reg *)item)->name);
}

/* skynet[name]: finds it and keeps it. */
static int table_index(lua_State *L)
{
	const char *name = lua_tostring(L, 2);
	const luaL_Reg *f;

	if (!name)
		return 0;
	f = bsearch(name, functions, array_len(functions), sizeof(functions[0]), compare);
	if (f) {
		lua_pushcfunction(L, f->func);
	} else if (strncmp(name, "PTYPE_", 6) == 0) {
		lua_pushnil(L);
		for (size_t i = 0; i < array_len(ptypes); i++)
			if (strcmp(ptypes[i].name, name) == 0)
				lua_pushinteger(L, ptypes[i].id);
	} else if (strcmp(name, "pcall") == 0) {
		lua_getglobal(L, "pcall");
	} else {
		return 0;
	}
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

static int table_next(lua_State *L)
{
	lua_settop(L, 2);
	return lua_next(L, 1) ? 2 : 0;
}

/* pairs(skynet): fills the table first. */
static int table_pairs(lua_State *L)
{
	lua_settop(L, 1);
	for (size_t i = 0; i < array_len(functions); i++) {
		lua_getfield(L, 1, functions[i].name);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < array_len(ptypes); i++) {
		lua_getfield(L, 1, ptypes[i].name);
		lua_pop(L, 1);
	}
	lua_pushcfunction(L, table_next);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static void add_builtin(lua_State *L, int id, const char *name, bool seri)
{
	struct host *h = host_of(L);
	struct proto *p = proto_add(h, id);

	lua_pushstring(L, name);
	p->name = lua_tostring(L, -1);
	p->name_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	p->seri = seri;
}

int luaopen_skynet(lua_State *L)
{
	add_builtin(L, PTYPE_LUA, "lua", true);
	add_builtin(L, PTYPE_RESPONSE, "response", false);
	add_builtin(L, PTYPE_ERROR, "error", false);
	add_builtin(L, PTYPE_DEBUG, "debug", true);
	lua_newtable(L);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, table_index);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, table_pairs);
	lua_setfield(L, -2, "__pairs");
	lua_setmetatable(L, -2);
	return 1;
}
