/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * State: what the control plane of this node knows, in one place. There is one harbor in a process.
 * harbor.c sets it up and takes it down; effects.c and events.c work on it.
 *
 * Threads: the net loop, under the lock, unless a member says otherwise.
 */
#include <stdatomic.h>
#include "core/base/lock.h"
#include "harbor/announce.h"
#include "harbor/config.h"
#include "harbor/directory.h"
#include "harbor/protocol/master.h"
#include "harbor/protocol/member.h"

struct net_timer;

struct harbor {
	/* Held on the loop while the control plane changes, and by snapshots for people. */
	struct lock lock;
	struct harbor_config c;
	char *masters[17]; /* NULL-terminated */
	struct peer_self self;
	char any_address[ANNOUNCE_MAX]; /* we listen on all of our addresses; "": on one */
	char master_host[ANNOUNCE_MAX]; /* by which we reached the master last */
	struct member member;
	struct directory directory; /* has its own lock */
	struct master *master;	    /* NULL: this node is not the master */
	atomic_uint id;		    /* written once, by the loop */
	uint64_t since_wall_ns;	    /* we have our id */
	atomic_int state;	    /* enum harbor_state; the loop writes, anybody reads */
	void (*on_state)(enum harbor_state st, const char *what, void *ud);
	void *on_state_ud;
	struct net_timer *timer;
	bool touched;	     /* [loop] a tick is posted */
	uint64_t due_ns;     /* when the next tick was to be */
	unsigned tried;	     /* the node to which we tried to connect last; 0: none */
	unsigned late_looks; /* how often a late one has waited for the sockets to be read */
	bool started, stopping;
	bool goodbye_said;
	uint64_t goodbye_at_ns; /* at the latest, unless something arrives until then */
	uint64_t stop_ns;	/* how long a stop waits for the next thing to arrive */
	uint64_t stop_last_ns;	/* and when it waits no longer */
	uint64_t stop_left;	/* bytes that had not arrived at the last look */
	bool stopped;		/* under lock; told by the condition */
	pthread_cond_t stopped_now;
};

extern struct harbor H;
