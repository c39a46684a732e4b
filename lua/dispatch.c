/* SPDX-License-Identifier: MIT */
/* A message arrives at a Lua service: answers find their task, requests get one. */
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "lua/host.h"
#include "lua/seri.h"

struct proto *proto_find_id(struct host *h, int id)
{
	unsigned at = id >= 0 && id < PROTO_MAX ? h->proto_index[id] : 0;

	return at ? &h->protos[at - 1] : NULL;
}

struct proto *proto_add(struct host *h, int id)
{
	struct proto *p;

	h->protos = mem_realloc(h->protos, (h->proto_count + 1) * sizeof(*h->protos));
	p = &h->protos[h->proto_count++];
	h->proto_index[id] = (uint8_t)h->proto_count;
	*p = (struct proto){ .id = id,
			     .name_ref = LUA_NOREF,
			     .dispatch_ref = LUA_NOREF,
			     .pack_ref = LUA_NOREF,
			     .unpack_ref = LUA_NOREF };
	return p;
}

/* A protocol by name or number; raises for one that is not registered. */
struct proto *proto_check(lua_State *L, int arg)
{
	struct host *h = host_of(L);

	if (lua_type(L, arg) == LUA_TNUMBER) {
		struct proto *p = proto_find_id(h, (int)lua_tointeger(L, arg));

		if (p)
			return p;
	} else {
		const char *name = luaL_checkstring(L, arg);

		/* short strings are interned: mostly the first comparison decides */
		for (unsigned i = 0; i < h->proto_count; i++)
			if (h->protos[i].name == name)
				return &h->protos[i];
		for (unsigned i = 0; i < h->proto_count; i++)
			if (h->protos[i].name && strcmp(h->protos[i].name, name) == 0)
				return &h->protos[i];
	}
	luaL_error(L, "protocol %s is not registered", luaL_tolstring(L, arg, NULL));
	return NULL;
}

/* ---- requests ---- */

static int run_request_k(lua_State *co, int status, lua_KContext ctx)
{
	(void)co;
	(void)status;
	(void)ctx;
	return 0;
}

/* Runs in the task, so that errors of unpacking belong to the request. */
static int run_request(lua_State *co)
{
	struct task *t = task_of(co);
	struct msg *m = t->request;
	struct proto *p = t->proto;
	int n;

	/* 1 = dispatch, 2 = session, 3 = source */
	if (p->unpack_ref != LUA_NOREF) {
		lua_rawgeti(co, LUA_REGISTRYINDEX, p->unpack_ref);
		lua_pushlightuserdata(co, m->size ? msg_payload(m) : NULL);
		lua_pushinteger(co, (lua_Integer)m->size);
		lua_call(co, 2, LUA_MULTRET);
		n = lua_gettop(co) - 3;
	} else {
		n = seri_unpack(co, m->size ? msg_payload(m) : NULL, m->size);
	}
	lua_callk(co, 2 + n, 0, 0, run_request_k);
	return 0;
}

static void unknown_request(struct host *h, struct msg *m, struct proto *p)
{
	lua_State *L = h->L;

	if (m->session) {
		service_send_error_text(service_handle(h->s), m->source, m->session,
					"the callee does not handle this protocol");
		return;
	}
	if (h->unknown_request_ref != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->unknown_request_ref);
		lua_pushinteger(L, m->session);
		lua_pushinteger(L, m->source);
		lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
		lua_pushinteger(L, (lua_Integer)m->size);
		if (p)
			lua_pushstring(L, p->name);
		else
			lua_pushinteger(L, m->type);
		if (lua_pcall(L, 5, 0, 0) != LUA_OK) {
			log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "%s", lua_tostring(L, -1));
			lua_pop(L, 1);
		}
		return;
	}
	if (p && p->name)
		log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
			   "Unknown request (%s): %.*s\nUnknown session : 0 from %x", p->name,
			   (int)(m->size > 200 ? 200 : m->size), (const char *)msg_payload(m), m->source);
	else
		log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
			   "Unknown request (%d): %.*s\nUnknown session : 0 from %x", m->type,
			   (int)(m->size > 200 ? 200 : m->size), (const char *)msg_payload(m), m->source);
}

/* The debug protocol is Lua that most services never need: loaded with the first message of it. */
static struct proto *load_debug(struct host *h)
{
	lua_State *L = h->L;
	struct proto *p;

	lua_getglobal(L, "require");
	lua_pushliteral(L, "skynet.debug");
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "debug protocol: %s",
			   lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	p = proto_find_id(h, PTYPE_DEBUG);
	return p && p->dispatch_ref != LUA_NOREF ? p : NULL;
}

static void on_request(struct host *h, struct msg *m)
{
	struct proto *p = proto_find_id(h, m->type);
	struct task *t;
	lua_State *co;

	if (unlikely(m->type == PTYPE_DEBUG && p && p->dispatch_ref == LUA_NOREF))
		p = load_debug(h);
	if (unlikely(!p || p->dispatch_ref == LUA_NOREF)) {
		if (m->type == PTYPE_TRACE) {
			msg_destroy(m);
			return;
		}
		unknown_request(h, m, p);
		msg_destroy(m);
		return;
	}
	t = task_create(h);
	co = t->co;
	t->source = m->source;
	t->session = m->session;
	t->request_was_call = m->session != 0;
	t->request = m;
	t->proto = p;
	lua_pushcfunction(co, run_request);
	lua_rawgeti(co, LUA_REGISTRYINDEX, p->dispatch_ref);
	lua_pushinteger(co, m->session);
	lua_pushinteger(co, m->source);
	task_resume(t, 3);
}

/* ---- answers ---- */

static void unknown_response(struct host *h, struct msg *m)
{
	lua_State *L = h->L;

	/* A timer that could not be cancelled any more, or a late answer: nobody waits for it. */
	if (m->source == 0 || m->type == PTYPE_ERROR)
		return;
	if (h->unknown_response_ref != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->unknown_response_ref);
		lua_pushinteger(L, m->session);
		lua_pushinteger(L, m->source);
		lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
		lua_pushinteger(L, (lua_Integer)m->size);
		if (lua_pcall(L, 4, 0, 0) != LUA_OK) {
			log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "%s", lua_tostring(L, -1));
			lua_pop(L, 1);
		}
		return;
	}
	log_printf(LOG_LEVEL_DEBUG, service_handle(h->s), "late answer to session %d from :%08x dropped",
		   m->session, m->source);
}

static void start_timeout(struct host *h, int32_t session)
{
	struct task *t = task_create(h);

	/* Moves the function out of the timeouts table. */
	lua_rawgeti(h->L, LUA_REGISTRYINDEX, h->timeouts_ref);
	lua_rawgeti(h->L, -1, session);
	lua_xmove(h->L, t->co, 1);
	lua_pushnil(h->L);
	lua_rawseti(h->L, -2, session);
	lua_pop(h->L, 1);
	task_resume(t, 0);
}

static void on_response(struct host *h, struct msg *m)
{
	struct wait *w = wait_find(h, m->session);
	struct task *t;

	if (unlikely(!w)) {
		unknown_response(h, m);
		msg_destroy(m);
		return;
	}
	t = w->task;
	switch ((enum wait_kind)w->kind) {
	case WAIT_TIMEOUT:
		wait_remove(h, w);
		start_timeout(h, m->session);
		break;
	case WAIT_DEADLINE: {
		struct wait *call = wait_find(h, w->session2);

		w->timer = NULL;
		if (call)
			wait_fail(call, "timeout", 7);
		break;
	}
	case WAIT_SLEEP:
		w->timer = NULL;
		wait_abandon(t);
		task_resume(t, 0);
		break;
	default:
		wait_remove(h, w);
		t->wait_session = 0;
		if (unlikely(t->deadline_session))
			wait_abandon(t);
		t->wait = WAIT_NONE;
		t->held = m;
		task_resume(t, 0);
		return; /* the task owns m */
	}
	msg_destroy(m);
}

static void on_error_message(struct host *h, struct msg *m)
{
	if (m->session) {
		struct wait *w = wait_find(h, m->session);

		if (w && w->task && w->kind != WAIT_SLEEP)
			wait_fail(w, msg_payload(m), m->size);
	} else {
		/* Its source is down: all calls to it fail, all answers to it are forgotten. */
		for (unsigned i = 0; i < h->waits_size; i++) {
			struct wait *w = &h->waits[i];

			if (w->session && w->kind <= WAIT_RAWCALL && w->kind != WAIT_NONE &&
			    w->dest == m->source && m->source) {
				wait_fail(w, m->size ? msg_payload(m) : "the callee is gone",
					  m->size ? m->size : 18);
				i = (unsigned)-1; /* the table has changed: from the start */
			}
		}
		for (struct response *r = h->responses; r; r = r->next)
			if (r->source == m->source)
				r->session = 0;
	}
	msg_destroy(m);
}

static void raw_callback(struct host *h, struct msg *m)
{
	lua_State *L = h->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, h->raw_callback_ref);
	lua_pushinteger(L, m->type);
	lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
	lua_pushinteger(L, (lua_Integer)m->size);
	lua_pushinteger(L, m->session);
	lua_pushinteger(L, m->source);
	if (lua_pcall(L, 5, 0, 0) != LUA_OK) {
		log_printf(LOG_LEVEL_ERROR, service_handle(h->s),
			   "lua call [%x to :%x : %d msgsz = %d] error : \x1b[31m%s\x1b[0m", m->source,
			   service_handle(h->s), m->session, (int)m->size, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	if (!h->raw_forward || m->size == 0)
		msg_destroy(m);
}

void host_message(struct service *s, void *ud, struct msg *m)
{
	struct host *h = ud;

	(void)s;
	if (unlikely(h->raw_callback_ref != LUA_NOREF))
		raw_callback(h, m);
	else if (m->type == PTYPE_RESPONSE)
		on_response(h, m);
	else if (unlikely(m->type == PTYPE_ERROR))
		on_error_message(h, m);
	else
		on_request(h, m);
	if (h->wakeups.count || h->forks.count)
		task_run_pending(h);
}
