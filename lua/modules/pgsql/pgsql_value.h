/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Values of a PostgreSQL server as Lua values. All of them come as texts; the type of a column says
 * what a text stands for.
 *
 * Threads: that of the service.
 */
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

/* One byte says what is made of a value; of an array, what is made of its members, by the same
 * letter as a capital. */
enum pgsql_kind {
	PGSQL_STRING = 's',
	PGSQL_BOOL = 'b',
	PGSQL_INTEGER = 'i',
	PGSQL_FLOAT = 'f',
	PGSQL_NUMERIC = 'n', /* an integer where it is one and fits, else a float */
	PGSQL_BYTES = 'x',
};

/* The kind of a type, by the number that every server has for it. Types that we do not know are
 * strings. */
char pgsql_kind(uint32_t type);
/* Pushes the value, exactly one. Raises when the text is none of its kind. */
void pgsql_push(lua_State *L, char kind, const char *p, size_t n);
