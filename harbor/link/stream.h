/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stream: bytes of one connection to frames and whole messages. Payloads are copied once, straight
 * into their message, also those of chunks.
 *
 * Threads: the net loop. A callback may end the connection: it sets `dead`, and nothing more comes.
 * Limits:  messages of `max` bytes; WIRE_LARGE_MAX of them under way, together of `large_max`
 *          bytes. A frame that is cut short by the end of its connection goes with the stream
 *          (stream_fini); whole chunks stay in `in`.
 */
#include "harbor/link/inbound.h"
#include "harbor/protocol/wire.h"

struct stream {
	struct inbound *in; /* NULL: no data frames yet */
	uint64_t max;	    /* payload bytes of a message */
	uint64_t large_max; /* payload bytes of the large ones under way; 0: no bound */
	void (*on_control)(void *ud, const struct wire_control *c);
	void (*on_message)(void *ud, struct msg *m_take);
	void (*on_ack)(void *ud, uint64_t count); /* NULL: it is a control frame as any other */
	void *ud;
	bool dead;
	bool greeted; /* the first frame was ours */
	bool data;    /* bytes of data or an acknowledgement came; whoever reads it clears it */

	uint8_t head[WIRE_CONTROL_MAX];
	size_t have;
	struct msg *msg; /* a small one under way */
	uint64_t filled;
	struct inbound_large *into; /* where the current chunk goes */
	uint32_t piece;		    /* its size */
	uint32_t piece_filled;
};

/* false: bytes of a stranger or a broken peer; the connection is to be closed. */
bool stream_input(struct stream *s, const void *data, size_t n);
void stream_fini(struct stream *s);
