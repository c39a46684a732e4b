/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * BSON 1.1 as bytes: a walk over the elements of a document, and a check of all of it. Pure
 * functions.
 *
 * A document is its size in 4 bytes, little end first as all numbers, elements, and a zero byte. An
 * element is its type, its key with a zero byte behind it, and its value. The walk steps over inner
 * documents by their size; whoever wants them opens them with a walk of their own.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"

#define BSON_MIN_SIZE 5u  /* bytes of a document without elements */
#define BSON_DEPTH 128	  /* how deep documents may stand in one another */
#define BSON_OBJECTID 12u /* bytes of one */

enum bson_type {
	BSON_DOUBLE = 0x01,
	BSON_STRING = 0x02,
	BSON_DOCUMENT = 0x03,
	BSON_ARRAY = 0x04,
	BSON_BINARY = 0x05,
	BSON_OID = 0x07,
	BSON_BOOLEAN = 0x08,
	BSON_DATE = 0x09,
	BSON_NULL = 0x0a,
	BSON_REGEX = 0x0b,
	BSON_DBPOINTER = 0x0c,
	BSON_CODE = 0x0d,
	BSON_SYMBOL = 0x0e,
	BSON_CODE_SCOPE = 0x0f,
	BSON_INT32 = 0x10,
	BSON_TIMESTAMP = 0x11,
	BSON_INT64 = 0x12,
	BSON_DECIMAL128 = 0x13,
	BSON_MAXKEY = 0x7f,
	BSON_MINKEY = 0xff,
};

/* The rest of a document. `why` is what is wrong with it, a static text, after bson_next has
 * returned BSON_BAD; NULL: the element is of type `unknown`, which is none. */
struct bson_walk {
	const uint8_t *at, *end;
	const char *why;
	uint8_t unknown;
};

/* One element. It lies in the document. */
struct bson_element {
	uint8_t type;
	const char *key; /* with a zero byte behind it */
	size_t key_size;
	const uint8_t *value;
	size_t size;
};

enum bson_step { BSON_END, BSON_ELEMENT, BSON_BAD };

/* Begins a walk over the document of n bytes at p. false: it is none, `why` says so. */
must_use bool bson_open(const uint8_t *p, size_t n, struct bson_walk *ret);
/* The next element, whose value has the size that belongs to its type: what is in an inner document
 * is not looked at. */
must_use enum bson_step bson_next(struct bson_walk *w, struct bson_element *ret);
/* How many elements are left, as far as they are good. */
size_t bson_count(const struct bson_walk *w);
/* Whether the document is good, with all that is in it. Otherwise *ret is where the fault was
 * found. */
must_use bool bson_check(const uint8_t *p, size_t n, struct bson_walk *ret);
/* Whether the n bytes at p are a value of this type, with all that is in it. */
must_use bool bson_check_value(uint8_t type, const uint8_t *p, size_t n);
/* Whether strings stand for values of this type. */
bool bson_is_tag(uint8_t type);
