/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Replies of a Redis server (RESP2), found in bytes that come in pieces.
 *
 * resp_scan goes over the bytes of one reply, each of them once, and says when the reply is whole;
 * only then is anything made of it, item by item with resp_item. So nobody builds half a value, and
 * a count that a server invents costs nothing.
 *
 * Threads: any, the functions are pure.
 * Limits:  bytes of a reply (the caller's), RESP_DEPTH arrays in each other, RESP_LINE bytes of a
 *          line of text.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESP_DEPTH 128u
#define RESP_LINE (64u * 1024u)

enum resp_kind {
	RESP_STATUS,
	RESP_ERROR,
	RESP_NUMBER,
	RESP_STRING,
	RESP_NULL,
	RESP_ARRAY,
};

struct resp_item {
	enum resp_kind kind;
	const char *text; /* STATUS, ERROR, STRING */
	size_t size;	  /* of the text; of the whole item from its first byte in `whole` */
	int64_t number;	  /* NUMBER: its value; ARRAY: how many items follow */
	size_t whole;	  /* bytes up to the next item: an array ends with its first line */
	bool lined;	  /* its first line is there */
};

enum resp_state {
	RESP_MORE,  /* at least `need` bytes in all are wanted */
	RESP_WHOLE, /* the reply is the first `at` bytes */
	RESP_BAD,   /* `why` says what is wrong at byte `at` */
};

/* Begins as zeros, for each reply anew. */
struct resp_scan {
	size_t at;     /* bytes whose items are whole */
	size_t looked; /* where the search for the end of a line goes on */
	size_t need;
	unsigned depth;
	int64_t left[RESP_DEPTH]; /* items that each open array still lacks */
	const char *why;
};

/* Goes on with the reply that begins at p, of which n bytes are there, at least as many as at the
 * call before. max: the most bytes that it may have. */
enum resp_state resp_scan(struct resp_scan *s, const char *p, size_t n, size_t max);
/* The item at the start of n bytes, into *ret. Returns MORE with ret->whole (a lower bound), WHOLE,
 * or BAD with *why. */
enum resp_state resp_item(const char *p, size_t n, size_t looked, struct resp_item *ret,
			  const char **why);

/* CRC-16/XMODEM: what places a key in a cluster. */
uint16_t resp_crc16(const char *p, size_t n);
/* The slot of a key: of what stands in its first {braces}, if anything does. */
unsigned resp_slot(const char *key, size_t n);
