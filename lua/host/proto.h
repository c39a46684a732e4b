/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The protocols of a service: message types with a name, and the functions that pack, unpack and
 * dispatch them.
 *
 * Threads:   the worker that runs the service.
 * Ownership: a struct proto is the host's, stays where it is, and is never removed.
 */
#include "lua/host/host.h"

static inline struct proto *proto_at(struct host *h, unsigned i)
{
	return i < PROTO_BUILTIN ? &h->builtin[i] : h->protos[i - PROTO_BUILTIN];
}

/* Both return NULL for one that is not registered. */
static inline struct proto *proto_find_id(struct host *h, int id)
{
	/* four to eight of them, "lua" first: quicker than any table */
	for (unsigned i = 0; i < h->proto_count; i++)
		if (proto_at(h, i)->id == id)
			return proto_at(h, i);
	return NULL;
}

struct proto *proto_find_name(struct host *h, const char *name);
/* By name or number at arg; raises for one that is not registered. */
struct proto *proto_check(lua_State *L, int arg);
/* Adds one without functions; id is not in use. */
struct proto *proto_add(struct host *h, int id);
/* Pushes what the unpack function of p, which is not the serialiser, makes of the payload. Raises
 * if there is none. */
void proto_unpack(lua_State *L, const struct proto *p, struct msg *m);
/* The state is closed. */
void proto_release_all(struct host *h);
