/* SPDX-License-Identifier: MIT */
/* skynet.multicast.core: one payload to many receivers of this node.
 *
 * A small payload is copied into each message. A large one is shared: each message carries a
 * pointer to it and the flag MSG_SHARED, and owns one reference. The reference ends where the
 * receiver unpacks, or where the message is freed unread (the receiver was killed), so nothing is
 * left behind. The flag is set here only: bytes that came from elsewhere with the same protocol
 * type are never taken for a pointer.
 */
#include "lua/modules/cluster/multicast.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/actor/service.h"

#define COPY_MAX 256u /* up to here a copy is cheaper than counting */

struct shared {
	atomic_uint refs; /* released with release, acquired by who frees */
	size_t size;
	void *payload; /* made by payload_alloc */
};

static void shared_release(struct shared *s, unsigned n)
{
	if (!n || atomic_fetch_sub_explicit(&s->refs, n, memory_order_acq_rel) != n)
		return;
	payload_free(s->payload);
	mem_free(s);
}

/* NULL: the message holds its payload itself. */
static struct shared *shared_of(const struct msg *m)
{
	struct shared *s;

	if (!(m->flags & MSG_SHARED))
		return NULL;
	memcpy(&s, msg_payload(m), sizeof(s));
	return s;
}

static void on_drop(const struct msg *m)
{
	struct shared *s = shared_of(m);

	if (s)
		shared_release(s, 1);
}

const void *multicast_payload(const struct msg *m, size_t *ret_size)
{
	const struct shared *s = shared_of(m);

	*ret_size = s ? s->size : m->size;
	return s ? s->payload : msg_payload(m);
}

void multicast_init(void)
{
	msg_add_on_drop(on_drop);
}

/* ---- sending ---- */

/* The payload at arg, a string or (pointer, size), which is taken; its owner from now on is the
 * result. */
static struct shared *take_payload(lua_State *L, int arg)
{
	struct shared *s;
	void *p = NULL;
	size_t n = 0;

	if (lua_type(L, arg) == LUA_TSTRING) {
		const char *text = lua_tolstring(L, arg, &n);

		p = payload_alloc(n);
		memcpy(p, text, n);
	} else if (!lua_isnoneornil(L, arg)) {
		luaL_checktype(L, arg, LUA_TLIGHTUSERDATA);
		n = (size_t)luaL_checkinteger(L, arg + 1);
		p = lua_touserdata(L, arg);
		if (!p)
			n = 0;
	}
	s = mem_alloc(sizeof(*s));
	s->size = n;
	s->payload = p;
	return s;
}

/* Whether the handle lives; then the message held one of the references, also one that a full
 * mailbox has refused. */
static bool send_one(const struct shared *s, uint32_t handle, uint32_t source, int32_t channel)
{
	bool copied = s->size <= COPY_MAX;
	struct msg *m = copied ? msg_create_copy(s->payload, s->size)
			       : msg_create_copy(&s, sizeof(s));
	int r;

	m->dest = handle;
	m->source = source;
	m->session = channel;
	m->type = PTYPE_MULTICAST;
	m->flags = (copied ? 0 : MSG_SHARED) | (source >> 24 == service_harbor() ? 0 : MSG_FOREIGN);
	r = service_send(m);
	return r == SEND_OK || r == SEND_REFUSED;
}

/* push(list, source, channel, message[, size]): to every handle of the list. Those of nobody become
 * false in it; returns how many. */
static int push(lua_State *L)
{
	uint32_t source = (uint32_t)luaL_checkinteger(L, 2);
	int32_t channel = (int32_t)luaL_checkinteger(L, 3);
	lua_Integer dead = 0;
	struct shared *s;
	unsigned n, unsent;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = (unsigned)lua_rawlen(L, 1);
	luaL_checkstack(L, 2, NULL);
	s = take_payload(L, 4);
	atomic_init(&s->refs, n + 1);
	unsent = n + 1;
	for (unsigned i = 1; i <= n; i++) {
		uint32_t handle;

		lua_rawgeti(L, 1, i);
		handle = (uint32_t)lua_tointeger(L, -1);
		lua_pop(L, 1);
		/* the pointer means nothing on another node */
		if (handle && handle >> 24 == service_harbor() &&
		    send_one(s, handle, source, channel)) {
			unsent -= s->size > COPY_MAX;
			continue;
		}
		lua_pushboolean(L, 0);
		lua_rawseti(L, 1, i); /* replaces: allocates nothing */
		dead++;
	}
	shared_release(s, unsent);
	lua_pushinteger(L, dead);
	return 1;
}

/* sweep(list): the same for a list that nothing is sent to. */
static int sweep(lua_State *L)
{
	lua_Integer dead = 0;

	luaL_checktype(L, 1, LUA_TTABLE);
	for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, 1); i <= n; i++) {
		struct service *s;

		lua_rawgeti(L, 1, i);
		s = service_grab((uint32_t)lua_tointeger(L, -1));
		lua_pop(L, 1);
		if (s) {
			service_unref(s);
			continue;
		}
		lua_pushboolean(L, 0);
		lua_rawseti(L, 1, i);
		dead++;
	}
	lua_pushinteger(L, dead);
	return 1;
}

/* ---- receiving ---- */

/* unpack(f, message, size): f(message, size) of what was published. `message` is that of the
 * running dispatch, once. f nil: only lets go. */
static int unpack(lua_State *L)
{
	void *p = lua_touserdata(L, 2);
	struct msg *m = p ? msg_of(p) : NULL;
	struct shared *s = m ? shared_of(m) : NULL;
	int status;

	lua_settop(L, 3);
	if (s) {
		m->flags &= (uint8_t)~MSG_SHARED;
		lua_pushlightuserdata(L, s->payload);
		lua_replace(L, 2);
		lua_pushinteger(L, (lua_Integer)s->size);
		lua_replace(L, 3);
	}
	if (lua_isnil(L, 1)) {
		if (s)
			shared_release(s, 1);
		return 0;
	}
	status = lua_pcall(L, 2, LUA_MULTRET, 0);
	if (s)
		shared_release(s, 1);
	return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

int luaopen_skynet_multicast_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "push", push }, { "sweep", sweep }, { "unpack", unpack }, { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}
