/* SPDX-License-Identifier: MIT */
/* skynet: answering a request. */
#include "lua/api/api_answer.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "lua/api/api_info.h"
#include "lua/api/api_message.h"
#include "lua/host/response.h"
#include "lua/host/seri.h"
#include "lua/host/trace.h"

#define RESPONSE_META "harbord.response"

static bool answer_request(struct host *h, uint32_t source, int32_t session, struct msg *m)
{
	return service_send(msg_address_answer(m, service_handle(h->s), source, session,
					       PTYPE_RESPONSE)) == SEND_OK;
}

/* The request that may be answered now, or NULL. */
static struct task *open_request(lua_State *L)
{
	struct task *t = api_request_task(L);

	return t && t->request_state == REQUEST_OPEN ? t : NULL;
}

/* There is no request to answer: why. */
static int no_session(lua_State *L)
{
	struct task *t = api_request_task(L);

	if (t && t->request_state == REQUEST_DONE)
		return luaL_error(L, "No session: the request has been answered, or handed on, "
				     "already");
	return luaL_error(L, "No session: what runs here serves no request; skynet.response keeps "
			     "one for later");
}

static int32_t settle(struct task *t)
{
	int32_t session = t->session;

	t->session = 0;
	t->request_state = REQUEST_DONE;
	return session;
}

static int answer(lua_State *L, struct task *t, struct msg *m)
{
	int32_t session = settle(t);

	if (unlikely(t->tag))
		trace_event(t, "response", L);
	if (session == 0) {
		msg_destroy(m); /* a send: nobody waits */
		lua_pushboolean(L, 0);
	} else {
		lua_pushboolean(L, answer_request(t->host, t->source, session, m));
	}
	return 1;
}

int api_ret(lua_State *L)
{
	struct task *t = open_request(L);

	if (unlikely(!t)) {
		if (lua_type(L, 1) == LUA_TLIGHTUSERDATA && lua_isinteger(L, 2))
			payload_free(lua_touserdata(L, 1));
		return no_session(L);
	}
	return answer(L, t, api_take_message(L, 1));
}

int api_retpack(lua_State *L)
{
	struct task *t = open_request(L);
	size_t size;
	void *payload;
	struct msg *m;

	if (unlikely(!t))
		return no_session(L);
	payload = seri_pack(L, 1, &size);
	m = payload ? msg_of(payload) : msg_create(0);
	*m = (struct msg){ .size = size };
	return answer(L, t, m);
}

int api_ignoreret(lua_State *L)
{
	struct task *t = open_request(L);

	if (t)
		(void)settle(t);
	return 0;
}

int api_context(lua_State *L)
{
	struct task *t = api_request_task(L);

	if (!t || t->request_state == REQUEST_NONE) {
		lua_pushnil(L);
		lua_pushnil(L);
		return 2;
	}
	if (t->request_state == REQUEST_OPEN)
		lua_pushinteger(L, t->session);
	else
		lua_pushnil(L);
	lua_pushinteger(L, t->source);
	return 2;
}

/* ---- skynet.response ---- */

/* The program lost it: the caller need not wait for ever. */
static int response_gc(lua_State *L)
{
	struct response *r = lua_touserdata(L, 1);

	if (r->host && r->session)
		service_send_error_text(service_handle(r->host->s), r->source, r->session,
					"the callee dropped the request");
	response_settle(r);
	return 0;
}

static bool still_deliverable(const struct response *r)
{
	struct service *s;

	if (!r->host || !r->session)
		return false;
	if (r->source >> 24 && r->source >> 24 != service_harbor())
		return true; /* another node's: not known here */
	s = service_grab(r->source);
	if (s)
		service_unref(s);
	return s != NULL;
}

/* r(true, ...), r(false[, why]), r("TEST"). Upvalues: the response; the pack function, nil for
 * seri. */
static int response_call(lua_State *L)
{
	struct response *r = lua_touserdata(L, lua_upvalueindex(1));
	struct host *h = host_of(L);
	struct msg *m;
	bool sent;

	if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "TEST") == 0) {
		lua_pushboolean(L, still_deliverable(r));
		return 1;
	}
	if (!r->host)
		return luaL_error(L, "Can't response more than once");
	if (!lua_toboolean(L, 1)) {
		const char *why = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2)
								: "error in callee";

		sent = still_deliverable(r);
		if (sent)
			service_send_error_text(service_handle(h->s), r->source, r->session, why);
		response_settle(r);
		lua_pushboolean(L, sent);
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
		m = api_take_message(L, 1);
	}
	/* Packing may have run Lua code, which may have settled it or heard that the requester is
	 * gone. */
	if (!r->host || !r->session) {
		msg_destroy(m);
		sent = false;
	} else {
		sent = answer_request(h, r->source, r->session, m);
	}
	response_settle(r);
	lua_pushboolean(L, sent);
	return 1;
}

static int response_nothing(lua_State *L)
{
	(void)L;
	return 0;
}

int api_handon(lua_State *L)
{
	struct response *r = NULL;

	if (lua_iscfunction(L, 1) && lua_getupvalue(L, 1, 1))
		r = luaL_testudata(L, -1, RESPONSE_META);
	if (!r || !r->host || !r->session)
		return 0;
	lua_pushinteger(L, r->source);
	lua_pushinteger(L, r->session);
	response_settle(r);
	return 2;
}

int api_response(lua_State *L)
{
	struct task *t = open_request(L);
	struct response *r;

	if (!t)
		return luaL_error(L, "no session");
	if (t->session == 0) {
		(void)settle(t);
		lua_pushcfunction(L, response_nothing);
		return 1;
	}
	lua_settop(L, 1);
	r = lua_newuserdatauv(L, sizeof(*r), 0);
	*r = (struct response){ .host = NULL };
	if (luaL_newmetatable(L, RESPONSE_META)) {
		lua_pushcfunction(L, response_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	if (lua_isnil(L, 1) || lua_tocfunction(L, 1) == api_pack)
		lua_pushnil(L);
	else
		lua_pushvalue(L, 1);
	lua_pushcclosure(L, response_call, 2);
	/* from here on nothing can raise */
	response_owe(r, t->host, t->source, settle(t));
	return 1;
}
