/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Kept: the frames of one direction of a link that were written and are not acknowledged. A frame
 * is only described here, in 16 bytes; its header is made anew when it is written again.
 *
 *        first              cursor             end        numbers of frames in their session
 *   ......[ written on the    | to be written    |
 *         | connection of now | again            |
 *
 * A message is freed when its last frame is acknowledged. Until then it lives through its frames
 * and, while some are still to come, in the queue (txq.h).
 *
 * Threads:   none of its own; the link's lock.
 * Ownership: kept_push of a message's last frame takes the message; it is freed here.
 * Limits:    none of its own: the link counts bytes, and acknowledgements make room.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/msg.h"

/* A small message's frame says how long that is, so that its memory, which is cold by then, need
 * not be read when it is acknowledged. */
struct kept_frame {
	struct msg *m;
	uint32_t index; /* KEPT_SMALL; of a large message: 0 = its head, k = its chunk k - 1 */
	uint32_t value; /* KEPT_SMALL: the size; else the stream */
};
#define KEPT_SMALL UINT32_MAX

/* Messages, and their bytes as the ledger counts them. */
struct kept_sum {
	uint64_t messages, bytes;
};

struct kept {
	struct kept_frame *ring;
	uint64_t first, cursor, end;
	uint64_t room;	/* a power of two, or 0 */
	uint64_t bytes; /* of messages whose last frame is in here, as above */
};

void kept_fini(struct kept *k);
/* Frame number `end`. Whoever pushes while cursor == end has to write it: cursor moves as well. */
void kept_push_small(struct kept *k, struct msg *m);
void kept_push_large(struct kept *k, struct msg *m, uint32_t stream, uint32_t index);
static inline const struct kept_frame *kept_at(const struct kept *k, uint64_t number)
{
	return &k->ring[number & (k->room - 1)];
}
/* The first `count` frames of the session have arrived; count is between first and cursor. Frees
 * the messages that are complete with them, and returns what they were. */
struct kept_sum kept_acknowledge(struct kept *k, uint64_t count);
/* The same, and all from frame `count` on is to be written again. */
struct kept_sum kept_rewind(struct kept *k, uint64_t count);
/* The session is over, the next one begins at 0. Frees the messages that were written to their end
 * and not acknowledged, and returns what they were. */
struct kept_sum kept_clear(struct kept *k);
