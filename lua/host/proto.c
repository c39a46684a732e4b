/* SPDX-License-Identifier: MIT */
/* Protocols of a service: see proto.h. */
#include "lua/host/proto.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/nearest.h"

struct proto *proto_find_name(struct host *h, const char *name)
{
	/* short strings are interned: mostly a comparison of pointers decides */
	for (unsigned i = 0; i < h->proto_count; i++)
		if (proto_at(h, i)->name == name)
			return proto_at(h, i);
	for (unsigned i = 0; i < h->proto_count; i++)
		if (strcmp(proto_at(h, i)->name, name) == 0)
			return proto_at(h, i);
	return NULL;
}

struct proto *proto_add(struct host *h, int id)
{
	unsigned n = h->proto_count;

	must(id >= 0 && id <= UINT8_MAX && !proto_find_id(h, id));
	if (n >= PROTO_BUILTIN) {
		h->protos = mem_realloc(h->protos, (n - PROTO_BUILTIN + 1) * sizeof(*h->protos));
		h->protos[n - PROTO_BUILTIN] = mem_alloc(sizeof(struct proto));
	}
	h->proto_count++;
	*proto_at(h, n) = (struct proto){ .id = (uint8_t)id,
					  .name = "",
					  .name_ref = LUA_NOREF,
					  .dispatch_ref = LUA_NOREF,
					  .pack_ref = LUA_NOREF,
					  .unpack_ref = LUA_NOREF };
	return proto_at(h, n);
}

static noinline void refuse_unknown(lua_State *L, int arg)
{
	struct host *h = host_of(L);
	const char *name = luaL_tolstring(L, arg, NULL), *best = NULL;
	struct nearest n = nearest_begin(name);

	for (unsigned i = 0; i < h->proto_count; i++)
		if (nearest_is_better(&n, proto_at(h, i)->name))
			best = proto_at(h, i)->name;
	if (best)
		luaL_error(L, "protocol %s is not registered; did you mean %s?", name, best);
	luaL_error(L, "protocol %s is not registered in this service (skynet.register_protocol)",
		   name);
}

struct proto *proto_check(lua_State *L, int arg)
{
	struct host *h = host_of(L);
	struct proto *p;

	if (lua_type(L, arg) == LUA_TNUMBER)
		p = proto_find_id(h, (int)lua_tointeger(L, arg));
	else
		p = proto_find_name(h, luaL_checkstring(L, arg));
	if (unlikely(!p))
		refuse_unknown(L, arg);
	return p;
}

void proto_unpack(lua_State *L, const struct proto *p, struct msg *m)
{
	must(!p->seri);
	if (p->unpack_ref == LUA_NOREF)
		luaL_error(L, "protocol %s has no unpack function", p->name);
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->unpack_ref);
	lua_pushlightuserdata(L, m->size ? msg_payload(m) : NULL);
	lua_pushinteger(L, (lua_Integer)m->size);
	lua_call(L, 2, LUA_MULTRET);
}

void proto_release_all(struct host *h)
{
	for (unsigned i = PROTO_BUILTIN; i < h->proto_count; i++)
		mem_free(h->protos[i - PROTO_BUILTIN]);
	mem_free(h->protos);
	h->protos = NULL;
	h->proto_count = 0;
}
