/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Receive buffer of one socket: a queue of bytes, kept in the chunks they came in.
 *
 *   ring:  | chunk | chunk | chunk |      a used up chunk is freed
 *               ^ offset: read up to here
 *
 * Bytes are not moved, but for two reasons. A reader waits for a large number of them: then what
 * comes is put together while the rest is on its way, so that when the last byte is there one copy
 * makes the reader's string. Or a peer sends byte by byte and nobody reads: a chunk of its own,
 * with its place in the ring, would weigh a hundred times what it holds, so behind the first few
 * chunks small ones share their memory.
 *
 * A search remembers how far it came, so a long line that arrives in many pieces is looked at once.
 *
 * Threads:   none of its own; its owner's.
 * Ownership: chunks are payload_alloc'ed and the queue's.
 * Limits:    none; who pushes watches `size`.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockbuf_chunk {
	char *data;
	size_t size;
};

#define SOCKBUF_INLINE 4    /* chunks without an allocation for the ring; a power of two */
#define SOCKBUF_SMALL 256u  /* bytes of a packet that shares memory with those behind it, */
#define SOCKBUF_PIECE 4096u /* and of that memory */
#define SOCKBUF_SEP_MAX 16  /* longer separators are searched from the beginning each time */
#define SOCKBUF_GATHER_MIN ((size_t)64 << 10) /* sockbuf_expect: bytes that must be there, */
#define SOCKBUF_GATHER_MAX ((size_t)16 << 20) /* and that may be expected */

struct sockbuf {
	size_t size;   /* bytes to be read */
	size_t offset; /* of the first chunk, read already */
	struct sockbuf_chunk *ring;
	uint32_t capacity, head, count; /* capacity is a power of two */
	size_t room;			/* free bytes behind the last chunk */

	/* what was searched already: everything before byte `base`, which is byte `at` of chunk
	 * `chunk` */
	struct {
		size_t base, at;
		uint32_t chunk;
		uint32_t sep_size; /* 0 = nothing was searched */
		char sep[SOCKBUF_SEP_MAX];
	} scan;

	struct sockbuf_chunk first[SOCKBUF_INLINE];
};

void sockbuf_init(struct sockbuf *b);
/* Frees all chunks; the buffer is empty and can be used on. */
void sockbuf_clear(struct sockbuf *b);
/* Appends; nothing when n is 0. */
void sockbuf_push(struct sockbuf *b, void *payload_take, size_t n);
/* A reader waits for n > size bytes. Prepares for that if n is large and some of it is there; a
 * number that a peer only talks of costs nothing. */
void sockbuf_expect(struct sockbuf *b, size_t n);
/* Puts all bytes, size > 0, into one piece with room for n > size. */
void sockbuf_gather(struct sockbuf *b, size_t n);

/* Where the separator begins, n > 0 bytes of sep. false: it is not there (yet). */
bool sockbuf_find(struct sockbuf *b, const char *sep, size_t n, size_t *ret_at);
/* The first n <= size bytes if they lie in one piece, else NULL. */
const char *sockbuf_peek(const struct sockbuf *b, size_t n);
/* Copies the first n <= size bytes. */
void sockbuf_copy(const struct sockbuf *b, char *ret, size_t n);
/* Drops the first n <= size bytes. */
void sockbuf_skip(struct sockbuf *b, size_t n);
