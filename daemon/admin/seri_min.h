/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The little of the "lua" protocol (lua-core.md 4) that the control socket needs: pack strings and integers, and
 * show any answer as JSON. Pure; no thread of its own. lua/ has the real one, which needs a Lua
 * state and which daemon/ must not see.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/json.h"

#define SERI_MIN_DEPTH 32 /* tables inside tables */

struct seri_min {
	unsigned char *bytes; /* mem_alloc'ed */
	size_t size, capacity;
};

void seri_min_fini(struct seri_min *s);
void seri_min_string(struct seri_min *s, const char *p, size_t n); /* n < 4 GiB */
void seri_min_int(struct seri_min *s, int64_t value);
/* An integer if the whole text is one in decimal, else a string. */
void seri_min_word(struct seri_min *s, const char *text);

/* Writes the values as an array. Any bytes are legal input: 0, or -EBADMSG and j as it was.
 * A table with array items only becomes an array, any other an object. */
int seri_min_to_json(const void *p, size_t n, struct json *j, const char *key);
