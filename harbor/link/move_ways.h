/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The ways of messages to services that moved: what moves.c knows and decides, and what is sent by
 * it. Sent is under the lock, so that a change of ways comes between two messages. An error that
 * the sending causes may come back on the same thread: it finds the lock held by itself, and goes
 * on.
 *
 * Threads: any; all but move_enter under the lock.
 */
#include "core/base/lock.h"
#include "core/ds/list.h"
#include "harbor/link/move_note.h"
#include "harbor/link/move_table.h"

#define MOVE_HOLD_MAX 65536u /* messages that wait for one service */
#define MOVE_LATE_MAX 65536u /* notes that wait; others are asked for again, or given up in time */
#define MOVE_BUSY_NS (5 * NS_PER_MS)

/* What moves need of others. */
struct moves_ops {
	unsigned (*self)(void); /* our harbor id */
	/* Sends by the link of m->dest, which is not ours; refusals are told. */
	int (*send)(struct msg *m_take);
	/* Puts m into the mailbox of a service of ours; refusals are told. */
	int (*local)(struct msg *m_take);
	/* There is a service of ours, or its forwarder. */
	bool (*alive)(uint32_t handle);
	/* Ends our forwarder, if nothing is in its mailbox and nobody runs it. Returns whether it
	 * is gone. On the loop, which alone has messages of other nodes come to it. */
	bool (*end)(uint32_t forwarder);
	/* Returns how long a forwarder is kept that nobody uses. */
	uint64_t (*patience)(void);
	/* A message above the size of a chunk is under way to this handle. */
	bool (*busy)(uint32_t dest);
	/* The node is in the cluster, as far as we know, and its link up or about to be. */
	bool (*up)(unsigned node);
	/* Requests that wait for an answer of the handle's node wait for the other's, or fail if
	 * that is given up. */
	void (*transfer)(uint32_t from, uint32_t to);
	/* Requests of the node, relayed to this handle, are the other node's business. */
	void (*purge)(unsigned source, uint32_t dest);
	/* Returns how many bytes a link takes: more need not wait for it. */
	uint64_t (*room)(void);
	/* moves_tick wants to be called. */
	void (*touch)(void);
};

struct moves {
	const struct moves_ops *ops;
	struct lock lock;
	struct move_table table;
	LIST_OF(struct msg) late; /* notes that wait until no large message is before them */
	unsigned late_count;
	uint64_t draining[4]; /* nodes, as bits */
	uint64_t next_ns;     /* of the next look, 0: none */
	unsigned forwarders;  /* moves with WAY_OWN */
};
extern struct moves moves;

/* Returns what move_leave wants to know: false if this thread has the lock already. */
must_use bool move_enter(void);
void move_leave(bool entered);

static inline unsigned move_node(uint32_t handle)
{
	return handle >> 24;
}

static inline bool move_is_ours(uint32_t handle)
{
	return move_node(handle) == moves.ops->self();
}

static inline bool move_has_bit(const uint64_t bits[4], unsigned i)
{
	return bits[i / 64 & 3] >> (i % 64) & 1;
}

static inline void move_set_bit(uint64_t bits[4], unsigned i, bool on)
{
	uint64_t bit = UINT64_C(1) << (i % 64);

	bits[i / 64 & 3] = on ? bits[i / 64 & 3] | bit : bits[i / 64 & 3] & ~bit;
}

/* Our senders go the new way. */
static inline bool move_is_finished(const struct move *r)
{
	return r->way == WAY_NEW || (r->way == WAY_OWN && r->finished);
}

/* No other node sends to r's forwarder any more. */
bool move_is_settled(const struct move *r);
/* moves_tick is to be called then. */
void move_look_at(uint64_t ns);
/* A note to a node, if that is up. */
void move_tell(unsigned node, const struct move_note *n);
/* Has a note wait until nothing large is before it. */
void move_wait_late(struct msg *m_take);
/* Sends m to where its receiver is now, or holds it; takes m. */
int move_send_on(struct msg *m_take);
/* From now on messages go the new way, first those that waited for it; and what waits for answers
 * of the old node, which need not see to them any longer, waits for those of the new one. */
void move_take_new_way(struct move *r);
/* Everything that was sent by the old way has arrived. */
void move_go(uint32_t from, unsigned number);
/* Nothing of that node reaches our forwarder any more. */
void move_done(unsigned node, uint32_t from, unsigned number);
/* A pass has come to where the service is, with all that was sent before it. */
void move_passed(const struct move_note *n);
