/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether bytes are text: UTF-8 as in RFC 3629, at once or in pieces. Pure functions. Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far the bytes of a text are UTF-8 (RFC 3629); all zero before the first. */
struct utf8_text {
	uint8_t left;	   /* bytes that the last character lacks */
	uint8_t low, high; /* bounds of the next of them */
};

/* Goes on with n bytes. false: they are no UTF-8, whatever follows. */
bool utf8_feed(struct utf8_text *t, const uint8_t *p, size_t n);
/* Bytes of the character at p, where n bytes are, and in *ret_code its code; 0: there is none. */
size_t utf8_character(const uint8_t *p, size_t n, uint32_t *ret_code);
/* Whether the bytes are UTF-8. */
bool utf8_is_valid(const uint8_t *p, size_t n);
