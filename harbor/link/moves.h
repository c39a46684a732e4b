/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Moves: where services have gone that moved to another node, on every node of the cluster.
 *
 *   A had the service X, which goes on as Y on B. S is any node with senders to X.
 *
 *     B --CLAIM(X,Y)--> all      before Y answers anything: answers to calls of X are taken from B
 *     S --messages----> X@A ==> Y@B        A's forwarder relays what S sends, under S's own name
 *     A --SWITCH(X,Y)-> S        A asks S to send to Y itself. From here S holds what is for X ...
 *     S --HELD(X)-----> A        ... and says so behind the last message that it sent to X
 *     A --PASS(X)=====> Y@B      goes through the forwarder, behind the last message of S
 *     B --GO(X)-------> S        S sends what it held to Y, and from now on all
 *     B --DONE(X)-----> A        nothing of S reaches X any more
 *
 * So at each moment the messages of a pair have one way, and a new way begins when the old one is
 * empty: their order holds. When all nodes are done with all its forwarders, A may end. What Y's
 * node says of Y is taken from no other node; a node speaks for others only to services that moved
 * away from it.
 *
 * A's own senders go through the forwarder until the service's names have followed; then they
 * change over in the same way (moves_finish).
 *
 * A forwarder that is needed for no order any more and was not used for a while ends (`patience` in
 * move_ways.h). Then A knows the move as it does those of other nodes, and what still comes for X
 * goes to Y by the table, until that forgets: then X is a handle that nobody has.
 *
 * These words are notes: messages of type PTYPE_HARBOR between the nodes themselves (handle index
 * 0), in the stream of data, so they are as reliable and ordered as what they speak of.
 *
 * Failure: a node A that is given up has no way any more: S sends to Y. A node B that is dead takes
 * its claims along. HELD lasts MOVES_HELD_NS at most. Each request has the outcome that links see
 * to: it waits for A until GO, then for B; A has what it relayed in its own table for B.
 *
 * Threads:   any; one lock. What comes from other nodes and the clock: the net loop.
 * Limits:    MOVE_TABLE_MAX moves are known, the oldest are forgotten; a move holds MOVE_HOLD_MAX
 *            messages at most, of as many bytes as a link takes; others are refused.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/msg.h"
#include "harbor/link/move_table.h"

#define MOVES_HELD_NS UINT64_C(10000000000)
/* Above this the oldest that nobody needs ends at once. */
#define MOVES_FORWARDERS_MAX 4096u

struct moves_ops; /* move_ways.h */

/* ops stays the caller's. */
void moves_init(const struct moves_ops *ops);
void moves_fini(void);

/* May a message to this handle have to go elsewhere? Mostly not, and then nothing is locked. A
 * claim is known to who acts on a message of the one who claims, by the mailbox that orders both.
 * Who hears nothing of it looks again when he has pushed: he has pushed before a HELD, or sees it
 * (both pushes, the mark in move_table.c and this are seq_cst). */
static inline bool moves_concern(uint32_t handle)
{
	uint32_t bit = move_filter_bit(handle);

	return atomic_load_explicit(&move_filter[bit / 64], memory_order_seq_cst) >> (bit % 64) & 1;
}

/* Sends m to where its receiver is, or holds it. As service_send; refusals are told. */
int moves_send(struct msg *m_take);
/* The same for what a forwarder has: in the name of m's source, which may be of any node. */
int moves_relay(struct msg *m_take);
/* A message to this handle went the old way while the move became known: if there was a HELD
 * meanwhile, another one follows, and counts. */
void moves_overtaken(uint32_t handle);
/* m is for a handle of ours that nobody has. true: it moved, m is taken. */
bool moves_find(struct msg *m_take);
/* May this node say something to our service in the name of a third? */
bool moves_accepts(unsigned node, uint32_t dest);
/* Did the service go to this node, now or on its way? Then answers may come from there. */
bool moves_knows(uint32_t old, unsigned node);

/* core/actor/move.h */
void moves_adopted(uint32_t service, const uint32_t *old, unsigned n, unsigned attempt);
void moves_left(uint32_t old, uint32_t to);
void moves_finish(uint32_t old);
bool moves_finished(uint32_t old);
uint32_t moves_now(uint32_t old);
bool moves_settled(uint32_t old);
void moves_draining(bool on);

/* ---- the loop ---- */

/* A note from this node, to us (index 0) or to one of our services. false: it is for the mailbox
 * of m->dest, or no note at all, and the caller's still. */
bool moves_note(unsigned node, struct msg *m_take);
/* The link to the node is up; or the node is given up: out of reach, or dead. */
void moves_link_up(unsigned node);
void moves_node_gone(unsigned node, bool dead);
bool moves_is_draining(unsigned node);
/* Writes a bit for each node that drains, this one too. Any thread. */
void moves_drainers(uint64_t ret_bits[4]);
/* Returns the time of the next call, UINT64_MAX: none. */
uint64_t moves_tick(uint64_t now);
/* How many moves are known. Any thread. */
unsigned moves_count(void);
/* Returns how many forwarders this node has. */
unsigned moves_forwarders(void);
