/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What goes next on the wire of one link. Small messages in order of pushing; large ones in chunks
 * between them, one chunk of each in turn. A message of 64 MiB so holds up only what the same
 * sender has for the same receiver: that stays behind it, in its *lane*, because a pair of services
 * keeps its order.
 *
 * What was written is kept until it is acknowledged (kept.h). After a break the other node says
 * where it stands, the queue goes back there, and nothing new goes out before what is kept has.
 *
 * Threads:   none of its own; the link's lock.
 * Ownership: txq_push takes; what has arrived, or is lost, is freed here.
 * Limits:    none of its own: the link counts bytes. WIRE_LARGE_MAX large messages are begun at a
 *            time.
 */
#include <sys/uio.h>
#include "core/ds/list.h"
#include "harbor/link/kept.h"
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
	uint32_t sent; /* chunks of the first, if it is begun */
	bool begun;
};

struct txq {
	struct txq_list small;
	LIST_OF(struct txq_lane) lanes;
	struct txq_lane *bucket[TXQ_BUCKETS];
	unsigned lane_count, begun;
	uint64_t pushed, popped; /* small messages */
	uint32_t next_stream;
	struct kept kept;
};

struct txq_batch {
	struct iovec iov[TXQ_BATCH * 2 + 1]; /* one for the caller */
	unsigned parts, frames;
	struct msg
		*begun[TXQ_BATCH]; /* messages whose first frame is in here, for the first time */
	unsigned begun_count;
	unsigned done;	 /* messages whose last frame is in here, for the first time */
	unsigned resent; /* frames that were written before */
	uint64_t bytes;	 /* on the wire */
	unsigned chunks;
	uint8_t heads[TXQ_BATCH][WIRE_LARGE_HEADER];
};

void txq_init(struct txq *q);
void txq_push(struct txq *q, struct msg *m_take);
bool txq_is_empty(const struct txq *q);
/* Is a large message to this service, or what waits behind one, not sent yet? */
bool txq_has_lane(const struct txq *q, uint32_t dest);
/* Fills the batch with the next frames. Returns false if there are none. */
bool txq_fill(struct txq *q, struct txq_batch *ret);
/* So many frames of the session have arrived at the other node. Frees the messages that are
 * complete with them and returns what they were; *ret_valid is false if so many were not written,
 * or more have been acknowledged: then nothing happens. */
struct kept_sum txq_acknowledge(struct txq *q, uint64_t count, bool *ret_valid);
/* The same on a new connection: what follows is written again. */
struct kept_sum txq_rewind(struct txq *q, uint64_t count, bool *ret_valid);
/* A new session begins. Frees the messages that were begun and whose end is not acknowledged, and
 * returns what they were: they may have arrived. The others stay. */
struct kept_sum txq_renew(struct txq *q);
/* Returns what was not begun, linked by next, in no particular order between lanes. */
struct msg *txq_clear(struct txq *q);
/* After txq_clear and txq_renew. */
void txq_fini(struct txq *q);
