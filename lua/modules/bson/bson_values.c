/* SPDX-License-Identifier: MIT */
/* bson: the values that Lua has no type for, each a string with its type in the second byte. */
#include "lua/modules/bson/bson_values.h"

#include <lauxlib.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/little.h"
#include "core/base/random.h"
#include "lua/modules/bson/bson_wire.h"

#define EXACT "bson.exactdate" /* in the registry: what bson.exactdate was told */
#define TAG 2u		       /* bytes in front of each value */
#define MS_MAX 9.0e18	       /* milliseconds that 64 bits hold for sure */

/* The part of an object id that is the process's, and the counters. Both only count: nobody reads
 * anything else by them, so they are relaxed. */
static uint8_t process[5];
static atomic_uint_fast32_t object_counter, timestamp_counter;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void learn_process(void)
{
	char host[256] = "";
	uint64_t seed = clock_wall_ns() | 1;
	uint32_t h;
	pid_t pid = getpid();

	(void)gethostname(host, sizeof(host) - 1);
	h = hash32(HASH32_START, host, strlen(host));
	for (unsigned i = 0; i < 3; i++)
		process[i] = (uint8_t)(h >> (8 * i));
	(void)little_put16(process + 3, (uint16_t)pid);
	(void)random_next(&seed);
	atomic_store_explicit(&object_counter, (uint_fast32_t)random_next(&seed),
			      memory_order_relaxed);
}

static void big_put(uint8_t *p, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

/* Pushes a value of n bytes. */
static void push_tagged(lua_State *L, uint8_t type, const uint8_t *p, size_t n)
{
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, n + TAG);

	to[0] = 0;
	to[1] = (char)type;
	if (n)
		memcpy(to + TAG, p, n);
	luaL_pushresultsize(&b, n + TAG);
}

bool bson_exact_dates(lua_State *L)
{
	bool exact = lua_getfield(L, LUA_REGISTRYINDEX, EXACT) != LUA_TNIL;

	lua_pop(L, 1);
	return exact;
}

/* exactdate(on): whether dates that are read keep their milliseconds, in this service. */
static int exact_date(lua_State *L)
{
	lua_toboolean(L, 1) ? lua_pushboolean(L, true) : lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, EXACT);
	return 0;
}

static int64_t floor_seconds(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

void bson_push_date(lua_State *L, int64_t ms, bool exact)
{
	int64_t seconds = floor_seconds(ms);
	uint8_t bytes[12];
	bool fits = seconds >= 0 && seconds <= UINT32_MAX;

	(void)little_put64(little_put32(bytes, (uint32_t)seconds), (uint64_t)ms);
	push_tagged(L, BSON_DATE, bytes, fits && (!exact || ms % 1000 == 0) ? 4 : 12);
}

/* date(seconds) */
static int date(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);

	luaL_argcheck(L, fabs(seconds) < MS_MAX / 1000, 1, "no date so far away");
	if (lua_isinteger(L, 1))
		bson_push_date(L, (int64_t)lua_tointeger(L, 1) * 1000, true);
	else
		bson_push_date(L, (int64_t)llround(seconds * 1000), true);
	return 1;
}

/* timestamp(seconds [, inc]) */
static int timestamp(lua_State *L)
{
	lua_Integer seconds = luaL_checkinteger(L, 1), inc;
	uint8_t bytes[8];

	if (lua_isnoneornil(L, 2))
		inc = (lua_Integer)atomic_fetch_add_explicit(&timestamp_counter, 1,
							     memory_order_relaxed);
	else
		inc = luaL_checkinteger(L, 2);
	(void)little_put32(little_put32(bytes, (uint32_t)inc), (uint32_t)seconds);
	push_tagged(L, BSON_TIMESTAMP, bytes, sizeof(bytes));
	return 1;
}

/* regex(pattern [, options]) */
static int regex(lua_State *L)
{
	size_t pattern_size, options_size;
	const char *pattern = luaL_checklstring(L, 1, &pattern_size);
	const char *options = luaL_optlstring(L, 2, "", &options_size);

	luaL_argcheck(L, strlen(pattern) == pattern_size, 1, "a pattern without zero bytes");
	luaL_argcheck(L, strlen(options) == options_size, 2, "options without zero bytes");
	lua_settop(L, 2);
	lua_pushlstring(L, "\0\13", TAG);
	lua_pushlstring(L, pattern, pattern_size + 1);
	lua_pushlstring(L, options, options_size + 1);
	lua_concat(L, 3);
	return 1;
}

/* binary(bytes [, subtype]) */
static int binary(lua_State *L)
{
	char head[] = { 0, BSON_BINARY, 0 };
	lua_Integer subtype = luaL_optinteger(L, 2, 0);

	luaL_checkstring(L, 1);
	luaL_argcheck(L, subtype >= 0 && subtype <= 255, 2, "a subtype is 0 to 255");
	lua_settop(L, 1);
	head[2] = (char)subtype;
	lua_pushlstring(L, head, sizeof(head));
	lua_insert(L, 1);
	lua_concat(L, 2);
	return 1;
}

/* int64(n) */
static int int64(lua_State *L)
{
	uint8_t bytes[8];

	(void)little_put64(bytes, (uint64_t)luaL_checkinteger(L, 1));
	push_tagged(L, BSON_INT64, bytes, sizeof(bytes));
	return 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool from_hex(const char *text, size_t n, uint8_t ret[BSON_OBJECTID])
{
	if (n != 2 * BSON_OBJECTID)
		return false;
	for (size_t i = 0; i < BSON_OBJECTID; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void new_objectid(uint8_t ret[BSON_OBJECTID])
{
	uint32_t n;

	(void)pthread_once(&once, learn_process);
	n = (uint32_t)atomic_fetch_add_explicit(&object_counter, 1, memory_order_relaxed);
	big_put(ret, (uint32_t)(clock_wall_ns() / 1000000000), 4);
	memcpy(ret + 4, process, sizeof(process));
	big_put(ret + 9, n, 3);
}

/* objectid([hex]) */
static int objectid(lua_State *L)
{
	uint8_t id[BSON_OBJECTID];
	size_t n;
	const char *text = luaL_optlstring(L, 1, NULL, &n);

	if (!text)
		new_objectid(id);
	else if (!from_hex(text, n, id))
		return luaL_error(L, "Invalid objectid %s", text);
	push_tagged(L, BSON_OID, id, sizeof(id));
	return 1;
}

static void push_hex(lua_State *L, const uint8_t *p)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * BSON_OBJECTID];

	for (size_t i = 0; i < BSON_OBJECTID; i++) {
		text[2 * i] = digits[p[i] >> 4];
		text[2 * i + 1] = digits[p[i] & 15];
	}
	lua_pushlstring(L, text, sizeof(text));
}

/* "date", seconds; of one with milliseconds these, too. */
static int date_parts(lua_State *L, const uint8_t *p, size_t n)
{
	lua_pushliteral(L, "date");
	if (n == 4) {
		lua_pushinteger(L, little_get32(p));
		return 2;
	}
	if (n != 12)
		return 0;
	lua_pushinteger(L, floor_seconds((int64_t)little_get64(p + 4)));
	lua_pushinteger(L, (lua_Integer)little_get64(p + 4));
	return 3;
}

static int binary_parts(lua_State *L, const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	lua_pushliteral(L, "binary");
	lua_pushlstring(L, (const char *)p + 1, n - 1);
	lua_pushinteger(L, p[0]);
	return 3;
}

/* The type and the parts of a value that its bytes have been found to be. */
static int parts(lua_State *L, uint8_t type, const uint8_t *p, size_t n)
{
	switch ((enum bson_type)type) {
	case BSON_NULL:
		lua_pushliteral(L, "nil");
		return 1;
	case BSON_MINKEY:
		lua_pushliteral(L, "minkey");
		return 1;
	case BSON_MAXKEY:
		lua_pushliteral(L, "maxkey");
		return 1;
	case BSON_OID:
		lua_pushliteral(L, "objectid");
		push_hex(L, p);
		return 2;
	case BSON_REGEX:
		lua_pushliteral(L, "regex");
		lua_pushstring(L, (const char *)p);
		lua_pushstring(L, (const char *)p + strlen((const char *)p) + 1);
		return 3;
	case BSON_INT64:
		lua_pushliteral(L, "int64");
		lua_pushinteger(L, (lua_Integer)little_get64(p));
		return 2;
	case BSON_TIMESTAMP:
		lua_pushliteral(L, "timestamp");
		lua_pushinteger(L, little_get32(p + 4));
		lua_pushinteger(L, little_get32(p));
		return 3;
	default:
		lua_pushstring(L, type == BSON_DECIMAL128 ? "decimal128" : "unsupported");
		lua_pushlstring(L, (const char *)p, n);
		return 2;
	}
}

static int type_of_string(lua_State *L)
{
	size_t n;
	const uint8_t *s = (const uint8_t *)lua_tolstring(L, 1, &n);
	int found = 0;

	if (n < TAG || s[0] != 0) {
		lua_pushliteral(L, "string");
		lua_pushvalue(L, 1);
		return 2;
	}
	if (!bson_is_tag(s[1]))
		return luaL_error(L, "Invalid bson type : %d", s[1]);
	if (s[1] == BSON_DATE)
		found = date_parts(L, s + TAG, n - TAG);
	else if (s[1] == BSON_BINARY)
		found = binary_parts(L, s + TAG, n - TAG);
	else if (bson_check_value(s[1], s + TAG, n - TAG))
		found = parts(L, s[1], s + TAG, n - TAG);
	return found ? found : luaL_error(L, "Invalid bson string of type %d", s[1]);
}

/* type(value) -> its name, what it is made of */
static int type(lua_State *L)
{
	int t = lua_type(L, 1);

	switch (t) {
	case LUA_TNONE:
	case LUA_TNIL:
		lua_pushliteral(L, "nil");
		return 1;
	case LUA_TSTRING:
		return type_of_string(L);
	case LUA_TNUMBER:
	case LUA_TBOOLEAN:
	case LUA_TTABLE:
		lua_pushstring(L, lua_typename(L, t));
		lua_pushvalue(L, 1);
		return 2;
	}
	return luaL_error(L, "Invalid type %s", lua_typename(L, t));
}

void bson_open_values(lua_State *L)
{
	static const luaL_Reg f[] = { { "date", date },
				      { "exactdate", exact_date },
				      { "timestamp", timestamp },
				      { "regex", regex },
				      { "binary", binary },
				      { "int64", int64 },
				      { "objectid", objectid },
				      { "type", type },
				      { NULL, NULL } };
	static const struct {
		const char *name;
		uint8_t type;
	} constants[] = { { "null", BSON_NULL },
			  { "minkey", BSON_MINKEY },
			  { "maxkey", BSON_MAXKEY } };

	luaL_setfuncs(L, f, 0);
	for (size_t i = 0; i < array_len(constants); i++) {
		push_tagged(L, constants[i].type, NULL, 0);
		lua_setfield(L, -2, constants[i].name);
	}
}
