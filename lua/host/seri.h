/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Serialisation of Lua values. Every node of a cluster, and programs that keep the bytes, read this
 * format, so it does not change.
 *
 * Values follow each other without a header or a count. Each begins with a byte, its type in the
 * low three bits and a number above them; numbers are little-endian.
 *
 *   00              nil                        01, 09     false, true
 *   02              0                          0A u8      an integer of 1 .. 255
 *   12 u16          one of 256 .. 65535        22 i32     one that needs it, or < 0
 *   32 i64          every other integer        42 f64     a float, whatever its value
 *   03 pointer      a light userdata, which means something in this process only
 *   04 + (n << 3)   a string of n < 32 bytes, which follow
 *   15 u16          a longer one, its size in front; 25 u32: one of 65536 bytes and more
 *   06 + (n << 3)   a table: n < 31 values of its list, the other pairs as key and value, nil
 *   FE integer      the same with n >= 31
 *
 * The list of a table is what # says, and nil may be in it. A table with the metamethod __pairs has
 * no list, and its pairs are what that returns. At most 32 tables may lie in each other.
 *
 * Threads: any, each with its own lua_State. Errors are Lua errors; nothing leaks on them.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Packs the values from stack index `from` to the top into a payload_alloc'ed buffer, which the
 * caller owns. No values: NULL and 0. The stack is left as it was. */
void *seri_pack(lua_State *L, int from, size_t *ret_size);
/* Pushes the values and returns their number. data is not freed. */
int seri_unpack(lua_State *L, const void *data, size_t size);
/* The same; foreign: the bytes come from another node, and a pointer in them is an error. */
int seri_read(lua_State *L, const void *data, size_t size, bool foreign);
/* Returns the first value if that is a string of less than 32 bytes, and its size; else NULL. It
 * lies in data. Any thread. */
const char *seri_first_text(const void *data, size_t size, size_t *ret_size);
/* Whether reading the stream would meet a pointer (in an invalid one: up to where it is). Any
 * thread. */
bool seri_has_pointer(const void *data, size_t size);
