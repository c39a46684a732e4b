/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A service that moves to another node stands still first, in two steps. MOVE_HOLD_REQUESTS: new
 * requests wait, those that are being worked on go on: answers and timers come through, and so does
 * the debug protocol. MOVE_HOLD_ALL: nothing of the program runs any more, for its state is packed.
 * Then it either goes on here (move_thaw) or is a forwarder from then on (move_away): what waited
 * is dispatched, or sent on, in the order in which it came.
 *
 * Threads: the worker that runs the service, except move_thaw and move_away: any.
 * Limits:  what waits counts as long as it stands still as it would in the mailbox.
 */
#include "lua/host/host.h"

enum move_hold { MOVE_HOLD_NONE, MOVE_HOLD_REQUESTS, MOVE_HOLD_ALL };

void move_hold(struct host *h, enum move_hold hold);
/* true: m waits, and is taken. */
bool move_holds(struct host *h, struct msg *m);
/* Tasks that serve a request, without the one that runs, and answers that are owed otherwise.
 * ret_owed: of these, who waits for an answer. */
unsigned move_busy(struct host *h, unsigned *ret_owed);
/* The service of this node goes on, or has become the service `to`. false: there is none. */
bool move_thaw(uint32_t handle);
bool move_away(uint32_t handle, uint32_t to);
/* The state closes: who waits is told. */
void move_release(struct host *h);

/* What a service was on another node. */
#define MOVE_LIVES_MAX 16u /* as many as are followed (harbor/link/move_table.h) */
struct move_past {
	const char *state; /* packed */
	size_t size;
	uint32_t lives[MOVE_LIVES_MAX]; /* its handles, the last one first */
	unsigned count;
	unsigned attempt; /* to move, of the last life */
};
/* The next service that this thread launches has this past; NULL: none. Kept by reference. */
void move_set_past(const struct move_past *past);
/* The service is born on this thread: keeps its state, and tells the cluster who it is, before it
 * can say anything itself. */
void move_begin(struct host *h);
