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
#include "net/udp.h"
#include "net/udpaddr.h"
#include "net/write.h"

/* Where it goes to. */
struct target {
	int id;
	bool low;	     /* behind all that others queue */
	const char *address; /* of a datagram (net/udpaddr.h); NULL: the peer of the socket */
	size_t address_size;
};

/* The bytes stay the caller's. Returns 0 or -1, as all of these do. */
static int send_copy(const struct target *to, const void *data, size_t size)
{
	struct iovec bytes = { (void *)data, size };
	void *payload;

	if (to->address)
		return net_udp_send(to->id, to->address, to->address_size, &bytes, 1);
	if (!to->low)
		return net_sendv(to->id, &bytes, 1);
	payload = payload_alloc(size);
	memcpy(payload, data, size);
	return net_send_low(to->id, payload, size);
}

static int send_payload(const struct target *to, void *payload_take, size_t size)
{
	int r;

	if (!to->address)
		return (to->low ? net_send_low : net_send)(to->id, payload_take, size);
	r = send_copy(to, payload_take, size);
	payload_free(payload_take);
	return r;
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
static int send_table(lua_State *L, const struct target *to, int arg)
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
		return send_copy(to, text, n);
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
	return send_payload(to, payload, total);
}

static int send_block(lua_State *L, const struct target *to, int arg)
{
	void *block = lua_touserdata(L, arg);
	lua_Integer size = luaL_optinteger(L, arg + 1, -1);

	luaL_argcheck(L, size >= 0 && block, arg + 1, "a block needs its size");
	return send_payload(to, block, (size_t)size);
}

static int send_userdata(lua_State *L, const struct target *to, int arg)
{
	size_t raw = lua_rawlen(L, arg);
	lua_Integer size = luaL_optinteger(L, arg + 1, (lua_Integer)raw);

	luaL_argcheck(L, size >= 0 && (size_t)size <= raw, arg + 1, "size is out of range");
	return send_copy(to, lua_touserdata(L, arg), (size_t)size);
}

/* What is sent stands at `arg`, perhaps with its size behind it. */
static int send_data(lua_State *L, const struct target *to, int arg)
{
	const char *s;
	size_t n;
	int r;

	switch (lua_type(L, arg)) {
	case LUA_TTABLE:
		r = send_table(L, to, arg);
		break;
	case LUA_TLIGHTUSERDATA:
		r = send_block(L, to, arg);
		break;
	case LUA_TUSERDATA:
		r = send_userdata(L, to, arg);
		break;
	default:
		s = luaL_checklstring(L, arg, &n);
		r = send_copy(to, s, n);
		break;
	}
	lua_pushboolean(L, r == 0);
	return 1;
}

/* send(id, data [, size]) -> true, or false: no such socket, or closing */
static int l_send(lua_State *L)
{
	return send_data(L, &(struct target){ .id = (int)luaL_checkinteger(L, 1) }, 2);
}

static int l_lsend(lua_State *L)
{
	return send_data(L, &(struct target){ .id = (int)luaL_checkinteger(L, 1), .low = true }, 2);
}

/* udp_send(id, address, data [, size]) -> true, or false as send has it, or the datagram cannot be
 * sent */
static int l_udp_send(lua_State *L)
{
	struct target to = { .id = (int)luaL_checkinteger(L, 1) };

	to.address = luaL_checklstring(L, 2, &to.address_size);
	if (!to.address_size || to.address_size != udpaddr_size(*to.address))
		return luaL_argerror(L, 2, "Invalid udp address");
	return send_data(L, &to, 3);
}

const luaL_Reg sending_functions[] = {
	{ "send", l_send },
	{ "lsend", l_lsend },
	{ "udp_send", l_udp_send },
	{ NULL, NULL },
};
