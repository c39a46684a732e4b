/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Service: an actor with a handle, a mailbox and a callback; and how messages reach it.
 *
 * Life:      service_launch -> module create/init -> callbacks, one at a time on whichever worker
 *            owns the mailbox -> service_retire (by itself or by anybody) -> the owner finishes its
 *            current callback, answers what is left with errors, calls release.
 * Threads:   struct service is type-stable: never unmapped, recycled for later services (handle.h).
 *            A thread that found one may push into it without a reference (see mailbox.h);
 *            everything else that outlives the lookup needs service_grab().
 * Handles:   harbor id (8 bits) | index (24 bits), see handle.h.
 * Limits:    2^24 - 1 services per node.
 */
#include <stdalign.h>
#include <stdatomic.h>
#include "core/base/base.h"
#include "core/actor/mailbox.h"
#include "core/actor/msg.h"

struct message_log;
struct module;
struct service;

/* The C contract: 0 = the framework frees msg, other = the callee keeps it (payload_free later). */
typedef int (*service_cb)(struct service *s, void *ud, int type, int session, uint32_t source,
			  const void *msg, size_t size);

/* The fast way for our own hosts: the whole message, which the callee must destroy or keep. */
typedef void (*service_msg_cb)(struct service *s, void *ud, struct msg *m_take);

struct service {
	/* [any] read by senders */
	struct mailbox mailbox;
	alignas(CACHE_LINE) atomic_uint_least32_t handle; /* 0 = free slot */
	atomic_uint refs;
	atomic_bool retired;
	uint16_t tally; /* number of its tally (tally.h); set at launch, then constant */

	/* [owner] the worker that runs it; readers of statistics use relaxed loads */
	service_msg_cb on_message;
	void *ud;
	service_cb cb;
	void *instance;
	const struct module *module;
	struct message_log *message_log;     /* NULL: not open */
	atomic_uint_least64_t cpu_ns;	     /* time spent in callbacks */
	atomic_uint_least64_t messages;	     /* callbacks run */
	atomic_uint_least64_t errors;	     /* that its code raised and nobody caught */
	atomic_uint_least64_t turn_began_ns; /* monotonic start of the current turn, 0 = none */
	/* set by the monitor, read and cleared by STAT endless */
	atomic_bool endless;
	/* a Lua service's start function has not come to its end; relaxed */
	atomic_bool starting;
	atomic_uint wants;	      /* MOVE_WANTS_*, see move.h; relaxed */
	atomic_int_least32_t session; /* last session given out */
	atomic_size_t memory;	      /* bytes the implementation accounts for (Lua heap) */

	/* [queue] the run queue that holds it */
	struct service *run_next;

	/* overload.c */
	unsigned overload_said; /* [owner] the length last told of, and when */
	uint64_t overload_said_ns;
	atomic_uint_least64_t refusal_said_ns; /* [any] */

	/* set at launch, then constant until the slot is recycled */
	uint64_t born_ns;
	/* launch parameters, for people; until the last unref */
	char *args;

	/* [owner] of the last command_run; until the last unref */
	char *command_result;
	struct msg poison; /* wakes the owner for teardown */
	struct service *free_next;
	atomic_bool instance_busy; /* spin: service_signal() against release */
};

/* The callback, by the service itself (usually in init). cb == NULL: messages are discarded. */
void service_set_callback(struct service *s, void *ud, service_cb cb);
void service_set_message_callback(struct service *s, void *ud, service_msg_cb cb);

/* A message log, which stands before the callback while it is open (msglog.c). NULL: none. The
 * owner. */
struct message_log {
	service_msg_cb write;		/* what is called in place of the callback */
	void (*end)(struct service *s); /* the service ends: closes the log */
	service_msg_cb next;		/* the callback; NULL: there is none */
};
void service_set_message_log(struct service *s, struct message_log *log);

/* The beginning of the payload of a message with MSG_ORDER, whose size says 0: what the owner shall
 * do between two messages. obey takes the message, and looks itself whether it was meant for an
 * earlier service of this slot. */
struct service_order {
	void (*obey)(struct service *s, struct msg *m_take);
};

uint32_t service_handle(const struct service *s);
/* A new session id, 1 .. 2^31 - 1. The service's own thread of control. */
int32_t service_new_session(struct service *s);

/* The service whose callback runs on this thread, or NULL. */
struct service *service_current(void);
/* The same as a variable, which only turn.c and life.c write. */
extern _Thread_local struct service *service_running;

/* Log in the name of a service. */
void service_log(struct service *s, int level, const char *fmt, ...) printf_like(3, 4);

/* What the scheduler does for services; both from any thread. */
struct service_hooks {
	/* the service has mail and no owner: whoever is free runs it */
	void (*ready)(struct service *s);
	void (*empty)(void); /* the last service is gone */
};
extern struct service_hooks service_hooks; /* constant after service_init */
