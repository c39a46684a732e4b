/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the files of lua/vm share. They are compiled with the headers of the patched Lua, as a part
 * of it.
 */
#include <stdatomic.h>

#include "lprefix.h"

#include "lua.h"

#include "lgc.h"
#include "lobject.h"
#include "lstate.h"
#include "lstring.h"
#include "ltable.h"
#include "ltm.h"

#include "lua/vm/share.h"

/* Every shared object: neither white nor black, old, in no list (README, invariant 1). */
#define SHARED_MARK G_SHARED

/* One block of memory, this in front. The unused `next` of every object in it points here; that of
 * a string of the pool is NULL. */
struct share_root {
	size_t size;
	GCObject *top; /* a Proto or a Table */
	unsigned tables;
	void (*end)(void *data);
	void *end_data;
	atomic_bool old;  /* relaxed: a hint */
	atomic_uint refs; /* taken relaxed, given back acq_rel: see share_unref */
};

#define root_of(o) ((struct share_root *)(o)->next)

/* ---- map.c: address -> address ---- */

struct ptrmap {
	struct pair {
		const void *key;
		void *value;
	} * pairs;
	size_t size, used; /* size: 0 or a power of two */
};

/* The place of the value, NULL if the key is not there. */
void **ptrmap_find(const struct ptrmap *m, const void *key);
/* The place of the value, made if it is not there, then the value is NULL. NULL: no memory. */
void **ptrmap_add(struct ptrmap *m, const void *key);
void ptrmap_free(struct ptrmap *m);

/* ---- pool.c ---- */

/* The pool's string with the content of this short one, which is added; NULL: the pool is full. */
TString *pool_intern(const TString *s);
void pool_stats(struct share_stats *ret);

/* ---- copy.c: what code and tables have in common ---- */

/* Two passes over the same tree with the same calls: the first one counts (block: NULL), the second
 * one fills. */
struct copier {
	lua_State *L;
	Node *dummy; /* the node of tables without pairs, which ltable.c keeps to itself */
	char *block;
	size_t used;
	unsigned tables;
	bool failed;	      /* no memory for the map */
	struct ptrmap copies; /* of strings, prototypes, tables and closures -> copies, or what is
	                         not NULL */
};

/* Room in the block, or NULL while counting. */
void *copier_take(struct copier *c, size_t n);
/* A copy of bytes; NULL while counting or for none. */
void *copier_bytes(struct copier *c, const void *from, size_t n);
/* The copy of a string (NULL for NULL). to_pool: a short one goes to the pool. */
TString *copier_string(struct copier *c, const TString *s, bool to_pool);
Proto *copier_proto(struct copier *c, const Proto *p);
/* The head that every object has. */
void copier_head(struct copier *c, void *object, int tt);
/* Runs both passes of `copy`; NULL: no memory. */
struct share_root *copier_run(lua_State *L, Node *dummy,
			      GCObject *(*copy)(struct copier *c, const void *from),
			      const void *from);
