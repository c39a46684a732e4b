/* SPDX-License-Identifier: MIT */
/*
 * Sending, from all that Lua can hold bytes in.
 *
 * A string is written straight from the Lua heap: the kernel takes it at once nearly always, so the
 * copy is made only of what it leaves.
 */
#include "lua/modules/socket/sending.h"

#include <string.h>

#include "core/actor/msg.h"
#include "core/base/base.h"
#include "net/write.h"

/* The bytes stay the caller's. */
static int send_copy(int id, const void *data, size_t size, bool low)
{
	void *payload;

	if (!low)
		return net_sendv(id, &(struct iovec){ (void *)data, size }, 1);
	payload = payload_alloc(size);
	memcpy(payload, data, size);
	return net_send_low(id, payload, size);
}

/* Replaces the table at `arg` by the string of its items. */
static void concat_items(lua_State *L, int arg)
{
	luaL_Buffer text;

	luaL_buffinit(L, &text);
	for (lua_Integer i = 1; lua_rawgeti(L, arg, i) != LUA_TNIL; i++)
		luaL_addvalue(&text);
	lua_pop(L, 1);
	luaL_pushresult(&text);
	lua_replace(L, arg);
}

/* An array of strings goes out in one piece, as one item of the queue. */
static int send_table(lua_State *L, int id, int arg, bool low)
{
	bool numbers = false;
	size_t total = 0, n;
	lua_Integer count = 0;
	char *payload, *p;
	int type;

	/* everything that can raise comes before the allocation */
	while ((type = lua_rawgeti(L, arg, count + 1)) != LUA_TNIL) {
		if (type != LUA_TSTRING && type != LUA_TNUMBER)
			return luaL_error(L, "Invalid strings table");
		numbers = numbers || type == LUA_TNUMBER;
		total += lua_rawlen(L, -1);
		count++;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	if (numbers) {
		const char *text;

		concat_items(L, arg);
		text = lua_tolstring(L, arg, &n);
		return send_copy(id, text, n, low);
	}
	p = payload = payload_alloc(total);
	for (lua_Integer i = 1; i <= count; i++) {
		const char *s;

		lua_rawgeti(L, arg, i);
		s = lua_tolstring(L, -1, &n);
		memcpy(p, s, n);
		p += n;
		lua_pop(L, 1);
	}
	return (low ? net_send_low : net_send)(id, payload, total);
}

static int send_block(lua_State *L, int id, bool low)
{
	void *block = lua_touserdata(L, 2);
	lua_Integer size = luaL_optinteger(L, 3, -1);

	luaL_argcheck(L, size >= 0 && block, 3, "a block needs its size");
	return (low ? net_send_low : net_send)(id, block, (size_t)size);
}

static int send_userdata(lua_State *L, int id, bool low)
{
	size_t raw = lua_rawlen(L, 2);
	lua_Integer size = luaL_optinteger(L, 3, (lua_Integer)raw);

	luaL_argcheck(L, size >= 0 && (size_t)size <= raw, 3, "size is out of range");
	return send_copy(id, lua_touserdata(L, 2), (size_t)size, low);
}

static int send_data(lua_State *L, bool low)
{
	int id = (int)luaL_checkinteger(L, 1), r;
	const char *s;
	size_t n;

	switch (lua_type(L, 2)) {
	case LUA_TTABLE:
		r = send_table(L, id, 2, low);
		break;
	case LUA_TLIGHTUSERDATA:
		r = send_block(L, id, low);
		break;
	case LUA_TUSERDATA:
		r = send_userdata(L, id, low);
		break;
	default:
		s = luaL_checklstring(L, 2, &n);
		r = send_copy(id, s, n, low);
		break;
	}
	lua_pushboolean(L, r == 0);
	return 1;
}

/* send(id, data [, size]) -> true, or false: no such socket, or closing */
static int l_send(lua_State *L)
{
	return send_data(L, false);
}

static int l_lsend(lua_State *L)
{
	return send_data(L, true);
}

const luaL_Reg sending_functions[] = {
	{ "send", l_send },
	{ "lsend", l_lsend },
	{ NULL, NULL },
};
