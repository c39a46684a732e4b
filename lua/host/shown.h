/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Values in the texts of errors. The worker that runs the state, in a protected call.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define SHOWN_BYTES 1000u

/* A text of at most so many bytes; more is cut. It lies on the C stack: an error leaves nothing
 * behind. */
struct shown {
	size_t size;
	bool full; /* something was cut */
	char bytes[SHOWN_BYTES];
};

void shown_put(struct shown *t, const char *s, size_t n);
void shown_puts(struct shown *t, const char *s);
/* As Lua would write the string, at most the first bytes of it. */
void shown_put_quoted(struct shown *t, const char *s, size_t n, size_t most);
/* Pushes the text, with "..." if it was cut. */
const char *shown_push_text(lua_State *L, const struct shown *t);

/* Pushes a text of the value at the index and returns it. A table without __tostring is shown by
 * its fields, within bounds; everything else is what tostring makes of it. Raises what __tostring
 * raises. */
const char *shown_push(lua_State *L, int index);
/* Pushes a text of the error at the index, as shown_push does, with a hint behind its first line if
 * there is one. */
const char *shown_push_error(lua_State *L, int index);
/* Who knows what to do about an error: pushes the hint and returns true, or pushes nothing. While
 * one thread runs. */
void shown_set_hints(bool (*push)(lua_State *L, const char *error));
/* A message handler: the error as shown_push_error has it, and the stack below. */
int shown_traceback(lua_State *L);
/* The Lua function shown(value). */
int shown_text(lua_State *L);
/* Whether Lua writes the key without brackets and quotes. */
bool shown_is_name(const char *s, size_t n);
