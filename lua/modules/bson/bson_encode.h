/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Tables become documents. Threads: that of the service. Errors are raised.
 */
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#define BSON_LOCAL 1024u

/* Bytes that grow: first in the struct itself, then in a userdata at the index `slot`. */
struct bson_out {
	lua_State *L;
	int slot;
	uint8_t *p;
	size_t used, room;
	uint8_t local[BSON_LOCAL];
};

/* Begins with nothing written, and pushes what it needs on the stack. */
void bson_out_open(lua_State *L, struct bson_out *o);
/* Room for n bytes more, which count as written. It stays where it is until the next call. */
uint8_t *bson_out_add(struct bson_out *o, size_t n);

/* Writes the table at idx as a document. This may run metamethods. */
void bson_put_table(struct bson_out *o, int idx);
/* Writes the keys and values from first to last as a document, in their order. */
void bson_put_pairs(struct bson_out *o, int first, int last);
