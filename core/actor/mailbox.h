/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Mailbox: many senders, one owner (the worker that runs the service), one atomic operation a push.
 *
 *   inbox  -> m3 -> m2 -> m1      senders push here, newest first
 *   local  -> n1 -> n2            the owner's: an inbox batch turned round, oldest first
 *
 * The inbox word holds a pointer (low 48 bits) and a count (high 16 bits, sticks at 65535), or one
 * of the states below:
 *
 *   CLOSED  0: the service is gone; pushes fail. So memory of zeros is a mailbox too (slab.h)
 *   IDLE    nothing here and nobody runs the service; the push that finds it must make it runnable
 *   EMPTY   nothing here, the service is runnable or running
 *
 * Roles       any thread pushes; only the owner pops, rests and closes. Ownership moves with the
 *             service through the run queues, which order the old owner before the new one.
 * Invariants  I1 the inbox list is complete at every moment: a message is linked before it is seen.
 *             I2 between a push that returned MAILBOX_WOKEN and mailbox_rest() there is one owner.
 * Ordering    M1 push: CAS release      <-> M2 take: exchange acquire: the owner sees the payload.
 *             M3 rest: CAS EMPTY -> IDLE release <-> M1 CAS acquire when it finds IDLE: the next
 *                owner sees everything the last one did.
 * Progress    push is lock-free (a CAS loop that fails only if another push succeeded); pop is
 *             wait-free. No ABA: the owner takes the whole list, so a push never depends on a node.
 * Reclaim     a mailbox lives in type-stable memory (handle.h): a late sender may push into the
 *             mailbox of the *next* service of the same slot. The message names its receiver, and
 *             the owner bounces what is not its own. So lookups need neither lock nor reference.
 * Not given   an exact length; order between different senders beyond the order of their pushes.
 * Test        tests/unit/core/actor/test_mailbox.c, `make check-tsan`
 */
#include <stdalign.h>
#include <stdatomic.h>
#include "core/base/base.h"
#include "core/actor/msg.h"

struct mailbox {
	/* [any] */
	alignas(CACHE_LINE) atomic_uintptr_t inbox;
	atomic_uint bound;  /* of `counted`, 0 = none; on the line that a push fetches anyhow */
	atomic_int counted; /* messages here that the bound counts; only kept while there is one */
	atomic_bool only_count;
	atomic_uint_least64_t refused;
	/* [owner] */
	alignas(CACHE_LINE) struct msg *local;
	atomic_uint local_length; /* written by the owner only; relaxed, read for statistics */
	uint32_t overload_at;	  /* warn when the length passes this; doubles, back at rest */
};

enum mailbox_push {
	MAILBOX_PUSHED, /* the owner will see it */
	MAILBOX_WOKEN,	/* it was idle: the caller must make the service runnable */
	MAILBOX_CLOSED, /* not taken */
};

enum mailbox_room {
	MAILBOX_FITS, /* m is counted: push it */
	MAILBOX_OVER, /* it is one too many, but the bound only counts: push it */
	MAILBOX_FULL, /* do not */
};

#define MAILBOX_OVERLOAD 1024u
/* Words of the inbox. */
#define MAILBOX_IDLE ((uintptr_t)1)
#define MAILBOX_EMPTY ((uintptr_t)2)

/* A fresh or recycled mailbox, idle and empty. Before anybody can see the service. */
void mailbox_open(struct mailbox *mb);
/* The same, but owned by the caller: pushes queue up and wake nobody until the owner rests. */
void mailbox_open_owned(struct mailbox *mb);

/* senders, any thread: takes m unless the result is MAILBOX_CLOSED */
enum mailbox_push mailbox_push(struct mailbox *mb, struct msg *m);
/* To be asked before a push while there is a bound: m's place is taken, or not. Two questions at
 * the same time never pass the bound together. Any thread. */
enum mailbox_room mailbox_admit(struct mailbox *mb, struct msg *m);
/* m, which has MSG_COUNTED, is out, or its push failed. */
void mailbox_uncount(struct mailbox *mb, struct msg *m);
/* Most messages that mailbox_admit lets in; 0: it need not be asked. only_count: they are let in
 * all the same. Any thread. */
void mailbox_set_bound(struct mailbox *mb, unsigned bound, bool only_count);
static inline unsigned mailbox_bound(const struct mailbox *mb)
{
	/* relaxed: who pushes while it changes may do as before */
	return atomic_load_explicit(&mb->bound, memory_order_relaxed);
}
/* How many did not fit. Any thread. */
uint64_t mailbox_refused(const struct mailbox *mb);
/* Messages waiting, approximately. Any thread. */
unsigned mailbox_length(const struct mailbox *mb);

/* the owner */
struct msg *mailbox_pop(struct mailbox *mb); /* NULL: nothing just now */
/* true: pop would return one; false: probably not. */
static inline bool mailbox_waits(const struct mailbox *mb)
{
	/* relaxed: a hint */
	return mb->local || atomic_load_explicit(&mb->inbox, memory_order_relaxed) != MAILBOX_EMPTY;
}
/* Returns whether nothing is in it and nobody runs its service, and all that was is done. Any
 * thread; it is old news where another one may push. */
static inline bool mailbox_is_idle(const struct mailbox *mb)
{
	/* acquire <-> M3 */
	return atomic_load_explicit(&mb->inbox, memory_order_acquire) == MAILBOX_IDLE;
}
/* true: idle and given up; false: go on popping */
bool mailbox_rest(struct mailbox *mb);
/* closes; returns all that waited, oldest first */
struct msg *mailbox_close(struct mailbox *mb);
/* Messages that the owner has taken out of the inbox and not popped yet. */
static inline unsigned mailbox_taken(const struct mailbox *mb)
{
	return atomic_load_explicit(&mb->local_length, memory_order_relaxed);
}
/* After a pop: how many are taken, with that one, if it passed the overload threshold since the
 * last time (which then doubles), or 0. */
unsigned mailbox_overload(struct mailbox *mb);
