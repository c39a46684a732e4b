/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What one connection to a data base has received and nobody has taken: the bytes from `begin` to
 * `end`.
 *
 * It is part of a Lua userdata with one user value, which keeps the bytes; the collector frees them
 * with it. A function that may move them is called with that userdata as argument 1. All zeros are
 * an empty one.
 *
 * Threads: that of the service.
 */
#include <lua.h>
#include <stddef.h>

struct inbuf {
	char *bytes;
	size_t room, begin, end;
};

/* Appends n bytes. May raise for want of memory; then nothing has changed. */
void inbuf_append(lua_State *L, struct inbuf *b, const char *p, size_t n);
/* The first n bytes are done with. An empty buffer that one large answer needed is given up. */
void inbuf_skip(lua_State *L, struct inbuf *b, size_t n);
