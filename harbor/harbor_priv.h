/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the control plane share: harbor.c (life, core/actor/remote.h), control.c (the state machines'
 * hands), conn.c (sockets), watch.c (who waits for a link). */
#include <stdatomic.h>
#include "core/base/lock.h"
#include "harbor/announce.h"
#include "harbor/directory.h"
#include "harbor/harbor.h"
#include "harbor/protocol/master.h"
#include "harbor/protocol/member.h"
#include "net/timer.h"

struct harbor {
	/* Held on the loop while the control plane changes, and by snapshots for people. */
	struct lock lock; /* before a socket's and a link's */
	struct harbor_config c;
	char *masters[17];            /* NULL-terminated */
	struct peer_self self;
	char any_address[ANNOUNCE_MAX]; /* we listen on all of our addresses; "": on one */
	char master_host[ANNOUNCE_MAX]; /* by which we reached the master last */
	struct member member;
	struct directory directory;   /* has its own lock */
	struct master *master;        /* NULL: this node is not the master */
	atomic_uint id;               /* written once, by the loop */
	uint64_t since_wall_ns;       /* we have our id */
	atomic_int state;             /* enum harbor_state; the loop writes, anybody reads */
	void (*on_state)(enum harbor_state st, const char *what, void *ud);
	void *on_state_ud;
	struct net_timer *timer;
	bool touched;                 /* [loop] a tick is posted */
	bool started, stopping;
	bool goodbye_said;
	uint64_t goodbye_at_ns;       /* at the latest */
	bool stopped;                 /* under lock; told by the condition */
	pthread_cond_t stopped_now;
};

struct link;

extern struct harbor H;

/* control.c */
extern const struct member_ops control_member_ops;
extern const struct master_ops control_master_ops;
/* The link's function for a queue that is beyond its limit: breaks it. */
void control_overrun(struct link *l);
/* Something changed: look at all deadlines soon. */
void control_touch(void);
/* The timer's function. */
void control_tick(void *ud);
void control_stop(void *arg);

/* watch.c: services that wait for a link (id 1..255) or the master (WATCH_MASTER) to come or go. Under the lock. */
#define WATCH_MASTER 256u
void watch_add(uint32_t from, int32_t session, unsigned id, bool connected);
void watch_tell(unsigned id, bool connected);
void watch_forget(uint32_t from);
/* Names that are lost: a service that asks is told the next one. */
void watch_add_lost(uint32_t from, int32_t session);
void watch_lost_name(const char *name, uint32_t handle, uint32_t winner);
void watch_fini(void);
