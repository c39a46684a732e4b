/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Documents become tables. Threads: that of the service. Errors are raised.
 */
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/bson/bson_wire.h"

#define BSON_META "bson" /* the metatable of documents, in the registry */

/* Pushes the document of n bytes at p as a table. */
void bson_push_table(lua_State *L, const uint8_t *p, size_t n);
/* The bytes of the document at arg, a userdata of ours or a pointer; NULL: it is neither. A pointer
 * is believed as to where it points and how much is there, and only that. */
const uint8_t *bson_document_at(lua_State *L, int arg, size_t *ret_size);
/* Raises what is wrong with a document. */
_Noreturn void bson_broken(lua_State *L, const struct bson_walk *w);
