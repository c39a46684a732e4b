/* SPDX-License-Identifier: MIT */
/* Serialisation: see seri.h, also for the format.
 *
 * Packing writes into one growing payload buffer. An error may jump out of the middle (an
 * unsupported type, __pairs, memory), so the buffer under construction belongs to a thread-local:
 * the next pack of this thread reuses it. A __pairs function may pack in turn: call_out() takes the
 * buffer away meanwhile.
 */
#include "lua/host/seri.h"

#include <lauxlib.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/msg.h"
#include "lua/host/seripath.h"

enum { T_NIL, T_BOOLEAN, T_NUMBER, T_POINTER, T_SHORT, T_LONG, T_TABLE };
enum { N_ZERO = 0, N_BYTE = 1, N_WORD = 2, N_DWORD = 4, N_QWORD = 6, N_REAL = 8 };

#define ITEM(type, cookie) ((uint8_t)((type) | (cookie) << 3))
#define SHORT_MAX 32
#define DEPTH_MAX 32
#define INITIAL 96u /* with the header: jemalloc's 128-byte class */
#define SIZE_LIMIT ((size_t)INT_MAX)
/* What an error left behind is used again up to this size: a small message must not carry a large
 * buffer. */
#define SPARE_MAX ((size_t)64 << 10)

struct packer {
	char *data;
	size_t size, capacity;
	lua_State *L;
	int from, to; /* what is packed, for the text of an error */
};

/* A buffer that an error left behind. */
static _Thread_local char *spare;
static _Thread_local size_t spare_capacity;
static _Thread_local bool watched; /* the thread frees its spare when it ends */
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_spare(void *ud)
{
	(void)ud;
	payload_free(spare);
	spare = NULL;
}

static void make_key(void)
{
	if (pthread_key_create(&at_thread_end, free_spare) != 0)
		mem_exhausted(0);
}

static noinline void watch_thread(void)
{
	watched = true;
	pthread_once(&once, make_key);
	/* anything but NULL: the destructor is all we want */
	(void)pthread_setspecific(at_thread_end, &watched);
}

static noinline void grow(struct packer *p, size_t n)
{
	size_t capacity = p->capacity;

	if (p->size + n > SIZE_LIMIT)
		luaL_error(p->L, "serialize can't pack more than 2 GiB");
	while (capacity < p->size + n)
		capacity = capacity < 4096 ? capacity * 4 : capacity * 2;
	p->data = payload_realloc(p->data, capacity);
	p->capacity = capacity;
	spare = p->data;
	spare_capacity = capacity;
}

static inline char *room(struct packer *p, size_t n)
{
	char *at;

	if (unlikely(p->size + n > p->capacity))
		grow(p, n);
	at = p->data + p->size;
	p->size += n;
	return at;
}

static void put_integer(struct packer *p, lua_Integer v)
{
	char *at;

	if (v == 0) {
		*room(p, 1) = (char)ITEM(T_NUMBER, N_ZERO);
	} else if (v > 0 && v < 0x100) {
		at = room(p, 2);
		at[0] = (char)ITEM(T_NUMBER, N_BYTE);
		at[1] = (char)v;
	} else if (v > 0 && v < 0x10000) {
		uint16_t x = (uint16_t)v;

		at = room(p, 3);
		at[0] = (char)ITEM(T_NUMBER, N_WORD);
		memcpy(at + 1, &x, 2);
	} else if (v >= INT32_MIN && v <= INT32_MAX) {
		int32_t x = (int32_t)v;

		at = room(p, 5);
		at[0] = (char)ITEM(T_NUMBER, N_DWORD);
		memcpy(at + 1, &x, 4);
	} else {
		at = room(p, 9);
		at[0] = (char)ITEM(T_NUMBER, N_QWORD);
		memcpy(at + 1, &v, 8);
	}
}

static void put_string(struct packer *p, const char *s, size_t n)
{
	char *at;

	if (n < SHORT_MAX) {
		at = room(p, 1 + n);
		*at++ = (char)ITEM(T_SHORT, n);
	} else if (n < 0x10000) {
		uint16_t x = (uint16_t)n;

		at = room(p, 3 + n);
		at[0] = (char)ITEM(T_LONG, 2);
		memcpy(at + 1, &x, 2);
		at += 3;
	} else {
		uint32_t x = (uint32_t)n;

		if (n > SIZE_LIMIT)
			luaL_error(p->L, "serialize can't pack more than 2 GiB");
		at = room(p, 5 + n);
		at[0] = (char)ITEM(T_LONG, 4);
		memcpy(at + 1, &x, 4);
		at += 5;
	}
	memcpy(at, s, n);
}

static void put_value(struct packer *p, int index, int depth);

static void put_table_head(struct packer *p, lua_Integer n)
{
	if (n < 31) {
		*room(p, 1) = (char)ITEM(T_TABLE, n);
	} else {
		*room(p, 1) = (char)ITEM(T_TABLE, 31);
		put_integer(p, n);
	}
}

/* Calls into Lua from the middle of a pack: what runs there may pack, too, and may raise. */
static void call_out(struct packer *p, int nargs, int nresults)
{
	int r;

	spare = NULL;
	r = lua_pcall(p->L, nargs, nresults, 0);
	payload_free(spare); /* what an inner pack left behind */
	spare = p->data;
	spare_capacity = p->capacity;
	if (r != LUA_OK)
		lua_error(p->L);
}

static void put_table(struct packer *p, int index, int depth)
{
	lua_State *L = p->L;
	lua_Integer n;

	luaL_checkstack(L, LUA_MINSTACK, NULL);
	index = lua_absindex(L, index);
	if (luaL_getmetafield(L, index, "__pairs") != LUA_TNIL) {
		put_table_head(p, 0);
		lua_pushvalue(L, index);
		call_out(p, 1, 3);
		for (;;) {
			lua_pushvalue(L, -3);
			lua_pushvalue(L, -3);
			lua_pushvalue(L, -3);
			call_out(p, 2, 2);
			if (lua_isnil(L, -2)) {
				lua_pop(L, 5);
				break;
			}
			put_value(p, -2, depth);
			put_value(p, -1, depth);
			lua_pop(L, 1);
			lua_copy(L, -1, -2);
			lua_pop(L, 1);
		}
		*room(p, 1) = (char)ITEM(T_NIL, 0);
		return;
	}
	n = (lua_Integer)lua_rawlen(L, index);
	if (n > INT32_MAX)
		luaL_error(L, "serialize can't pack more than 2 GiB");
	put_table_head(p, n);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, index, i);
		put_value(p, -1, depth);
		lua_pop(L, 1);
	}
	lua_pushnil(L);
	while (lua_next(L, index)) {
		if (n > 0 && lua_isinteger(L, -2)) {
			lua_Integer k = lua_tointeger(L, -2);

			if (k > 0 && k <= n) {
				lua_pop(L, 1);
				continue;
			}
		}
		put_value(p, -2, depth);
		put_value(p, -1, depth);
		lua_pop(L, 1);
	}
	*room(p, 1) = (char)ITEM(T_NIL, 0);
}

static void put_value(struct packer *p, int index, int depth)
{
	lua_State *L = p->L;

	if (unlikely(depth > DEPTH_MAX))
		seripath_refuse_depth(L, p->from, p->to, DEPTH_MAX,
				      "serialize can't pack too depth table");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		*room(p, 1) = (char)ITEM(T_NIL, 0);
		break;
	case LUA_TBOOLEAN:
		*room(p, 1) = (char)ITEM(T_BOOLEAN, lua_toboolean(L, index));
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index)) {
			put_integer(p, lua_tointeger(L, index));
		} else {
			double d = lua_tonumber(L, index);
			char *at = room(p, 9);

			at[0] = (char)ITEM(T_NUMBER, N_REAL);
			memcpy(at + 1, &d, 8);
		}
		break;
	case LUA_TSTRING: {
		size_t n;
		const char *s = lua_tolstring(L, index, &n);

		put_string(p, s, n);
		break;
	}
	case LUA_TLIGHTUSERDATA: {
		void *u = lua_touserdata(L, index);
		char *at = room(p, 1 + sizeof(u));

		at[0] = (char)ITEM(T_POINTER, 0);
		memcpy(at + 1, &u, sizeof(u));
		break;
	}
	case LUA_TTABLE:
		put_table(p, index, depth + 1);
		break;
	default:
		seripath_refuse_type(L, p->from, p->to,
				     lua_pushfstring(L, "Unsupport type %s to serialize",
						     luaL_typename(L, index)));
	}
}

void *seri_pack(lua_State *L, int from, size_t *ret_size)
{
	int top = lua_gettop(L);
	struct packer p = { .L = L, .from = from, .to = top };

	must(from > 0);
	*ret_size = 0;
	if (from > top)
		return NULL;
	if (unlikely(spare && spare_capacity > SPARE_MAX)) {
		payload_free(spare);
		spare = NULL;
	}
	if (unlikely(spare != NULL)) {
		p.data = spare;
		p.capacity = spare_capacity;
	} else {
		if (unlikely(!watched))
			watch_thread();
		p.data = payload_alloc(INITIAL);
		p.capacity = INITIAL;
	}
	spare = p.data; /* until we are done, it is what an error leaves behind */
	spare_capacity = p.capacity;
	for (int i = from; i <= top; i++)
		put_value(&p, i, 0);
	spare = NULL;
	*ret_size = p.size;
	return p.data;
}

/* ---- reading ---- */

struct reader {
	lua_State *L;
	const char *at;
	size_t left;
	size_t promised; /* items that the open tables still need: a byte each at least */
	size_t credit;	 /* pairs that may be presized on a guess; a right one costs none */
	int depth;
	bool foreign;
	/* Pairs of the last table at a depth: records in a list mostly look alike, so this presizes
	 * the next. */
	uint16_t pairs[DEPTH_MAX];
};

static noinline void invalid(struct reader *r, int line)
{
	luaL_error(r->L, "Invalid serialize stream %d (line:%d)", (int)r->left, line);
}

static inline const char *get(struct reader *r, size_t n, int line)
{
	const char *at = r->at;

	if (unlikely(r->left < n))
		invalid(r, line);
	r->at += n;
	r->left -= n;
	return at;
}

#define GET(r, n) get(r, n, __LINE__)

static lua_Integer get_integer(struct reader *r, int cookie)
{
	switch (cookie) {
	case N_ZERO:
		return 0;
	case N_BYTE:
		return *(const uint8_t *)GET(r, 1);
	case N_WORD: {
		uint16_t x;

		memcpy(&x, GET(r, 2), 2);
		return x;
	}
	case N_DWORD: {
		int32_t x;

		memcpy(&x, GET(r, 4), 4);
		return x;
	}
	case N_QWORD: {
		int64_t x;

		memcpy(&x, GET(r, 8), 8);
		return x;
	}
	default:
		invalid(r, __LINE__);
		return 0;
	}
}

static void push_item(struct reader *r, uint8_t item);

static void push_value(struct reader *r)
{
	push_item(r, *(const uint8_t *)GET(r, 1));
}

static void push_table(struct reader *r, int cookie)
{
	lua_State *L = r->L;
	lua_Integer n = cookie;

	if (cookie == 31) {
		uint8_t item = *(const uint8_t *)GET(r, 1);

		if ((item & 7) != T_NUMBER || item >> 3 == N_REAL)
			invalid(r, __LINE__);
		n = get_integer(r, item >> 3);
	}
	/* A count that the bytes left cannot keep, after what the tables around it were promised,
	 * is a lie. So all tables of a stream together have no more places than the stream has
	 * bytes. */
	if (n < 0 || r->left < r->promised || (size_t)n >= r->left - r->promised)
		invalid(r, __LINE__);
	if (++r->depth > 1000)
		invalid(r, __LINE__);
	luaL_checkstack(L, LUA_MINSTACK, NULL);
	uint16_t *hint = &r->pairs[r->depth % DEPTH_MAX];
	unsigned pairs = 0, guess = *hint <= r->credit ? *hint : 0;

	r->promised += (size_t)n + 1;
	r->credit -= guess;
	lua_createtable(L, (int)n, (int)guess);
	for (lua_Integer i = 1; i <= n; i++) {
		r->promised--;
		push_value(r);
		lua_rawseti(L, -2, i);
	}
	r->promised--; /* the nil at the end */
	for (;;) {
		uint8_t item = *(const uint8_t *)GET(r, 1);

		if ((item & 7) == T_NIL)
			break;
		push_item(r, item);
		if (unlikely(item == ITEM(T_NUMBER, N_REAL)) &&
		    lua_tonumber(L, -1) != lua_tonumber(L, -1))
			invalid(r, __LINE__); /* NaN is no key */
		push_value(r);
		lua_rawset(L, -3);
		pairs++;
	}
	r->credit += pairs < guess ? pairs : guess;
	*hint = pairs < UINT16_MAX ? (uint16_t)pairs : UINT16_MAX;
	r->depth--;
}

static void push_item(struct reader *r, uint8_t item)
{
	lua_State *L = r->L;
	int cookie = item >> 3;

	switch (item & 7) {
	case T_NIL:
		lua_pushnil(L);
		break;
	case T_BOOLEAN:
		lua_pushboolean(L, cookie);
		break;
	case T_NUMBER:
		if (cookie == N_REAL) {
			double d;

			memcpy(&d, GET(r, 8), 8);
			lua_pushnumber(L, d);
		} else {
			lua_pushinteger(L, get_integer(r, cookie));
		}
		break;
	case T_POINTER: {
		void *u;

		if (unlikely(r->foreign))
			luaL_error(L, "a pointer (light userdata) in what another node sent");
		memcpy(&u, GET(r, sizeof(u)), sizeof(u));
		lua_pushlightuserdata(L, u);
		break;
	}
	case T_SHORT:
		lua_pushlstring(L, GET(r, (size_t)cookie), (size_t)cookie);
		break;
	case T_LONG:
		if (cookie == 2) {
			uint16_t n;

			memcpy(&n, GET(r, 2), 2);
			lua_pushlstring(L, GET(r, n), n);
		} else if (cookie == 4) {
			uint32_t n;

			memcpy(&n, GET(r, 4), 4);
			lua_pushlstring(L, GET(r, n), n);
		} else {
			invalid(r, __LINE__);
		}
		break;
	case T_TABLE:
		push_table(r, cookie);
		break;
	default:
		invalid(r, __LINE__);
	}
}

int seri_read(lua_State *L, const void *data, size_t size, bool foreign)
{
	struct reader r = {
		.L = L, .at = data, .left = size, .credit = size / 2, .foreign = foreign
	};
	int top = lua_gettop(L), n = 0;

	must(data || !size);
	if (size == 0)
		return 0;
	if (!data)
		return luaL_error(L, "deserialize null pointer");
	while (r.left) {
		if (unlikely(n % 8 == 7))
			luaL_checkstack(L, LUA_MINSTACK, NULL);
		push_value(&r);
		n++;
	}
	return lua_gettop(L) - top;
}

int seri_unpack(lua_State *L, const void *data, size_t size)
{
	return seri_read(L, data, size, false);
}

/* The bytes behind an item's first one that are no items themselves, or -1: there is none such.
 * `at` has the bytes that are left. Tables are their items in a row, so nothing needs to be
 * kept. */
static int64_t item_bytes(uint8_t item, const uint8_t *at, size_t left)
{
	int cookie = item >> 3;
	uint16_t word;
	uint32_t dword;

	switch (item & 7) {
	case T_NIL:
	case T_BOOLEAN:
	case T_TABLE:
		return 0;
	case T_NUMBER:
		return cookie == N_ZERO			       ? 0
		       : cookie == N_BYTE		       ? 1
		       : cookie == N_WORD		       ? 2
		       : cookie == N_DWORD		       ? 4
		       : cookie == N_QWORD || cookie == N_REAL ? 8
							       : -1;
	case T_SHORT:
		return cookie;
	case T_LONG:
		if (cookie == 2 && left >= 2) {
			memcpy(&word, at, 2);
			return 2 + (int64_t)word;
		}
		if (cookie == 4 && left >= 4) {
			memcpy(&dword, at, 4);
			return 4 + (int64_t)dword;
		}
		return -1;
	default:
		return -1;
	}
}

const char *seri_first_text(const void *data, size_t size, size_t *ret_size)
{
	const uint8_t *p = data;

	*ret_size = 0;
	if (!size || (p[0] & 7) != T_SHORT || (size_t)(p[0] >> 3) + 1 > size)
		return NULL;
	*ret_size = p[0] >> 3;
	return (const char *)p + 1;
}

bool seri_has_pointer(const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size) {
		uint8_t item = *at++;
		int64_t n;

		size--;
		if ((item & 7) == T_POINTER)
			return true;
		n = item_bytes(item, at, size);
		if (n < 0 || (uint64_t)n > size)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return false;
}
