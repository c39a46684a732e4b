/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A text that grows at its end. It is the one growing buffer of bytes of this tree: JSON, tables
 * for people, the status line and shared images are built in it.
 *
 * Owner:    whoever holds the struct; a zeroed one is an empty text and owns nothing.
 * Threads:  none of its own; one thread at a time.
 * Failure:  memory that is not to be had ends the process, as everywhere (mem.h).
 * Limits:   none of its own: who lets strangers add to a text bounds what they add.
 */
#include <stddef.h>
#include "core/base/base.h"

struct text {
	char *bytes; /* NUL-terminated; NULL until something was added */
	size_t size; /* without the NUL */
	size_t capacity;
};

/* Frees the bytes; the text is empty again. Fits cleanup(). */
void text_fini(struct text *t);

/* Adds n bytes; they may hold NULs, and must not lie in the text itself. */
void text_add(struct text *t, const void *p, size_t n);
/* Adds a NUL-terminated string. */
void text_puts(struct text *t, const char *s);
/* Adds what printf would write. */
void text_printf(struct text *t, const char *fmt, ...) printf_like(2, 3);
/* Adds n bytes that the caller writes; returns where they begin, which holds until the next
 * call. */
char *text_room(struct text *t, size_t n);
/* Shortens the text to its first n bytes. */
void text_cut(struct text *t, size_t n);

/* The text as a string, "" if nothing was added; it holds until the next call. */
const char *text_string(const struct text *t);
/* Hands the bytes over, with their NUL and without spare room (mem_free); the text is empty
 * again. Never NULL. */
char *text_take(struct text *t);

/* Puts a space in place of each line break of a string. */
void text_to_one_line(char *s);
