/* SPDX-License-Identifier: MIT */
/*
 * skynet.cluster.core: what clustersender and clusteragent need of the wire (clusterwire.h).
 * Programs use skynet.cluster.
 *
 * Payloads are strings here: whatever goes wrong between two calls, the collector frees them.
 */
#include "lua/modules/cluster/cluster.h"

#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

#include "core/actor/msg.h"
#include "lua/api/api_message.h"
#include "lua/host/seri.h"
#include "lua/modules/cluster/sends.h"
#include "net/info.h"
#include "lua/modules/cluster/clusterwire.h"

#define INBOX "harbord.clusterinbox"

/* Makes a string of the (pointer, size) at arg, which is taken; a string stays as it is. */
static void check_payload(lua_State *L, int arg)
{
	void *p;

	if (lua_type(L, arg) != LUA_TLIGHTUSERDATA) {
		if (lua_isnoneornil(L, arg)) {
			lua_settop(L, arg - 1);
			lua_pushliteral(L, "");
		} else {
			luaL_checkstring(L, arg);
		}
		return;
	}
	p = lua_touserdata(L, arg);
	lua_pushlstring(L, p ? p : "", p ? (size_t)luaL_checkinteger(L, arg + 1) : 0);
	payload_free(p);
	lua_replace(L, arg);
}

/* ---- sending ---- */

static void push_frame(lua_State *L, const uint8_t *head, size_t head_size, const char *data,
		       size_t size)
{
	luaL_Buffer b;
	char *p = luaL_buffinitsize(L, &b, head_size + size);

	memcpy(p, head, head_size);
	if (size)
		memcpy(p + head_size, data, size);
	luaL_pushresultsize(&b, head_size + size);
}

static void push_request(lua_State *L, struct cluster_request *r)
{
	uint8_t head[CLUSTER_HEAD_MAX];

	push_frame(L, head, clusterwire_write_request(head, r), r->data, r->size);
}

static void check_address(lua_State *L, int arg, struct cluster_request *ret)
{
	if (lua_type(L, arg) == LUA_TNUMBER) {
		ret->addr = api_check_handle(L, arg);
		return;
	}
	if (lua_type(L, arg) != LUA_TSTRING)
		luaL_error(L, "dest address type (%s) must be a string or number.",
			   luaL_typename(L, arg));
	ret->name = lua_tolstring(L, arg, &ret->name_size);
	if (!ret->name_size)
		luaL_error(L, "name is empty (1 to %d bytes are allowed)", CLUSTER_NAME_MAX);
	if (ret->name_size > CLUSTER_NAME_MAX) {
		/* as much as shows which one it is */
		lua_pushlstring(L, ret->name, CLUSTER_NAME_MAX + 1);
		luaL_error(L, "name is too long %s", lua_tostring(L, -1));
	}
}

static int pack_request(lua_State *L, bool push)
{
	struct cluster_request r = { .kind = CLUSTER_SINGLE, .push = push }, part;
	lua_Integer session = luaL_checkinteger(L, 2);
	const char *payload;
	size_t n, at = 0;

	luaL_argcheck(L, session >= 1 && session <= CLUSTER_SESSION_MAX, 2,
		      "Invalid request session");
	check_payload(L, 3);
	lua_settop(L, 3);
	payload = lua_tolstring(L, 3, &n);
	check_address(L, 1, &r);
	if (n < CLUSTER_PART) {
		r.session = push ? 0 : (uint32_t)session;
		r.data = payload;
		r.size = n;
		push_request(L, &r);
		lua_pushinteger(L, push ? session : clusterwire_next_session((uint32_t)session));
		return 2;
	}
	if (n > CLUSTER_HELD)
		return luaL_error(L, "request too large (%I bytes)", (lua_Integer)n);
	r.kind = CLUSTER_HEAD;
	r.session = (uint32_t)session;
	r.total = (uint32_t)n;
	push_request(L, &r);
	lua_pushinteger(L, clusterwire_next_session((uint32_t)session));
	lua_createtable(L, (int)((n + CLUSTER_PART - 1) / CLUSTER_PART), 0);
	for (lua_Integer i = 1; at < n; i++) {
		part = (struct cluster_request){ .kind = CLUSTER_MORE,
						 .session = (uint32_t)session };
		part.data = payload + at;
		part.size = n - at < CLUSTER_PART ? n - at : CLUSTER_PART;
		at += part.size;
		if (at == n)
			part.kind = CLUSTER_LAST;
		push_request(L, &part);
		lua_rawseti(L, -2, i);
	}
	return 3;
}

/* packrequest(address, session, payload[, size]) -> frame, the next session[, array of further
 * frames] */
static int l_packrequest(lua_State *L)
{
	return pack_request(L, false);
}

/* packpush: the same; a single frame uses no session up. */
static int l_packpush(lua_State *L)
{
	return pack_request(L, true);
}

/* packtrace(tag) -> frame */
static int l_packtrace(lua_State *L)
{
	struct cluster_request r = { .kind = CLUSTER_TRACE };

	r.data = luaL_checklstring(L, 1, &r.size);
	luaL_argcheck(L, r.size <= CLUSTER_PART, 1, "trace tag is too long");
	push_request(L, &r);
	return 1;
}

static void push_response(lua_State *L, const struct cluster_response *r)
{
	uint8_t head[CLUSTER_HEAD_MAX];

	push_frame(L, head, clusterwire_write_response(head, r), r->data, r->size);
}

/* packresponse(session, ok, payload[, size]) -> frame or array of frames. The payload stays the
 * caller's; without ok it is a text. */
static int l_packresponse(lua_State *L)
{
	struct cluster_response r = { .session = (uint32_t)luaL_checkinteger(L, 1) };
	bool ok = lua_toboolean(L, 2);
	const char *payload = "";
	size_t n = 0, at = 0;

	if (lua_type(L, 3) == LUA_TLIGHTUSERDATA) {
		payload = lua_touserdata(L, 3);
		n = payload ? (size_t)luaL_checkinteger(L, 4) : 0;
	} else if (!lua_isnoneornil(L, 3)) {
		payload = luaL_checklstring(L, 3, &n);
	}
	if (!ok || n <= CLUSTER_PART) {
		r.type = ok ? ANSWER_OK : ANSWER_ERROR;
		r.data = payload;
		r.size = n < CLUSTER_PART ? n : CLUSTER_PART;
		push_response(L, &r);
		return 1;
	}
	if (n > UINT32_MAX)
		return luaL_error(L, "answer too large (%I bytes)", (lua_Integer)n);
	r.type = ANSWER_BEGIN;
	r.total = (uint32_t)n;
	lua_createtable(L, (int)((n + CLUSTER_PART - 1) / CLUSTER_PART) + 1, 0);
	push_response(L, &r);
	lua_rawseti(L, -2, 1);
	for (lua_Integer i = 2; at < n; i++) {
		r.data = payload + at;
		r.size = n - at < CLUSTER_PART ? n - at : CLUSTER_PART;
		at += r.size;
		r.type = at == n ? ANSWER_LAST : ANSWER_MORE;
		push_response(L, &r);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

/* ---- receiving ---- */

/* unpackresponse(body) -> session, "error" | "ok" | "begin" | "more" | "last", data (begin: the
 * total); or nil, why */
static int l_unpackresponse(lua_State *L)
{
	static const char *const types[] = { "error", "ok", "begin", "more", "last" };
	struct cluster_response r;
	const char *why;
	size_t n;
	const char *body = luaL_checklstring(L, 1, &n);

	why = clusterwire_parse_response(body, n, &r);
	if (why) {
		lua_pushnil(L);
		lua_pushstring(L, why);
		return 2;
	}
	lua_pushinteger(L, r.session);
	lua_pushstring(L, types[r.type]);
	if (r.type == ANSWER_BEGIN)
		lua_pushinteger(L, r.total);
	else
		lua_pushlstring(L, r.data, r.size);
	return 3;
}

static int push_refused(lua_State *L, uint32_t session, bool push, const char *why)
{
	lua_pushliteral(L, "refused");
	lua_pushinteger(L, session);
	lua_pushboolean(L, push);
	lua_pushstring(L, why);
	return 4;
}

static const char POINTER[] = "a pointer (light userdata) in what another node sent";

/* haspointer(bytes): whether unpacking them would make a pointer. */
static int l_haspointer(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);

	lua_pushboolean(L, seri_has_pointer(s, n));
	return 1;
}

static int push_message(lua_State *L, const char *name, size_t name_size, uint32_t addr,
			uint32_t session, bool push)
{
	lua_pushliteral(L, "request");
	if (name_size)
		lua_pushlstring(L, name, name_size);
	else
		lua_pushinteger(L, addr);
	lua_pushinteger(L, session);
	lua_pushboolean(L, push);
	return 4;
}

/* inbox:feed(body, size), or (string) -> nothing: a part was kept       "trace", tag
 * "request", address, session, push, payload "refused", session, push, why: it is not delivered;
 * a message in parts came to its end and is lost, or one holds a pointer, which in this process
 * would be anything "invalid", why: this is not our wire */
static int l_feed(lua_State *L)
{
	struct cluster_inbox *in = luaL_checkudata(L, 1, INBOX);
	struct cluster_request r;
	struct cluster_half *h;
	const char *body, *why;
	size_t n;

	if (lua_type(L, 2) == LUA_TSTRING) {
		body = lua_tolstring(L, 2, &n);
	} else {
		body = lua_touserdata(L, 2);
		n = body ? (size_t)luaL_checkinteger(L, 3) : 0;
	}
	why = clusterwire_parse_request(body, n, &r);
	if (why) {
		lua_pushliteral(L, "invalid");
		lua_pushstring(L, why);
		return 2;
	}
	switch (r.kind) {
	case CLUSTER_TRACE:
		lua_pushliteral(L, "trace");
		lua_pushlstring(L, r.data, r.size);
		return 2;
	case CLUSTER_SINGLE:
		if (seri_has_pointer(r.data, r.size))
			return push_refused(L, r.session, r.push, POINTER);
		(void)push_message(L, r.name, r.name_size, r.addr, r.session, r.push);
		lua_pushlstring(L, r.data, r.size);
		return 5;
	default:
		break;
	}
	switch (clusterwire_gather(in, &r, &h)) {
	case INBOX_MESSAGE:
		if (seri_has_pointer(h->data, h->got)) {
			(void)push_refused(L, h->session, h->push, POINTER);
			clusterwire_release(in, h);
			return 4;
		}
		(void)push_message(L, h->name, h->name_size, h->addr, h->session, h->push);
		lua_pushlstring(L, h->data ? h->data : "", h->got);
		clusterwire_release(in, h);
		return 5;
	case INBOX_REFUSED:
		return push_refused(L, r.session, false, "Invalid large req");
	default:
		return 0;
	}
}

static int l_inbox_gc(lua_State *L)
{
	clusterwire_fini(luaL_checkudata(L, 1, INBOX));
	return 0;
}

/* inbox([bytes]) -> for one connection; it holds so many bytes of messages that are not complete,
 * and no message is larger. */
static int l_inbox(lua_State *L)
{
	lua_Integer max = luaL_optinteger(L, 1, CLUSTER_HELD);
	struct cluster_inbox *in = lua_newuserdatauv(L, sizeof(*in), 0);

	luaL_argcheck(L, max > 0, 1, "must be positive");
	*in = (struct cluster_inbox){ .max = (lua_Unsigned)max < CLUSTER_HELD ? (size_t)max
									      : CLUSTER_HELD };
	if (luaL_newmetatable(L, INBOX)) {
		lua_pushcfunction(L, l_inbox_gc);
		lua_setfield(L, -2, "__gc");
		lua_createtable(L, 0, 1);
		lua_pushcfunction(L, l_feed);
		lua_setfield(L, -2, "feed");
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return 1;
}

/* nodename() -> host name and process id: who we are in trace tags */
static int l_nodename(lua_State *L)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	lua_pushfstring(L, "%s%d", host, (int)getpid());
	return 1;
}

/* count(node, dropped, lost): sends to the node that were dropped, and those that may not have
 * arrived. */
static int l_count(lua_State *L)
{
	lua_Integer dropped = luaL_checkinteger(L, 2), lost = luaL_checkinteger(L, 3);

	luaL_argcheck(L, dropped >= 0, 2, "must not be negative");
	luaL_argcheck(L, lost >= 0, 3, "must not be negative");
	sends_count(luaL_checkstring(L, 1), (uint64_t)dropped, (uint64_t)lost);
	return 0;
}

/* unsure(id) -> bytes that were written to the socket and that the other end's system has not
 * acknowledged; 0: no such socket */
static int l_unsure(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)net_unacknowledged((int)luaL_checkinteger(L, 1)));
	return 1;
}

int luaopen_skynet_cluster_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "packrequest", l_packrequest },
		{ "packpush", l_packpush },
		{ "packtrace", l_packtrace },
		{ "packresponse", l_packresponse },
		{ "unpackresponse", l_unpackresponse },
		{ "inbox", l_inbox },
		{ "nodename", l_nodename },
		{ "haspointer", l_haspointer },
		{ "count", l_count },
		{ "unsure", l_unsure },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	lua_pushinteger(L, CLUSTER_HELD);
	lua_setfield(L, -2, "max");
	lua_pushstring(L, POINTER);
	lua_setfield(L, -2, "pointer");
	return 1;
}
