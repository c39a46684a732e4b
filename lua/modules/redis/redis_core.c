/* SPDX-License-Identifier: MIT */
/* skynet.db.redis.core: what skynet.db.redis does with bytes.
 *
 * A decoder holds what one connection has received and nobody has taken, in a userdata that the
 * collector owns. Threads: that of the service.
 */
#include "lua/modules/redis/redis_core.h"

#include <lauxlib.h>

#include "core/base/base.h"
#include "lua/modules/db/inbuf.h"
#include "lua/modules/redis/redis_encode.h"
#include "lua/modules/redis/resp.h"

#define DECODER "harbord.redis.decoder"
#define REPLY_MAX ((size_t)512 * 1024 * 1024)

struct decoder {
	struct inbuf in;
	size_t max;
	struct resp_scan scan; /* of the reply that starts at `begin` */
};

static struct decoder *check_decoder(lua_State *L)
{
	return luaL_checkudata(L, 1, DECODER);
}

/* decoder([max]): max bytes are the most that a reply may have. */
static int l_decoder(lua_State *L)
{
	lua_Integer max = luaL_optinteger(L, 1, (lua_Integer)REPLY_MAX);
	struct decoder *d;

	luaL_argcheck(L, max > 0, 1, "a number of bytes expected");
	d = lua_newuserdatauv(L, sizeof(*d), 1);
	*d = (struct decoder){ .max = (size_t)max };
	luaL_setmetatable(L, DECODER);
	return 1;
}

/* feed(decoder, bytes) */
static int l_feed(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);

	inbuf_append(L, &d->in, p, n);
	return 0;
}

/* Pushes the value at *p, which a scan has found whole, and moves *p behind it. Returns false if
 * there is an error in it. */
static bool push_value(lua_State *L, const char **p, const char *end)
{
	struct resp_item i;
	const char *why;
	bool ok = true;

	if (resp_item(*p, (size_t)(end - *p), 0, &i, &why) != RESP_WHOLE)
		return luaL_error(L, "a reply that was whole is not"); /* cannot be */
	*p += i.whole;
	if (i.kind == RESP_NULL) {
		lua_pushnil(L);
	} else if (i.kind == RESP_NUMBER) {
		lua_pushinteger(L, i.number);
	} else if (i.kind != RESP_ARRAY) {
		lua_pushlstring(L, i.text, i.size);
	} else {
		luaL_checkstack(L, 4, "a reply");
		/* an item has three bytes at least and the reply is whole: the count is honest */
		lua_createtable(L, i.number < INT32_MAX ? (int)i.number : INT32_MAX, 0);
		for (int64_t k = 1; k <= i.number; k++) {
			ok = push_value(L, p, end) && ok;
			lua_rawseti(L, -2, k);
		}
	}
	return ok && i.kind != RESP_ERROR;
}

/* Pushes the next reply. Returns 1, or 0 for an answer that holds an error; -1: more bytes are
 * wanted, nothing is pushed. Raises if these are no reply. */
static int next_reply(lua_State *L, struct decoder *d)
{
	const char *p = d->in.bytes + d->in.begin;
	size_t there = d->in.end - d->in.begin, size;
	enum resp_state state;
	bool ok;

	if (there == 0)
		return -1;
	state = resp_scan(&d->scan, p, there, d->max);
	if (state == RESP_BAD)
		return luaL_error(L, "redis: in the server's reply, at byte %I: %s",
				  (LUAI_UACINT)d->scan.at, d->scan.why);
	if (state == RESP_MORE)
		return -1;
	size = d->scan.at;
	ok = push_value(L, &p, p + size);
	d->scan = (struct resp_scan){ .at = 0 };
	inbuf_skip(L, &d->in, size);
	return ok;
}

/* How many bytes more are wanted at least. */
static int push_need(lua_State *L, const struct decoder *d)
{
	size_t there = d->in.end - d->in.begin;

	lua_pushinteger(L, d->scan.need > there ? (lua_Integer)(d->scan.need - there) : 1);
	return 1;
}

/* next(decoder) -> true, reply; false, a reply that holds an error; nil, bytes that are wanted */
static int l_next(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	int ok;

	lua_settop(L, 1);
	ok = next_reply(L, d);
	if (ok < 0) {
		lua_pushnil(L);
		push_need(L, d);
		return 2;
	}
	lua_pushboolean(L, ok);
	lua_insert(L, -2);
	return 2;
}

/* collect(decoder, list, n): appends { ok =, out = } for each reply that is there until the list
 * has n. -> true; or nil and the bytes that are wanted */
static int l_collect(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	lua_Integer n = luaL_checkinteger(L, 3), have;

	lua_settop(L, 2);
	luaL_checktype(L, 2, LUA_TTABLE);
	for (have = (lua_Integer)lua_rawlen(L, 2); have < n; have++) {
		int ok = next_reply(L, d);

		if (ok < 0) {
			lua_pushnil(L);
			push_need(L, d);
			return 2;
		}
		lua_createtable(L, 0, 2);
		lua_insert(L, -2);
		lua_setfield(L, -2, "out");
		lua_pushboolean(L, ok);
		lua_setfield(L, -2, "ok");
		lua_rawseti(L, 2, have + 1);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* crc16(text) */
static int l_crc16(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n);

	lua_pushinteger(L, resp_crc16(p, n));
	return 1;
}

/* keyslot(key) */
static int l_keyslot(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n);

	lua_pushinteger(L, resp_slot(p, n));
	return 1;
}

int luaopen_skynet_db_redis_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "decoder", l_decoder },
		{ "feed", l_feed },
		{ "next", l_next },
		{ "collect", l_collect },
		{ "command", redis_command },
		{ "commands", redis_commands },
		{ "crc16", l_crc16 },
		{ "keyslot", l_keyslot },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, DECODER);
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}
