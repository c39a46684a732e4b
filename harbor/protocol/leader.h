/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Leader: which of several candidates is the master. They share a registry that knows leases
 * (etcd); the one who holds the key of the leader there leads as long as his lease lives. Pure: no
 * socket, no clock, no thread.
 *
 *               LOOK: elected            LOAD: the content            moved, or the lease is over
 *   CANDIDATE -----------------> LOADING -----------------> LEADS ----------------> CANDIDATE
 *    '--<-- LOOK again: another leads, or nobody can be asked
 *
 * Who gives the lead away is silent before the registry hears of it (RESIGN), and a candidate again
 * whatever comes of it: if nothing does, its next look finds the key its own.
 *
 * Two never lead at the same time, for two reasons that do not need each other:
 *
 *   - The registry takes a save only from the holder of the key, in the same step in which it looks
 *     at the key. So a leader who was frozen and wakes cannot register a name, and what is not
 *     saved is not told.
 *   - A leader counts his lease from the moment when it was asked for, on his own clock, and stops
 *     speaking a margin before it is over. The registry counts from a later moment, so he is silent
 *     before another can be elected. The clock goes on while the machine sleeps and is never set.
 *
 * Questions to the registry are asked one at a time, and answered in that order.
 *
 * Threads: the net loop. Times are of one clock, the caller's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harbor/registry/registry.h"

/* A candidate looks this often whether there is a leader. */
#define LEADER_LOOK_NS UINT64_C(200000000)

enum leader_state { LEADER_CANDIDATE, LEADER_LOADING, LEADER_LEADS };

struct leader_ops {
	/* Asks the registry; leader_answered comes later. to: for REGISTRY_RESIGN. */
	void (*ask)(void *ud, enum registry_ask what, const char *to);
	/* This node is the master from now on, with what the registry holds. */
	void (*lead)(void *ud, const struct registry_content *content);
	/* It is not any more; l->view says who is, if that is known. */
	void (*step_down)(void *ud, const char *why);
	/* Another candidate leads, or nobody does: l->view has changed. */
	void (*changed)(void *ud);
	/* What became of leader_move: NULL, or what went wrong. */
	void (*moved)(void *ud, const char *why_not);
};

struct leader {
	const struct leader_ops *ops;
	void *ud;
	const char *name;
	enum leader_state state;
	bool asked;		   /* a question is under way */
	bool mute;		   /* it was shut down: nothing is asked any more */
	bool moving;		   /* a move is under way */
	uint64_t ask_at;	   /* the next question */
	uint64_t lease_until;	   /* LEADS: no longer than this */
	bool reached;		   /* the last question was answered */
	struct registry_view view; /* as of the last look */
	char why[200];		   /* the last failure, for people; "": there was none */
};

/* name: of this candidate; it stays the caller's. */
void leader_init(struct leader *l, const struct leader_ops *ops, void *ud, const char *name);
/* Begins to look for a leader, or to be one. */
void leader_start(struct leader *l, uint64_t now);
/* What the registry answered. `a` stays the caller's. */
void leader_answered(struct leader *l, const struct registry_answer *a, uint64_t now);
/* The registry refused a save, for another holds the key. */
void leader_refused(struct leader *l, uint64_t now);
/* Does what is due. Returns the time of the next call. */
uint64_t leader_tick(struct leader *l, uint64_t now);
/* Whether this node is the master now. One whose time is over steps down. */
bool leader_speaks(struct leader *l, uint64_t now);
/* Gives the lead to this candidate, or to any other (""). Returns true, and ops->moved says later
 * how that went; or false and why not. */
bool leader_move(struct leader *l, const char *to, char *ret_why, size_t size);
/* The end: who leads gives the key back, so that nobody waits for the lease. */
void leader_stop(struct leader *l);
/* Whether that is done. */
bool leader_has_stopped(const struct leader *l);
