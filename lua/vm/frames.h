/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stacks of Lua, read as they stand: nothing is allocated, locked, raised or changed. So a signal
 * handler on the thread that runs the state may read them in the middle of anything. What is just
 * being changed is left out where it can be seen, and may point anywhere where it cannot: a handler
 * reads inside of guard_run (core/base/guard.h).
 *
 * Threads: the one that runs the state, its signal handlers too.
 * Limits:  with the stock VM neither the code of C functions nor arguments are known.
 */
#include <stdbool.h>
#include <stdint.h>

struct lua_State;

#define FRAME_SOURCE 60
#define FRAME_NAME 40
/* Of a stack that is deeper than asked for, so many frames are its outermost ones. */
#define FRAMES_OUTER 8u

struct frame {
	char source[FRAME_SOURCE]; /* short, as in messages of Lua */
	char name[FRAME_NAME];	   /* as the caller calls the function; "": that is not known */
	int line;		   /* where it is, -1: no line */
	int defined;		   /* where the function begins; 0: main chunk, -1: C */
	bool is_c;
	int (*code)(struct lua_State *L); /* of a C function, or NULL */
	const void *place;		  /* for frames_argument and frames_thread */
};

/* Reads the frames of L, the innermost first; of more than `max` the outermost FRAMES_OUTER end the
 * list. Returns how many were read; ret_depth: how many there are. */
unsigned frames_read(struct lua_State *L, struct frame *ret, unsigned max, unsigned *ret_depth);
/* Whether a C function is what runs. */
bool frames_in_c(struct lua_State *L);
/* A number by which stacks that stand at the same places are known. */
uint64_t frames_hash(struct lua_State *L);

enum frame_value_kind { FRAME_VALUE_NONE, FRAME_VALUE_INTEGER, FRAME_VALUE_TEXT };
struct frame_value {
	enum frame_value_kind kind;
	long long number;
	char text[FRAME_NAME]; /* its beginning; control characters are '?' */
};
/* The i-th argument of a frame, from 1, if it is an integer or a string. It is the parameter as the
 * function has it by now. */
struct frame_value frames_argument(struct lua_State *L, const struct frame *f, int i);
/* The coroutine that is the i-th argument, or for i < 0 the upvalue -i of a C function; or NULL. */
struct lua_State *frames_thread(struct lua_State *L, const struct frame *f, int i);
