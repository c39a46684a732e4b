/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The table of moves: which handle has become which, by both ends. What a move's way means is said
 * in moves.h.
 *
 * Threads:   none of its own; the user locks. The filter is read by anybody.
 * Ownership: a struct move is the table's; what it holds is the user's, who takes it out before
 *            the move is removed.
 * Limits:    MOVE_TABLE_MAX moves. A new one takes the place of the oldest that is done and has no
 *            forwarder here, or, if there is none, of the oldest claim of which nothing came.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/ds/list.h"
#include "core/ds/sessions.h"
#include "core/actor/msg.h"

#define MOVE_TABLE_MAX 65536u
/* A service that moved more often than this is not followed. */
#define MOVE_TABLE_HOPS 16u

enum way {
	WAY_OLD,  /* to `from` and its forwarder */
	WAY_HELD, /* nowhere just now */
	WAY_NEW,  /* to `to` */
	WAY_OWN,  /* the forwarder is here */
};

struct move {
	struct move *next, *same_to;
	uint32_t from, to;
	unsigned attempt;
	enum way way;
	unsigned held_count;
	uint64_t held_bytes;
	LIST_OF(struct msg) held;
	unsigned number;	    /* of the holding, see move_note.h */
	uint16_t *numbers;	    /* WAY_OWN: those of other nodes, by id; NULL: none holds */
	bool finishing, finished;   /* WAY_OWN: senders of this node go the new way, soon or now */
	uint64_t held_ns;	    /* since */
	uint64_t asked_ns;	    /* WAY_OWN: the last time that somebody was asked */
	uint64_t used_ns;	    /* WAY_OWN: the last time that our forwarder had something */
	uint64_t asked[4], done[4]; /* nodes, as bits */
};

/* A move may fail, and the service begin another: the later attempt is what counts. What the old
 * node has made final, or what has been moved on, is the last. */
#define MOVE_FINAL 0xffffu

/* Zeros are an empty table. */
struct move_table {
	LIST_OF(struct move) all; /* oldest first */
	struct sessions from, to;
	unsigned count;
	unsigned stale; /* moves whose bits in the filter may be more than is needed */
};

/* A bit, by a hash, for each handle from which a move leads, and to which one leads that is under
 * way. Bits of moves that are over or forgotten go when these are many (move_table_settle). */
#define MOVE_FILTER_BITS 20
extern atomic_uint_least64_t move_filter[(1u << MOVE_FILTER_BITS) / 64];

static inline uint32_t move_filter_bit(uint32_t handle)
{
	return handle * 2654435769u >> (32 - MOVE_FILTER_BITS);
}

/* NULL: it has not moved. */
struct move *move_table_from(const struct move_table *t, uint32_t from);
/* One of the moves that led to this handle, the others by same_to. NULL: none did. */
struct move *move_table_to(const struct move_table *t, uint32_t to);
/* A new move; there is none from that handle. NULL: the table is full of moves under way. */
struct move *move_table_add(struct move_table *t, uint32_t from, uint32_t to, enum way way);
/* r's way is done (move_is_finished): what is sent to where it leads needs no look. */
void move_table_settle(struct move_table *t, const struct move *r);
/* It leads elsewhere. */
void move_table_lead(struct move_table *t, struct move *r, uint32_t to);
/* r holds nothing. */
void move_table_remove(struct move_table *t, struct move *r);
/* Returns where the service is now, as far as the table knows. */
uint32_t move_table_last(const struct move_table *t, uint32_t handle);
/* Whoever follows the handle comes to the other one, or is there. */
bool move_table_passes(const struct move_table *t, uint32_t handle, uint32_t by);
/* Removes all; none holds anything. */
void move_table_fini(struct move_table *t);
