/* SPDX-License-Identifier: MIT */
/* bson: Lua values become bytes. */
#include "lua/modules/bson/bson_encode.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/little.h"
#include "core/base/utf8.h"
#include "lua/modules/bson/bson_decode.h"

#define INDEX_ROOM 24u /* bytes of an index of an array as a text */

/* A key as text. It is named in errors. */
struct key {
	const char *text;
	size_t size;
};

void bson_out_open(lua_State *L, struct bson_out *o)
{
	lua_pushnil(L);
	o->L = L;
	o->slot = lua_gettop(L);
	o->p = o->local;
	o->used = 0;
	o->room = sizeof(o->local);
}

static void grow(struct bson_out *o, size_t n)
{
	size_t room = o->room;
	uint8_t *p;

	if (n > INT32_MAX - o->used)
		luaL_error(o->L, "bson: a document cannot be larger than 2 GiB");
	while (room < o->used + n)
		room *= 2;
	luaL_checkstack(o->L, 1, "bson");
	p = lua_newuserdatauv(o->L, room, 0);
	memcpy(p, o->p, o->used);
	lua_replace(o->L, o->slot);
	o->p = p;
	o->room = room;
}

uint8_t *bson_out_add(struct bson_out *o, size_t n)
{
	uint8_t *p;

	if (unlikely(n > o->room - o->used))
		grow(o, n);
	p = o->p + o->used;
	o->used += n;
	return p;
}

/* Writes the type and the key. Returns the room for a value of n bytes. */
static uint8_t *put_element(struct bson_out *o, uint8_t type, const struct key *k, size_t n)
{
	uint8_t *p = bson_out_add(o, 1 + k->size + 1 + n);

	*p++ = type;
	memcpy(p, k->text, k->size);
	p[k->size] = 0;
	return p + k->size + 1;
}

static void put_integer(struct bson_out *o, const struct key *k, lua_Integer v)
{
	if (v >= INT32_MIN && v <= INT32_MAX)
		little_put32(put_element(o, BSON_INT32, k, 4), (uint32_t)v);
	else
		little_put64(put_element(o, BSON_INT64, k, 8), (uint64_t)v);
}

static void put_number(struct bson_out *o, const struct key *k, int idx)
{
	lua_Number d;
	uint64_t bits;

	if (lua_isinteger(o->L, idx)) {
		put_integer(o, k, lua_tointeger(o->L, idx));
		return;
	}
	d = lua_tonumber(o->L, idx);
	memcpy(&bits, &d, sizeof(bits));
	little_put64(put_element(o, BSON_DOUBLE, k, 8), bits);
}

/* Seconds in 4 bytes; in 8 more the milliseconds, for what does not fit into them. */
static bool put_date(struct bson_out *o, const struct key *k, const uint8_t *p, size_t n)
{
	uint64_t ms;

	if (n != 4 && n != 12)
		return false;
	ms = n == 4 ? (uint64_t)little_get32(p) * 1000 : little_get64(p + 4);
	little_put64(put_element(o, BSON_DATE, k, 8), ms);
	return true;
}

/* A subtype and bytes, with their size in front. */
static bool put_binary(struct bson_out *o, const struct key *k, const uint8_t *p, size_t n)
{
	uint8_t *to;
	size_t start = o->used + k->size + 2;

	if (n == 0)
		return false;
	to = put_element(o, BSON_BINARY, k, 4 + n);
	to = little_put32(to, (uint32_t)(n - 1));
	memcpy(to, p, n);
	return bson_check_value(BSON_BINARY, o->p + start, 4 + n);
}

static bool put_plain(struct bson_out *o, uint8_t type, const struct key *k, const uint8_t *p,
		      size_t n)
{
	if (!bson_check_value(type, p, n))
		return false;
	memcpy(put_element(o, type, k, n), p, n);
	return true;
}

static void put_tagged(struct bson_out *o, const struct key *k, const uint8_t *s, size_t n)
{
	uint8_t type = s[1];
	const uint8_t *p = s + 2;
	bool ok;

	if (!bson_is_tag(type))
		luaL_error(o->L, "Invalid bson type : %d (key '%s')", type, k->text);
	if (type == BSON_DATE)
		ok = put_date(o, k, p, n - 2);
	else if (type == BSON_BINARY)
		ok = put_binary(o, k, p, n - 2);
	else
		ok = put_plain(o, type, k, p, n - 2);
	if (!ok)
		luaL_error(o->L, "Invalid bson string of type %d (key '%s')", type, k->text);
}

static void put_string(struct bson_out *o, const struct key *k, int idx)
{
	size_t n;
	const uint8_t *s = (const uint8_t *)lua_tolstring(o->L, idx, &n);
	uint8_t *to;

	if (n > 1 && s[0] == 0) {
		put_tagged(o, k, s, n);
		return;
	}
	if (!utf8_is_valid(s, n))
		luaL_error(o->L, "Invalid utf8 string (key '%s')", k->text);
	if (n >= INT32_MAX)
		luaL_error(o->L, "bson: a text cannot be larger than 2 GiB");
	to = put_element(o, BSON_STRING, k, 4 + n + 1);
	memcpy(little_put32(to, (uint32_t)n + 1), s, n + 1);
}

/* A document that is there already. */
static void put_ready(struct bson_out *o, const struct key *k, int idx)
{
	size_t n;
	const uint8_t *p = bson_document_at(o->L, idx, &n);
	struct bson_walk w;

	if (!p)
		luaL_error(o->L, "Invalid value type : userdata (key '%s')", k->text);
	if (lua_islightuserdata(o->L, idx) && !bson_check(p, n, &w))
		bson_broken(o->L, &w);
	memcpy(put_element(o, BSON_DOCUMENT, k, n), p, n);
}

static void put_inner(struct bson_out *o, const struct key *k, int idx, int depth);

static void put_value(struct bson_out *o, const struct key *k, int idx, int depth)
{
	int type = lua_type(o->L, idx);

	switch (type) {
	case LUA_TNUMBER:
		put_number(o, k, idx);
		return;
	case LUA_TSTRING:
		put_string(o, k, idx);
		return;
	case LUA_TBOOLEAN:
		*put_element(o, BSON_BOOLEAN, k, 1) = lua_toboolean(o->L, idx) ? 1 : 0;
		return;
	case LUA_TTABLE:
		put_inner(o, k, idx, depth + 1);
		return;
	case LUA_TUSERDATA:
	case LUA_TLIGHTUSERDATA:
		put_ready(o, k, idx);
		return;
	}
	luaL_error(o->L, "Invalid value type : %s (key '%s')", lua_typename(o->L, type), k->text);
}

/* Writes the key and value at the top of the stack. They stay. */
static void put_pair(struct bson_out *o, int key, int depth)
{
	struct key k;
	int type = lua_type(o->L, key);

	if (type == LUA_TNUMBER)
		luaL_error(o->L, "Bson dictionary's key can't be number");
	if (type != LUA_TSTRING)
		luaL_error(o->L, "Invalid key type : %s", lua_typename(o->L, type));
	k.text = lua_tolstring(o->L, key, &k.size);
	if (memchr(k.text, 0, k.size))
		luaL_error(o->L, "bson: a key cannot hold a zero byte: '%s'", k.text);
	put_value(o, &k, key + 1, depth);
}

/* Goes over the table as pairs() does. Its metamethod is at the top. */
static void put_by_pairs(struct bson_out *o, int idx, int depth)
{
	lua_State *L = o->L;
	int base = lua_gettop(L);

	lua_pushvalue(L, idx);
	lua_call(L, 1, 3); /* the function, what it goes over, the first key */
	for (;;) {
		lua_pushvalue(L, base);
		lua_pushvalue(L, base + 1);
		lua_pushvalue(L, base + 2);
		lua_call(L, 2, 2);
		if (lua_isnil(L, base + 3))
			break;
		put_pair(o, base + 3, depth);
		lua_settop(L, base + 4);
		lua_pop(L, 1);
		lua_replace(L, base + 2);
	}
	lua_settop(L, base - 1);
}

static void put_raw(struct bson_out *o, int idx, int depth)
{
	lua_State *L = o->L;

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		put_pair(o, lua_gettop(L) - 1, depth);
		lua_pop(L, 1);
	}
}

/* The next index as text, the zero byte with it. */
static void count_up(char *text, struct key *k)
{
	size_t i = k->size;

	while (i > 0 && text[i - 1] == '9')
		text[--i] = '0';
	if (i > 0) {
		text[i - 1]++;
		return;
	}
	text[0] = '1';
	if (k->size)
		text[k->size] = '0';
	k->size++;
	text[k->size] = 0;
}

static void put_items(struct bson_out *o, int idx, lua_Integer n, int depth)
{
	char text[INDEX_ROOM] = "0";
	struct key k = { text, 1 };

	for (lua_Integer i = 1; i <= n; i++) {
		if (lua_geti(o->L, idx, i) == LUA_TNIL)
			luaL_error(o->L,
				   "Bson array has a hole (nil), Use bson.null instead (index %I)",
				   i);
		put_value(o, &k, lua_gettop(o->L), depth);
		lua_pop(o->L, 1);
		count_up(text, &k);
	}
}

/* Whether a table without such metamethods is an array. */
static bool is_array(lua_State *L, int idx)
{
	lua_Integer first;
	bool is;

	lua_pushnil(L);
	if (!lua_next(L, idx))
		return false;
	first = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
	is = first == 1 || (first > 1 && (lua_Unsigned)first <= lua_rawlen(L, idx));
	lua_pop(L, 2);
	return is;
}

/* Writes the size and the end around what `items` writes. */
static size_t begin_document(struct bson_out *o)
{
	size_t start = o->used;

	luaL_checkstack(o->L, LUA_MINSTACK, "bson");
	(void)bson_out_add(o, 4);
	return start;
}

static void end_document(struct bson_out *o, size_t start)
{
	*bson_out_add(o, 1) = 0;
	little_put32(o->p + start, (uint32_t)(o->used - start));
}

/* A table as the value of a key: a document, or an array. */
static void put_inner(struct bson_out *o, const struct key *k, int idx, int depth)
{
	lua_State *L = o->L;
	uint8_t type = BSON_DOCUMENT;
	lua_Integer n = -1;
	size_t start;
	bool by_pairs = false;

	if (depth > BSON_DEPTH)
		luaL_error(L, "Too depth while encoding bson");
	luaL_checkstack(L, LUA_MINSTACK, "bson");
	if (luaL_getmetafield(L, idx, "__len") != LUA_TNIL) {
		lua_pop(L, 1);
		n = luaL_len(L, idx);
		type = BSON_ARRAY;
	} else if (luaL_getmetafield(L, idx, "__pairs") != LUA_TNIL) {
		by_pairs = true;
	} else if (is_array(L, idx)) {
		n = (lua_Integer)lua_rawlen(L, idx);
		type = BSON_ARRAY;
	}
	(void)put_element(o, type, k, 0);
	start = begin_document(o);
	if (type == BSON_ARRAY)
		put_items(o, idx, n, depth);
	else if (by_pairs)
		put_by_pairs(o, idx, depth);
	else
		put_raw(o, idx, depth);
	end_document(o, start);
}

void bson_put_table(struct bson_out *o, int idx)
{
	size_t start = begin_document(o);

	if (luaL_getmetafield(o->L, idx, "__pairs") != LUA_TNIL)
		put_by_pairs(o, idx, 0);
	else
		put_raw(o, idx, 0);
	end_document(o, start);
}

void bson_put_pairs(struct bson_out *o, int first, int last)
{
	size_t start = begin_document(o);

	if ((last - first + 1) % 2 != 0)
		luaL_error(o->L, "Invalid ordered dict");
	for (int i = first; i < last; i += 2)
		put_pair(o, i, 0);
	end_document(o, start);
}
