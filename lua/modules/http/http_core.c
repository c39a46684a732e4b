/* SPDX-License-Identifier: MIT */
/*
 * http.core: the parsers of message.h and frame.h for Lua. Nothing here waits or knows a socket.
 * Heads of messages are in http_head.c.
 */
#include "lua/modules/http/http_core.h"

#include <lauxlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/base.h"
#include "core/base/little.h"
#include "core/base/utf8.h"
#include "lua/modules/http/frame.h"
#include "lua/modules/http/http_head.h"
#include "lua/modules/http/message.h"

#define CHUNKS_NAME "http.core.chunks"
#define FRAMES_NAME "http.core.frames"
#define KEY_SIZE 16 /* bytes of a Sec-WebSocket-Key, before base64 */

static struct http_span span_at(lua_State *L, int arg)
{
	struct http_span s;

	s.at = luaL_checklstring(L, arg, &s.size);
	return s;
}

static void push_span(lua_State *L, struct http_span s)
{
	lua_pushlstring(L, s.at, s.size);
}

/* ---- chunks ---- */

/* chunks() -> decoder */
static int l_chunks(lua_State *L)
{
	memset(lua_newuserdatauv(L, sizeof(struct http_chunks), 0), 0, sizeof(struct http_chunks));
	luaL_setmetatable(L, CHUNKS_NAME);
	return 1;
}

/* decoder:feed(bytes) -> data; and "end" and the rest behind the last chunk; or "bad" */
static int l_chunks_feed(lua_State *L)
{
	struct http_chunks *c = luaL_checkudata(L, 1, CHUNKS_NAME);
	struct http_span in = span_at(L, 2), data;
	enum http_chunks_event event;
	luaL_Buffer text;

	luaL_buffinit(L, &text);
	while ((event = http_chunks_next(c, &in, &data)) == HTTP_CHUNKS_DATA)
		luaL_addlstring(&text, data.at, data.size);
	luaL_pushresult(&text);
	if (event == HTTP_CHUNKS_MORE)
		return 1;
	lua_pushstring(L, event == HTTP_CHUNKS_END ? "end" : "bad");
	push_span(L, in);
	return 3;
}

/* ---- frames ---- */

/* frames(limit, masked, lax, inflates) -> reader */
static int l_frames(lua_State *L)
{
	lua_Integer limit = luaL_checkinteger(L, 1);
	struct frame_reader *r = lua_newuserdatauv(L, sizeof(*r), 0);

	luaL_argcheck(L, limit > 0, 1, "the limit must be positive");
	*r = (struct frame_reader){ .limit = (size_t)limit,
				    .masked = lua_toboolean(L, 2),
				    .lax = lua_toboolean(L, 3),
				    .inflates = lua_toboolean(L, 4) };
	luaL_setmetatable(L, FRAMES_NAME);
	return 1;
}

static int l_frames_gc(lua_State *L)
{
	frame_reader_clear(luaL_checkudata(L, 1, FRAMES_NAME));
	return 0;
}

/* reader:feed(bytes) */
static int l_frames_feed(lua_State *L)
{
	struct frame_reader *r = luaL_checkudata(L, 1, FRAMES_NAME);
	struct http_span in = span_at(L, 2);

	frame_reader_feed(r, in.at, in.size);
	return 0;
}

/* reader:next([bytes]) -> code, data, whether it is compressed; nil: it needs more; false, why,
 * status: the peer is wrong */
static int l_frames_next(lua_State *L)
{
	struct frame_reader *r = luaL_checkudata(L, 1, FRAMES_NAME);
	struct frame_data d;

	if (!lua_isnoneornil(L, 2)) {
		struct http_span in = span_at(L, 2);

		frame_reader_feed(r, in.at, in.size);
	}
	switch (frame_reader_next(r, &d)) {
	case FRAME_EVENT_FRAME:
		lua_pushinteger(L, d.code);
		lua_pushlstring(L, d.size ? (const char *)d.at : "", d.size);
		lua_pushboolean(L, d.compressed);
		return 3;
	case FRAME_EVENT_MORE:
		return 0;
	default:
		lua_pushboolean(L, false);
		lua_pushstring(L, r->why);
		lua_pushinteger(L, r->status);
		return 3;
	}
}

/* Bytes that nobody can guess; a call of the system for many frames. */
static void random_key(lua_State *L, uint8_t key[4])
{
	static _Thread_local uint8_t pool[256];
	static _Thread_local size_t left;

	if (left < 4) {
		if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
			luaL_error(L, "no random bytes");
		left = sizeof(pool);
	}
	left -= 4;
	memcpy(key, pool + left, 4);
}

/* mask() -> an integer that nobody can guess, for frame */
static int l_mask(lua_State *L)
{
	uint8_t key[4];

	random_key(L, key);
	lua_pushinteger(L, (lua_Integer)little_get32(key));
	return 1;
}

/* frame(code, data [, mask]) -> bytes. code: plus 64 if data is compressed. mask: false or nil for
 * none, an integer, or true for one of our own */
static int l_frame(lua_State *L)
{
	lua_Integer code = luaL_checkinteger(L, 1);
	struct http_span data = span_at(L, 2);
	bool masked = lua_toboolean(L, 3);
	uint8_t head[FRAME_HEAD_MAX], key[4] = { 0 };
	size_t size;
	luaL_Buffer text;
	char *to;

	if (masked && lua_type(L, 3) == LUA_TNUMBER) {
		uint32_t v = (uint32_t)luaL_checkinteger(L, 3);

		for (int i = 0; i < 4; i++)
			key[i] = (uint8_t)(v >> (24 - 8 * i));
	} else if (masked) {
		random_key(L, key);
	}
	size = frame_write_head(head, (unsigned)code, data.size, masked ? key : NULL);
	to = luaL_buffinitsize(L, &text, size + data.size);
	memcpy(to, head, size);
	if (masked)
		frame_mask((uint8_t *)to + size, (const uint8_t *)data.at, data.size, key);
	else
		memcpy(to + size, data.at, data.size);
	luaL_pushresultsize(&text, size + data.size);
	return 1;
}

/* is_utf8(text) */
static int l_is_utf8(lua_State *L)
{
	struct http_span text = span_at(L, 1);

	lua_pushboolean(L, utf8_is_valid((const uint8_t *)text.at, text.size));
	return 1;
}

/* ---- the handshake of WebSocket ---- */

static const char base64_marks[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Replaces the value on top of the stack by what the function of skynet.crypt makes of it. That is
 * a shared object, which only who begins a WebSocket needs. */
static void by_crypt(lua_State *L, const char *function)
{
	lua_getglobal(L, "require");
	lua_pushliteral(L, "skynet.crypt");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, function);
	lua_replace(L, -2);
	lua_insert(L, -2);
	lua_call(L, 1, 1);
}

/* key() -> a fresh Sec-WebSocket-Key */
static int l_key(lua_State *L)
{
	lua_pushinteger(L, KEY_SIZE);
	by_crypt(L, "randombytes");
	by_crypt(L, "base64encode");
	return 1;
}

/* is_key(text): whether it is the base64 of 16 bytes */
static int l_is_key(lua_State *L)
{
	struct http_span s = span_at(L, 1);
	bool right = s.size == 24 && s.at[22] == '=' && s.at[23] == '=';

	for (size_t i = 0; i < 22 && right; i++)
		right = s.at[i] && strchr(base64_marks, s.at[i]);
	lua_pushboolean(L, right);
	return 1;
}

/* accept(key) -> the Sec-WebSocket-Accept that answers it */
static int l_accept(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_settop(L, 1);
	lua_pushliteral(L, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	lua_concat(L, 2);
	by_crypt(L, "sha1");
	by_crypt(L, "base64encode");
	return 1;
}

static void class(lua_State *L, const char *name, const luaL_Reg *methods)
{
	if (luaL_newmetatable(L, name)) {
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
		luaL_setfuncs(L, methods, 0);
	}
	lua_pop(L, 1);
}

int luaopen_http_core(lua_State *L)
{
	static const luaL_Reg f[] = {
		{ "chunks", l_chunks }, { "frames", l_frames },	  { "frame", l_frame },
		{ "key", l_key },	{ "mask", l_mask },	  { "is_key", l_is_key },
		{ "accept", l_accept }, { "is_utf8", l_is_utf8 }, { NULL, NULL },
	};
	static const luaL_Reg chunks[] = { { "feed", l_chunks_feed }, { NULL, NULL } };
	static const luaL_Reg frames[] = { { "feed", l_frames_feed },
					   { "next", l_frames_next },
					   { "__gc", l_frames_gc },
					   { NULL, NULL } };

	class(L, CHUNKS_NAME, chunks);
	class(L, FRAMES_NAME, frames);
	luaL_newlib(L, f);
	luaL_setfuncs(L, http_head_functions, 0);
	return 1;
}
