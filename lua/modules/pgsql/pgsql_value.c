/* SPDX-License-Identifier: MIT */
#include "lua/modules/pgsql/pgsql_value.h"

#include <ctype.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/pgsql/pgsql_wire.h"

#define NUMBER_ROOM 64u /* bytes of a number that need no string */
#define LOCAL_BYTES 256u

/* The types that have a number of their own in every server, and those of arrays of them. */
static const struct {
	uint32_t type, array;
	char kind;
} types[] = {
	{ 16, 1000, PGSQL_BOOL },      /* bool */
	{ 17, 1001, PGSQL_BYTES },     /* bytea */
	{ 20, 1016, PGSQL_INTEGER },   /* int8 */
	{ 21, 1005, PGSQL_INTEGER },   /* int2 */
	{ 23, 1007, PGSQL_INTEGER },   /* int4 */
	{ 26, 1028, PGSQL_INTEGER },   /* oid */
	{ 700, 1021, PGSQL_FLOAT },    /* float4 */
	{ 701, 1022, PGSQL_FLOAT },    /* float8 */
	{ 1700, 1231, PGSQL_NUMERIC }, /* numeric */
	{ 25, 1009, PGSQL_STRING },    /* text */
	{ 1043, 1015, PGSQL_STRING },  /* varchar */
	{ 1042, 1014, PGSQL_STRING },  /* bpchar */
	{ 18, 1002, PGSQL_STRING },    /* "char" */
	{ 19, 1003, PGSQL_STRING },    /* name */
	{ 114, 199, PGSQL_STRING },    /* json */
	{ 3802, 3807, PGSQL_STRING },  /* jsonb */
	{ 2950, 2951, PGSQL_STRING },  /* uuid */
	{ 1082, 1182, PGSQL_STRING },  /* date */
	{ 1083, 1183, PGSQL_STRING },  /* time */
	{ 1266, 1270, PGSQL_STRING },  /* timetz */
	{ 1114, 1115, PGSQL_STRING },  /* timestamp */
	{ 1184, 1185, PGSQL_STRING },  /* timestamptz */
	{ 1186, 1187, PGSQL_STRING },  /* interval */
	{ 869, 1041, PGSQL_STRING },   /* inet */
};

char pgsql_kind(uint32_t type)
{
	for (size_t i = 0; i < array_len(types); i++) {
		if (types[i].type == type)
			return types[i].kind;
		if (types[i].array == type)
			return (char)toupper((unsigned char)types[i].kind);
	}
	return PGSQL_STRING;
}

static void bad_value(lua_State *L)
{
	luaL_error(L, "pgsql: the server sent a value that is none of its type");
}

static void push_bool(lua_State *L, const char *p, size_t n)
{
	if (n != 1 || (*p != 't' && *p != 'f'))
		bad_value(L);
	lua_pushboolean(L, *p == 't');
}

static bool is(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(p, word, n) == 0;
}

/* Digits, signs, points and exponents: what Lua reads as a decimal number. */
static bool has_digits_only(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)p[i]) && !memchr("+-.eE", p[i], 5))
			return false;
	return n > 0;
}

/* A number as Lua reads it: an integer when it is written as one and fits, else a float. */
static void push_number(lua_State *L, const char *p, size_t n)
{
	char local[NUMBER_ROOM + 1];
	size_t read;

	if (is(p, n, "NaN")) {
		lua_pushnumber(L, (lua_Number)NAN);
	} else if (is(p, n, "Infinity")) {
		lua_pushnumber(L, (lua_Number)INFINITY);
	} else if (is(p, n, "-Infinity")) {
		lua_pushnumber(L, -(lua_Number)INFINITY);
	} else if (!has_digits_only(p, n)) {
		bad_value(L);
	} else if (n <= NUMBER_ROOM) {
		memcpy(local, p, n);
		local[n] = '\0';
		if (lua_stringtonumber(L, local) != n + 1)
			bad_value(L);
	} else {
		lua_pushlstring(L, p, n);
		read = lua_stringtonumber(L, lua_tostring(L, -1));
		if (read != n + 1)
			bad_value(L);
		lua_remove(L, -2);
	}
}

static void push_integer(lua_State *L, const char *p, size_t n)
{
	push_number(L, p, n);
	if (!lua_isinteger(L, -1))
		bad_value(L);
}

static void push_float(lua_State *L, const char *p, size_t n)
{
	push_number(L, p, n);
	lua_pushnumber(L, lua_tonumber(L, -1));
	lua_remove(L, -2);
}

static void push_bytes(lua_State *L, const char *p, size_t n)
{
	luaL_Buffer b;
	int64_t size = pgsql_bytes(p, n, (uint8_t *)luaL_buffinitsize(L, &b, n));

	if (size < 0)
		bad_value(L);
	luaL_pushresultsize(&b, (size_t)size);
}

/* A member between quotes. */
static void push_quoted(lua_State *L, char kind, const char *p, size_t n)
{
	char local[LOCAL_BYTES], *to = n <= LOCAL_BYTES ? local : lua_newuserdatauv(L, n, 0);

	n = pgsql_unquote(p, n, to);
	pgsql_push(L, kind, to, n);
	if (to != local)
		lua_remove(L, -2);
}

static void push_array(lua_State *L, char kind, const char *p, size_t n)
{
	lua_Integer last[PGSQL_DEPTH + 1] = { 0 };
	struct pgsql_array a;
	enum pgsql_token t;

	luaL_checkstack(L, (int)PGSQL_DEPTH + 4, "an array");
	pgsql_array_begin(&a, p, n);
	while ((t = pgsql_array_next(&a)) != PGSQL_END) {
		if (t == PGSQL_BAD)
			bad_value(L);
		if (t == PGSQL_OPEN) {
			lua_newtable(L);
			last[a.depth] = 0;
			continue;
		}
		last[a.depth]++;
		if (t == PGSQL_NULL || (t == PGSQL_CLOSE && a.depth == 0))
			continue;
		if (t == PGSQL_PLAIN)
			pgsql_push(L, kind, a.text, a.size);
		else if (t == PGSQL_QUOTED)
			push_quoted(L, kind, a.text, a.size);
		lua_rawseti(L, -2, last[a.depth]);
	}
}

void pgsql_push(lua_State *L, char kind, const char *p, size_t n)
{
	switch (kind) {
	case PGSQL_BOOL:
		push_bool(L, p, n);
		break;
	case PGSQL_INTEGER:
		push_integer(L, p, n);
		break;
	case PGSQL_FLOAT:
		push_float(L, p, n);
		break;
	case PGSQL_NUMERIC:
		push_number(L, p, n);
		break;
	case PGSQL_BYTES:
		push_bytes(L, p, n);
		break;
	default:
		if (isupper((unsigned char)kind))
			push_array(L, (char)tolower((unsigned char)kind), p, n);
		else
			lua_pushlstring(L, p, n);
	}
}
