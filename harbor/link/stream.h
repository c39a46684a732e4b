/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stream: bytes of one connection to frames and whole messages. Payloads are copied once, straight
 * into their message, also those of chunks.
 *
 * Threads: the net loop. A callback may end the connection: it sets `dead`, and nothing more comes.
 * Limits:  messages of `max` bytes; WIRE_LARGE_MAX of them under way, together of `large_max`
 *          bytes. What is under way goes with the stream (stream_fini), at the end of its
 *          connection.
 */
#include "harbor/protocol/wire.h"

struct stream_large {
	struct msg *msg; /* NULL: free slot */
	uint32_t stream;
	uint64_t filled;
};

struct stream {
	uint64_t max;	    /* payload bytes of a message; 0: no data frames yet */
	uint64_t large_max; /* payload bytes of the large ones under way; 0: no bound */
	void (*on_control)(void *ud, const struct wire_control *c);
	void (*on_message)(void *ud, struct msg *m_take);
	void *ud;
	bool dead;
	bool greeted; /* the first frame was ours */

	uint32_t seq;	 /* of the next data frame */
	uint64_t frames; /* data frames received */
	uint8_t head[WIRE_CONTROL_MAX];
	size_t have;
	struct msg *msg; /* a small one under way */
	uint64_t filled;
	struct stream_large large[WIRE_LARGE_MAX];
	uint64_t large_bytes;	   /* their sizes, as announced */
	struct stream_large *into; /* where the current chunk goes */
	uint32_t piece;		   /* bytes of the chunk that are missing */
};

/* false: bytes of a stranger or a broken peer; the connection is to be closed. */
bool stream_input(struct stream *s, const void *data, size_t n);
void stream_fini(struct stream *s);
