/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Ledger: what one link owes to the other node, in bytes of memory, in one sum.
 *
 *   link_send --enter--> outbox, queue --written--> kept --acknowledged: leave
 *                           waiting
 *
 * What was written still counts until the other node has it: it may have to be written again. So a
 * node that does not read fills the sum, and one that reads, but is far away, needs a sum of as
 * much as is under way to it. A large message waits as a whole until its last piece is out. The
 * socket's own queue holds copies, of which there are few at a time (SOCKET_ENOUGH, flush.c), and
 * has no limit of its own.
 *
 * The sum alone is held to the limit of a link, so it counts what a message costs and not what it
 * says: of messages of a byte each, the sum of what they say would let in five times the limit.
 *
 * Threads: enter, and reading: any. Everything else: who holds the link's lock.
 * Ordering: all relaxed. These are numbers that are compared with a bound; what is accepted because
 * of them goes another way (link.c), which has its own ordering.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/msg.h"
#include "core/base/must.h"

/* What describes a message's frame while it is kept: 16 bytes in a ring that doubles, so twice that
 * for one that is half full, and the old ring beside it while it grows. A large message has more
 * frames, but 64 KiB for each. */
#define LEDGER_FRAME 48u

struct ledger {
	atomic_uint_least64_t sum;
	atomic_uint_least64_t kept; /* the part of it that was written */
};

/* Returns what a message with so many bytes of payload is entered with, and leaves with. */
static inline uint64_t ledger_cost(uint64_t size)
{
	return msg_allocation(size) + LEDGER_FRAME;
}

/* Returns all that was accepted and has not arrived, as far as is known here. */
static inline uint64_t ledger_sum(const struct ledger *g)
{
	return atomic_load_explicit(&g->sum, memory_order_relaxed);
}

/* Returns what was written and is not acknowledged. */
static inline uint64_t ledger_kept(const struct ledger *g)
{
	return atomic_load_explicit(&g->kept, memory_order_relaxed);
}

/* Returns what waits to be written. */
static inline uint64_t ledger_waiting(const struct ledger *g)
{
	uint64_t sum = ledger_sum(g), kept = ledger_kept(g);

	/* the two change one after the other */
	return sum > kept ? sum - kept : 0;
}

/* Enters a message of so many bytes, unless the sum would be above the bound. */
static inline bool must_use ledger_enter(struct ledger *g, uint64_t bytes, uint64_t bound)
{
	/* whoever adds first is counted first */
	uint64_t sum = atomic_fetch_add_explicit(&g->sum, bytes, memory_order_relaxed) + bytes;

	if (likely(sum <= bound))
		return true;
	atomic_fetch_sub_explicit(&g->sum, bytes, memory_order_relaxed);
	return false;
}

/* Messages that were entered have arrived, bounced, or are lost. */
static inline void ledger_leave(struct ledger *g, uint64_t bytes)
{
	uint64_t before = atomic_fetch_sub_explicit(&g->sum, bytes, memory_order_relaxed);

	must_slow(before >= bytes);
	(void)before;
}

/* So much is kept now. */
static inline void ledger_keep(struct ledger *g, uint64_t kept)
{
	atomic_store_explicit(&g->kept, kept, memory_order_relaxed);
}
