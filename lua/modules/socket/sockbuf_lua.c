/* SPDX-License-Identifier: MIT */
/*
 * The buffer functions of skynet.socketdriver. Programs that were written for it hand a table
 * `pool` to each; our buffer keeps its chunks by itself and ignores it, except that readline
 * without one only tests.
 *
 * A buffer is known by its magic word instead of its metatable, whose look-up by name would cost
 * more than the work itself. What skynet.socket does with a buffer besides is in inbox.c.
 */
#include "lua/modules/socket/sockbuf_lua.h"

#include <string.h>

#include "core/actor/msg.h"
#include "core/base/base.h"
#include "lua/host/block.h"

#define BUFFER_NAME "skynet.socketbuffer"

static const char magic[1];

struct buffer *buffer_at(lua_State *L, int arg)
{
	struct buffer *b = lua_touserdata(L, arg);

	if (unlikely(!b || lua_type(L, arg) != LUA_TUSERDATA || lua_rawlen(L, arg) != sizeof(*b) ||
		     b->magic != magic))
		luaL_error(L, "need buffer object at param %d", arg);
	return b;
}

static struct sockbuf *queue_at(lua_State *L, int arg)
{
	return &buffer_at(L, arg)->queue;
}

static void *block_at(lua_State *L, int arg)
{
	void *p = lua_touserdata(L, arg);

	if (unlikely(!p || !lua_islightuserdata(L, arg)))
		luaL_error(L, "need message block at param %d", arg);
	return p;
}

static size_t size_at(lua_State *L, int arg)
{
	lua_Integer n = luaL_checkinteger(L, arg);

	luaL_argcheck(L, n >= 0, arg, "size must not be negative");
	return (size_t)n;
}

/* Pushes the first n bytes and drops them, and `more` bytes behind them. */
static void take(lua_State *L, struct sockbuf *b, size_t n, size_t more)
{
	const char *p = sockbuf_peek(b, n);

	if (likely(p != NULL)) {
		lua_pushlstring(L, p, n);
	} else {
		luaL_Buffer text;

		sockbuf_copy(b, luaL_buffinitsize(L, &text, n), n);
		luaL_pushresultsize(&text, n);
	}
	/* only now: a string that could not be made leaves the bytes where they are */
	sockbuf_skip(b, n + more);
}

static int l_gc(lua_State *L)
{
	struct buffer *b = buffer_at(L, 1);

	if (b->inbox.gone)
		b->inbox.gone(&b->inbox);
	sockbuf_clear(&b->queue);
	return 0;
}

static int l_buffer(lua_State *L)
{
	struct buffer *b = lua_newuserdatauv(L, sizeof(*b), 0);

	b->magic = magic;
	sockbuf_init(&b->queue);
	b->inbox = (struct inbox){ .limit = INBOX_NO_LIMIT };
	if (luaL_newmetatable(L, BUFFER_NAME)) {
		lua_pushcfunction(L, l_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return 1;
}

/* push(buffer, pool, block, size) -> bytes */
static int l_push(lua_State *L)
{
	struct sockbuf *b = queue_at(L, 1);
	void *block = block_at(L, 3);

	sockbuf_push(b, block, size_at(L, 4));
	block_hold(L, NULL);
	lua_pushinteger(L, (lua_Integer)b->size);
	return 1;
}

/* pop(buffer, pool, n) -> string or nil, bytes left */
static int l_pop(lua_State *L)
{
	struct sockbuf *b = queue_at(L, 1);
	size_t n = size_at(L, 3);

	if (n == 0 || n > b->size)
		lua_pushnil(L);
	else
		take(L, b, n, 0);
	lua_pushinteger(L, (lua_Integer)b->size);
	return 2;
}

/* readall(buffer, pool) -> string */
static int l_readall(lua_State *L)
{
	struct sockbuf *b = queue_at(L, 1);

	take(L, b, b->size, 0);
	return 1;
}

/* readline(buffer, pool, separator) -> line or nothing; without pool: true or nothing */
static int l_readline(lua_State *L)
{
	struct sockbuf *b = queue_at(L, 1);
	size_t sep_size, at;
	const char *sep = luaL_checklstring(L, 3, &sep_size);

	luaL_argcheck(L, sep_size > 0, 3, "empty separator");
	if (!sockbuf_find(b, sep, sep_size, &at))
		return 0;
	if (unlikely(lua_isnil(L, 2)))
		lua_pushboolean(L, true);
	else
		take(L, b, at, sep_size);
	return 1;
}

/* clear(buffer, pool) */
static int l_clear(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		sockbuf_clear(queue_at(L, 1));
	return 0;
}

/* drop(block, size) */
static int l_drop(lua_State *L)
{
	payload_free(block_at(L, 1));
	block_hold(L, NULL);
	return 0;
}

/* str2p(string) -> block, size */
static int l_str2p(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	void *block = payload_alloc(n);

	memcpy(block, s, n);
	lua_pushlightuserdata(L, block);
	lua_pushinteger(L, (lua_Integer)n);
	return 2;
}

/* header(string) -> the big-endian number in its 1 to 4 bytes */
static int l_header(lua_State *L)
{
	lua_Integer v = 0;
	size_t n;
	const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);

	if (n < 1 || n > 4)
		return luaL_error(L, "Invalid read %s",
				  n ? "(a header has at most 4 bytes)" : "(no header)");
	for (size_t i = 0; i < n; i++)
		v = v << 8 | s[i];
	lua_pushinteger(L, v);
	return 1;
}

const luaL_Reg sockbuf_functions[] = {
	{ "buffer", l_buffer },	  { "push", l_push },	      { "pop", l_pop },
	{ "readall", l_readall }, { "readline", l_readline }, { "clear", l_clear },
	{ "drop", l_drop },	  { "str2p", l_str2p },	      { "header", l_header },
	{ NULL, NULL },
};
