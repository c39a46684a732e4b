/* SPDX-License-Identifier: MIT */
#include "lua/modules/db/inbuf.h"

#include <string.h>

#define FIRST 4096u
#define KEEP (64u * 1024u) /* bytes of an empty buffer that are kept for the next answer */

/* Makes room for n more bytes behind those that are there. */
static void reserve(lua_State *L, struct inbuf *b, size_t n)
{
	size_t used = b->end - b->begin, room = b->room ? b->room : FIRST;
	char *bytes = b->bytes;

	if (b->room - b->end >= n)
		return;
	while (room < used + n)
		room *= 2;
	if (room > b->room) {
		bytes = lua_newuserdatauv(L, room, 0);
		memcpy(bytes, b->bytes ? b->bytes + b->begin : "", used);
		lua_setiuservalue(L, 1, 1);
	} else {
		memmove(bytes, bytes + b->begin, used);
	}
	b->bytes = bytes;
	b->room = room;
	b->begin = 0;
	b->end = used;
}

void inbuf_append(lua_State *L, struct inbuf *b, const char *p, size_t n)
{
	reserve(L, b, n);
	if (n)
		memcpy(b->bytes + b->end, p, n);
	b->end += n;
}

void inbuf_skip(lua_State *L, struct inbuf *b, size_t n)
{
	b->begin += n;
	if (b->begin < b->end)
		return;
	b->begin = b->end = 0;
	if (b->room > KEEP) {
		b->bytes = NULL;
		b->room = 0;
		lua_pushnil(L);
		lua_setiuservalue(L, 1, 1);
	}
}
