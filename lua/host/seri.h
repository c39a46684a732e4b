/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Serialisation of Lua values, byte for byte lua-core.md section 4.
 *
 * Threads: any, each with its own lua_State. Errors are Lua errors; nothing leaks on them.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Packs the values from stack index `from` to the top into a payload_alloc'ed buffer, which the caller owns.
 * No values: NULL and 0. The stack is left as it was. */
void *seri_pack(lua_State *L, int from, size_t *ret_size);
/* Pushes the values and gives their number. data is not freed. */
int seri_unpack(lua_State *L, const void *data, size_t size);
/* The same; foreign: the bytes come from another node, and a pointer in them is an error. */
int seri_read(lua_State *L, const void *data, size_t size, bool foreign);
/* Whether reading the stream would meet a pointer (in an invalid one: up to where it is). Any
 * thread. */
bool seri_has_pointer(const void *data, size_t size);
