/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The wire format of one struct, little-endian:
 *
 *   u16 n; n entries of u16; the data part: a u32 length and so many bytes for each entry that
 *   is 0.
 *   The tag is -1 at first. Each entry advances it by 1. An odd entry v advances it by (v - 1) / 2
 *   more and has no value; an even one is the value v / 2 - 1; for 0 the value is the next block of
 *   the data part.
 *
 * A reader walks over bytes that stay the caller's and may come from anywhere. Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/little.h"

struct wire_reader {
	const uint8_t *entry, *data, *end;
	unsigned left; /* entries */
	uint32_t tag;  /* plus one */
};

struct wire_value {
	uint32_t tag;	      /* at most 65535 * 32768 */
	uint32_t small;	      /* without a block: the value */
	const uint8_t *block; /* NULL: none */
	size_t size;
};

/* false: the bytes do not hold the header that they begin with. */
static inline bool wire_open(struct wire_reader *r, const uint8_t *p, size_t n)
{
	unsigned entries;

	if (n < 2)
		return false;
	entries = little_get16(p);
	if ((n - 2) / 2 < entries)
		return false;
	*r = (struct wire_reader){ p + 2, p + 2 + (size_t)entries * 2, p + n, entries, 0 };
	return true;
}

/* The next length and bytes at *data; false: they are cut off. */
static inline bool wire_block(const uint8_t **data, const uint8_t *end, const uint8_t **ret_block,
			      size_t *ret_size)
{
	uint32_t size;

	if (end - *data < 4)
		return false;
	size = little_get32(*data);
	if ((size_t)(end - *data) - 4 < size)
		return false;
	*ret_block = *data + 4;
	*ret_size = size;
	*data += 4 + (size_t)size;
	return true;
}

/* 1: a value; 0: that was all; -1: cut off. */
static inline int wire_next(struct wire_reader *r, struct wire_value *v)
{
	for (; r->left; r->left--, r->entry += 2) {
		unsigned e = little_get16(r->entry);

		if (e & 1) {
			r->tag += 1 + (e - 1) / 2;
			continue;
		}
		r->left--;
		r->entry += 2;
		v->tag = r->tag++;
		v->small = e / 2 - 1;
		v->block = NULL;
		v->size = 0;
		if (e == 0 && !wire_block(&r->data, r->end, &v->block, &v->size))
			return -1;
		return 1;
	}
	return 0;
}
