/* SPDX-License-Identifier: MIT */
#pragma once
/* The receive buffer as Lua sees it: the buffer functions of skynet.socketdriver. For this folder
 * only. */
#include <lua.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include "lua/modules/socket/sockbuf.h"

struct host;
struct task;

/* What the reader waits for. */
enum inbox_need {
	NEED_LINE, /* a separator */
	NEED_SIZE, /* a number of bytes */
	NEED_SOME, /* whatever comes */
	NEED_NEWS, /* that something comes: no matter what is there */
	NEED_END,  /* the end of the stream */
};

#define INBOX_NO_LIMIT SIZE_MAX

/* What skynet.socket knows of the socket besides: the fields belong to inbox.c. */
struct inbox {
	int id; /* 0 = it is in no table */
	struct host *host;
	struct inbox *next;		/* of the same place in the table */
	void (*gone)(struct inbox *in); /* its buffer is collected */

	struct task *reader; /* he waits if his token is this inbox */
	enum inbox_need need;
	bool called;	 /* he is woken, and his turn comes */
	bool got;	 /* for what he waits for is there */
	size_t size;	 /* NEED_SIZE */
	const char *sep; /* NEED_LINE: on the reader's stack as long as he waits */
	size_t sep_size;

	size_t limit;  /* of the buffer; INBOX_NO_LIMIT: none but for lines */
	bool paused;   /* it reads no more until its next reader comes */
	bool overflow; /* it was too large: what comes is thrown away */
};

struct buffer {
	const void *magic;
	struct sockbuf queue;
	struct inbox inbox;
};

/* Returns the buffer at `arg`; raises when that is none. */
struct buffer *buffer_at(lua_State *L, int arg);

/* Ends with an entry of NULLs. Light functions: they need no upvalue. */
extern const luaL_Reg sockbuf_functions[];
