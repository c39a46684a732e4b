/* SPDX-License-Identifier: MIT */
/*
 * skynet.netpack: what a gate does with the socket messages of its clients, over
 * frames.h.
 *
 * The queue is a userdata; the contract hands it in and out with each message, nil at first.
 */
#include "lua/modules/socket/netpack.h"

#include <lauxlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/modules/socket/frames.h"
#include "net/net.h"

#define QUEUE "harbord.netpack"

static int queue_gc(lua_State *L)
{
	frames_fini(luaL_checkudata(L, 1, QUEUE));
	return 0;
}

/* The queue at index 1, which is made if there is none. */
static struct frames *check_queue(lua_State *L)
{
	struct frames *f;

	if (!lua_isnoneornil(L, 1))
		return luaL_checkudata(L, 1, QUEUE);
	f = lua_newuserdatauv(L, sizeof(*f), 0);
	*f = (struct frames){ 0 };
	if (luaL_newmetatable(L, QUEUE)) {
		lua_pushcfunction(L, queue_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	lua_replace(L, 1);
	return f;
}

static int push_frame(lua_State *L, const struct frame *frame)
{
	lua_pushinteger(L, frame->id);
	lua_pushlightuserdata(L, frame->data);
	lua_pushinteger(L, frame->size);
	return 3;
}

static int on_data(lua_State *L, struct frames *f, const struct socket_message *m)
{
	struct frame frame;

	/* 16 bits hold no length over the limit */
	(void)frames_feed(f, m->id, m->buffer, (size_t)m->ud);
	payload_free(m->buffer);
	if (f->whole.count == 0)
		return 1;
	if (f->whole.count > 1) {
		lua_pushliteral(L, "more");
		return 2;
	}
	lua_pushliteral(L, "data");
	(void)frames_pop(f, &frame);
	return 2 + push_frame(L, &frame);
}

/* filter(queue, message, size) -> queue, type, ... */
static int l_filter(lua_State *L)
{
	const char *data = lua_touserdata(L, 2), *text;
	lua_Integer size = luaL_checkinteger(L, 3);
	struct socket_message m;
	size_t text_size;
	struct frames *f;

	if (!data || size < (lua_Integer)sizeof(m))
		return luaL_error(L, "Invalid socket message");
	memcpy(&m, data, sizeof(m));
	lua_settop(L, 3);
	f = check_queue(L);
	lua_settop(L, 1);
	text = data + sizeof(m);
	text_size = (size_t)size - sizeof(m);
	switch (m.type) {
	case SOCKET_DATA:
		return on_data(L, f, &m);
	case SOCKET_CONNECT:
		lua_pushliteral(L, "init");
		lua_pushinteger(L, m.id);
		lua_pushlstring(L, text, text_size);
		lua_pushinteger(L, m.ud);
		return 5;
	case SOCKET_CLOSE:
		frames_forget(f, m.id);
		lua_pushliteral(L, "close");
		lua_pushinteger(L, m.id);
		return 3;
	case SOCKET_ACCEPT:
		lua_pushliteral(L, "open");
		lua_pushinteger(L, m.ud);
		lua_pushlstring(L, text, text_size);
		return 4;
	case SOCKET_ERROR:
		frames_forget(f, m.id);
		lua_pushliteral(L, "error");
		lua_pushinteger(L, m.id);
		lua_pushlstring(L, text, text_size);
		return 4;
	case SOCKET_WARNING:
		lua_pushliteral(L, "warning");
		lua_pushinteger(L, m.id);
		lua_pushinteger(L, m.ud);
		return 4;
	default:
		payload_free(m.buffer); /* UDP */
		return 1;
	}
}

/* rest(queue, id) -> what is there of an unfinished frame of this socket, a string; "": none */
static int l_rest(lua_State *L)
{
	const struct frames *f = lua_isnoneornil(L, 1) ? NULL : luaL_checkudata(L, 1, QUEUE);
	int id = (int)luaL_checkinteger(L, 2);
	size_t size = f ? frames_rest(f, id, NULL) : 0;
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, size);

	if (size)
		(void)frames_rest(f, id, to);
	luaL_pushresultsize(&b, size);
	return 1;
}

/* feed(queue, id, string) -> queue: the socket's next frame begins with these bytes */
static int l_feed(lua_State *L)
{
	size_t size;
	const char *bytes = luaL_checklstring(L, 3, &size);
	int id = (int)luaL_checkinteger(L, 2);
	struct frames *f;

	lua_settop(L, 3);
	f = check_queue(L);
	(void)frames_feed(f, id, bytes, size);
	lua_settop(L, 1);
	return 1;
}

/* pop(queue) -> id, data, size, or nothing */
static int l_pop(lua_State *L)
{
	struct frame frame;

	if (lua_isnoneornil(L, 1) || !frames_pop(luaL_checkudata(L, 1, QUEUE), &frame))
		return 0;
	return push_frame(L, &frame);
}

/* pack(string) or pack(data, size) -> data with its length in front, size. The source stays the
 * caller's. */
static int l_pack(lua_State *L)
{
	const char *data;
	uint8_t *frame;
	size_t n;

	if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
		lua_Integer size = luaL_checkinteger(L, 2);

		luaL_argcheck(L, size >= 0, 2, "size must not be negative");
		data = lua_touserdata(L, 1);
		n = (size_t)size;
	} else {
		data = luaL_checklstring(L, 1, &n);
	}
	if (n > FRAME_MAX)
		return luaL_error(L, "Invalid size (too long) of data : %d", (int)n);
	frame = payload_alloc(FRAME_HEAD + n);
	frame_put_head(frame, n);
	if (n)
		memcpy(frame + FRAME_HEAD, data, n);
	lua_pushlightuserdata(L, frame);
	lua_pushinteger(L, (lua_Integer)(FRAME_HEAD + n));
	return 2;
}

/* tostring(data, size) -> string; frees data */
static int l_tostring(lua_State *L)
{
	void *data = lua_touserdata(L, 1);

	if (!data) {
		lua_pushliteral(L, "");
		return 1;
	}
	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	lua_pushlstring(L, data, (size_t)luaL_checkinteger(L, 2));
	payload_free(data);
	return 1;
}

/* clear(queue) */
static int l_clear(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		frames_fini(luaL_checkudata(L, 1, QUEUE));
	return 0;
}

int luaopen_skynet_netpack(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "filter", l_filter },	    { "pop", l_pop },	  { "pack", l_pack },
		{ "tostring", l_tostring }, { "clear", l_clear }, { "rest", l_rest },
		{ "feed", l_feed },	    { NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}
