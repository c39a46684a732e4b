/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a PostgreSQL server writes into its messages (protocol 3): heads of messages, numbers, texts
 * with their length, and values as texts: bytes and arrays. Pure functions.
 *
 * A reader walks over the body of one message (reader.h).
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/db/reader.h"

#define PGSQL_HEAD 5u  /* bytes in front of a body: what it is, and how long */
#define PGSQL_DEPTH 6u /* arrays in each other: the server's own limit */

/* The size of the body behind a head of PGSQL_HEAD bytes, -1: that is no size. */
int64_t pgsql_body(const uint8_t head[PGSQL_HEAD]);

/* The next n bytes as a number, large end first, n <= 8. */
uint64_t pgsql_uint(struct db_reader *r, unsigned n);
/* A text that ends with a zero byte, which is stepped over. */
const char *pgsql_zero(struct db_reader *r, size_t *ret_size);
/* A text behind its length in four bytes; NULL: it stands for NULL, or the message is bad. */
const char *pgsql_text(struct db_reader *r, size_t *ret_size);

/* The bytes that a text of the type bytea stands for, in hexadecimal digits behind \x or with
 * backslashes, into `to`, which has room for n. Returns how many, or -1: that is none. */
int64_t pgsql_bytes(const char *p, size_t n, uint8_t *to);

/* What comes next in an array that is written as {1,NULL,"a b",{...}}. */
enum pgsql_token {
	PGSQL_OPEN,   /* an array begins: the outermost one, or a member */
	PGSQL_CLOSE,  /* the innermost array ends */
	PGSQL_NULL,   /* a member that is NULL */
	PGSQL_PLAIN,  /* a member as it stands */
	PGSQL_QUOTED, /* a member between quotes, with backslashes in front of some bytes */
	PGSQL_END,    /* the array is over, and so is the text */
	PGSQL_BAD,
};

struct pgsql_array {
	const char *at, *end;
	unsigned depth;
	bool after; /* a member or an array has just ended: a comma or an end is due */
	bool over;
	const char *text; /* PLAIN and QUOTED: the member */
	size_t size;
};

/* Begins with the text of an array. Bounds in front of it are stepped over. */
void pgsql_array_begin(struct pgsql_array *a, const char *p, size_t n);
enum pgsql_token pgsql_array_next(struct pgsql_array *a);
/* A quoted member without its backslashes into `to`, which has room for n. Returns its size. */
size_t pgsql_unquote(const char *p, size_t n, char *to);
