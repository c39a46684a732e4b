/* SPDX-License-Identifier: MIT */
/* Bytes of sockets on their way through a service: see block.h. */
#include "lua/host/block.h"

#include "core/base/must.h"

#include "net/net.h"
#include "net/request.h"

static lua_CFunction unpack;			       /* set by block_set_unpack, then constant */
static bool (*deliver)(struct host *h, struct msg *m); /* set by block_set_deliver, then constant */

void block_set_unpack(lua_CFunction f)
{
	must(f && !unpack);
	unpack = f;
}

void block_set_deliver(bool (*f)(struct host *h, struct msg *m))
{
	deliver = f;
}

bool block_deliver(struct host *h, struct msg *m)
{
	return deliver && deliver(h, m);
}

void block_hold(lua_State *L, void *block)
{
	host_of(L)->block = block;
}

void block_lose(struct msg *m)
{
	struct socket_message *sm = msg_payload(m);

	if (m->type != PTYPE_SOCKET || m->size < sizeof(*sm))
		return;
	if (sm->type == SOCKET_DATA)
		net_shutdown(sm->id);
	else if (sm->type == SOCKET_ACCEPT)
		net_shutdown(sm->ud);
	else if (sm->type == SOCKET_UDP)
		sm->id = 0; /* datagrams may be lost: nobody shall close the socket for this one */
}

/* Whether the protocol's messages are unpacked by ours, which says what became of the block. In any
 * state of the service. */
static bool is_ours(lua_State *L, const struct proto *p)
{
	bool ours;

	if (p->unpack_ref == LUA_NOREF)
		return false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->unpack_ref);
	ours = unpack && lua_tocfunction(L, -1) == unpack;
	lua_pop(L, 1);
	return ours;
}

bool block_is_ours(const struct task *t)
{
	return is_ours(t->host->L, t->request_proto);
}

void block_free(struct task *t)
{
	struct socket_message *sm = msg_payload(t->request);
	struct host *h = t->host;

	must_slow(host_is_here(h));
	if (t->request->type != PTYPE_SOCKET || t->request->size < sizeof(*sm) || !block_is_ours(t))
		return;
	payload_free(sm->buffer); /* not unpacked */
	sm->buffer = NULL;
	payload_free(h->block); /* unpacked and not taken */
	h->block = NULL;
}
