/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Service: an actor with a handle, a mailbox and a callback; and how messages reach it.
 *
 * Life:      service_launch -> module create/init -> callbacks, one at a time on whichever worker
 *            owns the mailbox -> service_retire (by itself or by anybody) -> the owner finishes its
 *            current callback, answers what is left with errors, calls release.
 * Threads:   struct service is type-stable: never unmapped, recycled for later services (handle.h). A thread
 *            that found one may push into it without a reference (see mailbox.h); everything
 *            else that outlives the lookup needs service_grab().
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

	/* [owner] the worker that runs it; readers of statistics use relaxed loads */
	service_msg_cb on_message;
	void *ud;
	service_cb cb;
	void *instance;
	const struct module *module;
	struct message_log *message_log; /* NULL: not open */
	atomic_uint_least64_t cpu_ns;       /* time spent in callbacks */
	atomic_uint_least64_t messages;     /* callbacks run */
	atomic_uint_least64_t turn_began_ns; /* monotonic start of the current turn, 0 = none */
	atomic_bool endless;                /* set by the monitor, read and cleared by STAT endless */
	atomic_bool starting;               /* a Lua service's start function has not come to its end; relaxed */
	atomic_int_least32_t session;       /* last session given out */
	atomic_size_t memory;               /* bytes the implementation accounts for (Lua heap) */

	/* [queue] the run queue that holds it */
	struct service *run_next;

	/* overload.c */
	unsigned overload_said;             /* [owner] the length last told of, and when */
	uint64_t overload_said_ns;
	atomic_uint_least64_t refusal_said_ns; /* [any] */

	/* set at launch, then constant until the slot is recycled */
	uint64_t born_ns;
	char *args;                         /* launch parameters, for people; until the last unref */
	char *command_result;               /* last result of command_run; likewise */

	struct msg poison;                  /* wakes the owner for teardown */
	struct service *free_next;
	atomic_bool instance_busy;          /* spin: service_signal() against release */
};

/* ---- life ---- */

/* Creates a service of module `name` and runs its init on the calling thread. Gives its handle, or
 * 0 when the module is missing or init failed (both are logged). Any thread. */
uint32_t service_launch(const char *module, const char *args);

/* Removes the handle and its names at once; the rest happens on the owner (see above). false: no
 * such service. Any thread. */
bool service_retire(uint32_t handle);
/* Retires every service (ABORT); the node ends when the last is gone. Any thread. */
void service_retire_all(void);
/* How many services there are. Any thread. */
unsigned service_count(void);

/* A reference to a live service, or NULL. Give it back with service_unref. Any thread. */
struct service *service_grab(uint32_t handle);
void service_unref(struct service *s);

/* Calls f for every live service (a snapshot; holds a reference around each call). Any thread. */
void service_foreach(void (*f)(struct service *s, void *ud), void *ud);

/* The callback, by the service itself (usually in init). cb == NULL: messages are discarded. */
void service_set_callback(struct service *s, void *ud, service_cb cb);
void service_set_message_callback(struct service *s, void *ud, service_msg_cb cb);

/* A message log, which stands before the callback while it is open (msglog.c). NULL: none. The owner. */
struct message_log {
	service_msg_cb write;                     /* what is called in place of the callback */
	void (*end)(struct service *s);           /* the service ends: closes the log */
	service_msg_cb next;                      /* the callback; NULL: there is none */
};
void service_set_message_log(struct service *s, struct message_log *log);

/* The beginning of the payload of a message with MSG_ORDER, whose size says 0: what the owner shall do between two
 * messages. obey takes the message, and looks itself whether it was meant for an earlier service of this slot. */
struct service_order {
	void (*obey)(struct service *s, struct msg *m_take);
};

#define SERVICE_NO_CALLBACK "the service has no callback"
/* Frees m unread; whoever waits for an answer to it gets an error that says why. Any thread. */
void service_reject(struct msg *m_take, const char *why);

/* Calls the module's signal function in this thread; false: no such service or no function. */
bool service_signal(uint32_t handle, int sig);

uint32_t service_handle(const struct service *s);
/* A new session id, 1 .. 2^31 - 1. The service's own thread of control. */
int32_t service_new_session(struct service *s);

/* ---- sending, any thread ---- */

enum {
	SEND_OK = 0,
	SEND_NO_SERVICE = -1, /* no such local service; the contract's -1 */
	SEND_TOO_LARGE = -2,
	SEND_INVALID = -3,    /* destination 0 */
	SEND_REFUSED = -4,    /* the way to another node is shut or full, or the mailbox is: whoever waits has been told */
};

/* Delivers m to m->dest, local or remote; m is taken in every case. Unless it returns SEND_OK or
 * SEND_REFUSED nobody is told but the caller: one who does not speak for the sender uses
 * service_forward. */
must_use int service_send(struct msg *m_take);
/* By address: ":hex", ".name" (local) or a global name, whose failures are told by PTYPE_ERROR
 * like those of another node. m->dest is filled in. */
must_use int service_send_name(const char *address, struct msg *m_take);
/* Sends m for somebody who does not see the result: if it cannot be delivered, whoever waits for
 * an answer to it gets PTYPE_ERROR in its place. Also for messages that nobody misses (answers,
 * news). Returns what service_send does. */
int service_forward(struct msg *m_take);
/* The same by address. */
int service_forward_name(const char *address, struct msg *m_take);
/* Answers a request: PTYPE_RESPONSE with a copy of data. Session 0: nobody waits, nothing is
 * sent. */
void service_answer(uint32_t from, uint32_t to, int32_t session, const void *data, size_t size);
/* An error answer to whoever sent `session`; nothing when there is nobody to tell. `from` is
 * reported as the source. */
void service_send_error(uint32_t from, uint32_t to, int32_t session);
/* The same with a reason for the caller ("killed", "link lost", ...): payload text. */
void service_send_error_text(uint32_t from, uint32_t to, int32_t session, const char *why);

/* Who gets what other nodes send to index 0 of this one, the address of the node itself; 0 (at first): nobody.
 * Any thread. */
void service_set_node(uint32_t handle);
/* ":hex", ".name" -> handle, 0 if unknown. Global names are not looked up here. Any thread. */
uint32_t service_find(const char *address);

/* The service whose callback runs on this thread, or NULL. */
struct service *service_current(void);

/* After `delay_ns` the service gets PTYPE_RESPONSE, source 0, this session, no payload. Never
 * early; 0: at once, behind what is queued. Result: for service_timeout_cancel, valid until that message was received or the instance is
 * released (a release may cancel still). Any thread that holds s. */
struct msg *service_timeout(struct service *s, int32_t session, uint32_t tag, uint64_t delay_ns);
/* Whether a timeout of the service is on its way. Looks at all timers. Any thread that holds a reference. */
bool service_waits_for_timeout(struct service *s);
/* The tag of a timeout, which its service may use to find what it is for; 0 for any other message. */
uint32_t service_timeout_tag(const struct msg *m);
/* true: it will not come any more (and is freed). false: it is already in the mailbox, or about to be.
 * The service's own thread of control. */
bool service_timeout_cancel(struct msg *timeout);

/* Log in the name of a service. */
void service_log(struct service *s, int level, const char *fmt, ...) printf_like(3, 4);

/* The handle that hears about every EXIT and KILL (command MONITOR), 0 = none. */
uint32_t service_exit_monitor(void);
void service_set_exit_monitor(uint32_t handle);

/* ---- for the scheduler ---- */

/* What the scheduler does for services; both from any thread. */
struct service_hooks {
	void (*ready)(struct service *s); /* the service has mail and no owner: whoever is free runs it */
	void (*empty)(void);              /* the last service is gone */
};
extern struct service_hooks service_hooks; /* constant after service_init */

/* What a worker's turn is at, for whoever looks after the workers. That worker writes it, all of it relaxed: readers
 * want numbers that are nearly right. */
struct turn {
	atomic_uint_least64_t progress; /* changes with every message */
	atomic_uint_least64_t began_ns; /* monotonic, 0 = not in a turn */
	atomic_uint handle;             /* the service whose turn it is, 0 = none */
	atomic_uint source;             /* of the message in work, like the next two */
	atomic_int session, type;
};

/* Runs one bounded batch of messages. *now is the monotonic time, in and out: one clock reading a
 * turn. true: more is waiting; false: the service rests or is gone, do not touch it. The owner. */
bool service_run(struct service *s, struct turn *turn, uint64_t *now);
/* After clock_init and before the first launch. */
void service_init(const struct service_hooks *hooks);
/* The harbor id of this node, 0 = single node. Any thread. */
unsigned service_harbor(void);
