/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The messages of permessage-deflate (RFC 7692) by zlib. A message is raw DEFLATE that ends at a
 * byte with an empty stored block, of which the last four bytes, 00 00 ff ff, are not sent.
 *
 * Both ends keep a window of what went before, 2^bits bytes: with takeover it goes on from message
 * to message; without, each message begins with an empty one, and then one stream can serve any
 * number of connections.
 *
 *   deflater_begin(d, text); while (deflater_some(d, ...) == DEFLATE_MORE) ...;
 *
 * Threads:   none of their own; their owner's.
 * Ownership: a stream must stay where it is between open and close; the bytes that begin() is
 *            given are read until the end of the message.
 * Limits:    memory of a deflater is 2^(bits + 2) + 2^(memory + 9) bytes and 6 KiB, of an inflater
 *            2^bits bytes and 10 KiB. Whoever collects the output watches its size.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#define DEFLATE_BITS_MIN 8
#define DEFLATE_BITS_MAX 15
#define DEFLATE_TAIL 4u	    /* bytes at the end of what a deflater writes, which are not sent */
#define DEFLATE_ROOM_MIN 7u /* bytes that a deflater must have room for */

enum deflate_event {
	DEFLATE_MORE, /* call again with room for more */
	DEFLATE_END,  /* the message is whole */
	DEFLATE_BAD,  /* it is no message */
	DEFLATE_NO_MEMORY,
};

/* An allocator of Lua's kind. */
struct deflate_memory {
	void *(*alloc)(void *ud, void *p, size_t old_size, size_t new_size);
	void *ud;
};

struct deflater {
	z_stream z;
	struct deflate_memory memory;
	bool takeover, open;
	bool within; /* a message, which an error may have left there */
};

struct inflater {
	z_stream z;
	struct deflate_memory memory;
	bool takeover, open;
	bool within;
	bool in_tail; /* the four bytes that were not sent are its input */
};

/* bits: 8 to 15; level: 1 to 9; memory_level: 1 to 9. false: no memory. */
bool deflater_open(struct deflater *d, struct deflate_memory memory, int bits, bool takeover,
		   int level, int memory_level);
/* n > 0. false: the stream is of no use any more. */
bool deflater_begin(struct deflater *d, const void *p, size_t n);
/* room >= DEFLATE_ROOM_MIN */
enum deflate_event deflater_some(struct deflater *d, uint8_t *to, size_t room, size_t *ret_written);
/* Frees it; a second time does nothing. */
void deflater_close(struct deflater *d);

bool inflater_open(struct inflater *f, struct deflate_memory memory, int bits, bool takeover);
bool inflater_begin(struct inflater *f, const void *p, size_t n);
enum deflate_event inflater_some(struct inflater *f, uint8_t *to, size_t room, size_t *ret_written);
void inflater_close(struct inflater *f);
