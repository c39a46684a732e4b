/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Links: one per other node, the data plane. Never freed: a sender finds one by harbor id without a lock.
 *
 * Threads:   link_send: any. Everything else: the net loop, under the harbor's lock.
 * Ownership: link_send takes the message; the link owns it until the kernel or the socket's queue has it.
 * Limits:    queue_max bytes waiting for one node.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "core/sched.h"
#include "harbor/harbor.h"
#include "harbor/stream.h"

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct pending {
	uint32_t source, dest;
	int32_t session; /* 0 = free */
};

struct link {
	unsigned id;
	/* [any] */
	atomic_uintptr_t outbox;     /* newest first */
	atomic_uint_least64_t waiting_bytes;
	atomic_bool known;           /* the master says it is up: sends may wait for the link */
	atomic_int fd;               /* > 0: established, write to it */
	atomic_uint_least64_t sent, received, dropped;
	pthread_mutex_t tx_lock;     /* flushing */
	struct turn_hook hook;
	atomic_bool hook_queued;     /* the hook is in one worker's list at most */
	pthread_mutex_t pending_lock; /* requests that wait for an answer of this node */
	struct pending *pending;
	unsigned pending_used, pending_size;

	/* [loop] */
	enum link_state state;
	int conn;                    /* socket while connecting or up, 0 = none */
	bool ours;                   /* we connected */
	struct stream in;
	char name[64], address[128];
	uint64_t epoch, since_wall_ns, heard_ns, rtt_ns, retry_ns, backoff_ns;
};

extern struct link *links[256];

struct link *link_get(unsigned id); /* creates it; [loop] */
/* remote_ops.send. */
int link_send(struct msg *m_take);
void link_flush(struct link *l);
/* An answer came in: the request does not wait any more. [loop] */
void link_answered(struct link *l, const struct msg *m);
/* All requests that wait for this node fail with why; what waits in the outbox is bounced. [loop] */
void link_fail_all(struct link *l, const char *why);
void link_set_limits(uint64_t message_max, uint64_t queue_max);
