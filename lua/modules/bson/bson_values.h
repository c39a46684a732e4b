/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The strings that stand for values which Lua has no type for: a zero byte, the type, and what the
 * type needs.
 *
 * Threads: that of the service, the numbers that count up are shared by all. Errors are raised.
 */
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Pushes a date. exact: what 4 bytes of seconds lose is there, too. */
void bson_push_date(lua_State *L, int64_t ms, bool exact);
/* Whether this service has asked for exact dates. */
bool bson_exact_dates(lua_State *L);
/* Sets the functions that make values, and `type`, in the table at the top. */
void bson_open_values(lua_State *L);
