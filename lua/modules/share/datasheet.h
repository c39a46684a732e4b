/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The compiled form of skynet.datasheet, little-endian:
 *
 *   u32 where the strings begin; u32 n; n x u32 where the tables begin, counted from the end of
 *   this index (0xffffffff: absent); the tables; the strings, each with a NUL.
 *   Table: u32 array count, u32 dict count, a type byte for each array and dict value padded to
 *   4, the array values (4 bytes each), the dict pairs (u32 key: offset among the strings; 4-byte
 *   value).
 *
 * Table 0 is the root. Threads: any; nothing is kept.
 */
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

enum sheet_type { SHEET_NIL, SHEET_INT32, SHEET_FLOAT32, SHEET_BOOL, SHEET_TABLE, SHEET_STRING };

/* NULL: well-formed; else what is wrong. Everything below needs a well-formed one. */
const char *sheet_check(const void *data, size_t size);
/* Puts the values of table `id` into the table at index; a value that is a table: the function at
 * `sub` is called with key and id and returns it. */
void sheet_fill(lua_State *L, const void *data, uint32_t id, int index, int sub);
/* The module skynet.datasheet.core. */
int luaopen_skynet_datasheet_core(lua_State *L);
