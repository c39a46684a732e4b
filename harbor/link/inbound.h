/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Inbound: what has arrived of the other node's session. It outlives the connection: the next one
 * goes on where this one ended, within a large message too.
 *
 * A session is *forgotten* when its large messages that are half here must not wait any longer for
 * their rest: the other node is given up. It cannot go on then; the next one begins with its first
 * frame.
 *
 * Threads:   the net loop.
 * Ownership: messages under way are its own.
 */
#include <stdbool.h>
#include <stdint.h>
#include "harbor/protocol/wire.h"

struct inbound_large {
	struct msg *msg; /* NULL: free slot */
	uint32_t stream;
	uint64_t filled; /* by whole chunks */
};

struct inbound {
	uint64_t session; /* the last one that was taken, 0 = none of this incarnation */
	bool forgotten;
	uint64_t count; /* data frames of it that have arrived whole */
	uint64_t bytes; /* of those, on the wire */
	struct inbound_large large[WIRE_LARGE_MAX];
	uint64_t large_bytes; /* their sizes, as announced */
};

/* The other node is another incarnation now, or is not known yet. */
void inbound_reset(struct inbound *in);
/* From now on frames of this session come, from its first one on. */
void inbound_adopt(struct inbound *in, uint64_t session);
void inbound_forget(struct inbound *in);
