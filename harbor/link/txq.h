/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What goes next on the wire of one link. Small messages in order of pushing; large ones in chunks
 * between them, one chunk of each in turn. A message of 64 MiB so holds up only what the same
 * sender has for the same receiver: that stays behind it, in its *lane*, because a pair of services
 * keeps its order.
 *
 * Threads:   none of its own; the link's lock.
 * Ownership: txq_push takes; what a batch has finished is in its `done` list, the caller's.
 * Limits:    none of its own: the link counts bytes. WIRE_LARGE_MAX large messages are begun at a
 *            time.
 */
#include <sys/uio.h>
#include "core/ds/list.h"
#include "harbor/protocol/wire.h"

#define TXQ_BATCH 64u
/* Chunks that a batch may hold: with what the socket may have queued, the wait of a small
 * message. */
#define TXQ_BATCH_CHUNKS 2u
#define TXQ_BUCKETS 64u

struct txq_list LIST_FIELDS(struct msg);

struct txq_lane {
	struct txq_lane *next;	  /* round robin */
	struct txq_lane *sibling; /* same bucket */
	uint32_t source, dest;
	struct txq_list waiting; /* never empty */
	uint64_t after;		 /* small messages that were pushed before the lane was made */
	uint32_t stream;
	uint64_t sent; /* bytes of the first, if it is begun */
	bool begun;
};

struct txq {
	struct txq_list small;
	LIST_OF(struct txq_lane) lanes;
	struct txq_lane *bucket[TXQ_BUCKETS];
	unsigned lane_count, begun;
	uint64_t pushed, popped; /* small messages */
	uint32_t seq, next_stream;
};

struct txq_batch {
	struct iovec iov[TXQ_BATCH * 2];
	unsigned parts, frames;
	struct msg *begun[TXQ_BATCH]; /* messages whose first frame is in here */
	unsigned begun_count;
	struct msg *done;    /* messages whose last frame is in here, linked by next */
	uint64_t done_bytes; /* their payload bytes */
	unsigned done_count;
	uint64_t bytes; /* on the wire */
	unsigned chunks;
	uint8_t heads[TXQ_BATCH][WIRE_LARGE_HEADER];
};

void txq_init(struct txq *q);
void txq_push(struct txq *q, struct msg *m_take);
bool txq_is_empty(const struct txq *q);
/* Fills the batch with the next frames. Returns false if there are none. */
bool txq_fill(struct txq *q, struct txq_batch *ret);
/* The link broke. Returns the messages that were begun and not finished, linked by next; the others
 * stay, and a new link counts from 0. */
struct msg *txq_cut(struct txq *q);
/* Returns everything, linked by next, in no particular order between lanes. */
struct msg *txq_clear(struct txq *q);
