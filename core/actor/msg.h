/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A message: one allocation, header first, payload right behind it.
 *
 *   | next | size | source | dest | session | type | payload ...          |
 *   ^ struct msg *                               ^ msg_payload(), 16-byte aligned
 *
 * Every buffer that may become a payload is made by payload_alloc() and so carries the header in
 * front of it: a buffer filled by Lua, by a C service or by the net thread turns into a message
 * without a copy (msg_of), and a callback that keeps its payload frees it with payload_free().
 *
 * Threads:   none of its own; whoever owns the message may touch it.
 * Ownership: exactly one owner at a time: sender, mailbox, receiver. `_take` parameters take it.
 * Limits:    MSG_SIZE_MAX bytes of payload.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/base.h"

/* Protocol types, the numbers of the contract (0..255; 13 and up are the users'). */
enum {
	PTYPE_TEXT = 0,
	PTYPE_RESPONSE = 1,
	PTYPE_MULTICAST = 2,
	PTYPE_CLIENT = 3,
	PTYPE_SYSTEM = 4,
	PTYPE_HARBOR = 5,
	PTYPE_SOCKET = 6,
	PTYPE_ERROR = 7,
	PTYPE_QUEUE = 8,
	PTYPE_DEBUG = 9,
	PTYPE_LUA = 10,
	PTYPE_SNAX = 11,
	PTYPE_TRACE = 12,
};

#define MSG_SIZE_MAX ((UINT64_C(1) << 56) - 1)

struct msg {
	struct msg *next; /* whoever owns the message links it: mailbox, outbox, free list */
	uint64_t size;	  /* payload bytes */
	uint32_t source;  /* handle of the sender, 0 = the node itself */
	uint32_t dest;	  /* handle of the receiver; the receiver checks it (see mailbox.h) */
	int32_t session;  /* 0 = no answer wanted */
	uint8_t type;	  /* PTYPE_* */
	uint8_t flags;	  /* MSG_* */
	uint16_t reserved;
};
_Static_assert(sizeof(struct msg) == 32, "the payload behind it must stay 16-byte aligned");

enum {
	MSG_POISON = 1,	  /* the service's own wake-up for its end; never delivered, never freed */
	MSG_TIMEOUT = 2,  /* made by service_timeout */
	MSG_SHARED = 4,	  /* the payload is a reference to one that several receivers share */
	MSG_ORDER = 8,	  /* the owner obeys it (struct service_order); never delivered */
	MSG_COUNTED = 16, /* the bound of the mailbox that holds it counts it (mailbox.h) */
	MSG_MARK = 32,	  /* whoever sent it wants to know when it is taken (msg_set_on_taken) */
	MSG_FOREIGN = 64, /* it came from another node: a pointer in it is refused */
	MSG_RELAYED =
		128, /* sent on to where its receiver has moved: its source may be any node's */
};
_Static_assert((MSG_POISON ^ MSG_TIMEOUT ^ MSG_COUNTED ^ MSG_MARK ^ MSG_ORDER ^ MSG_FOREIGN ^
		MSG_SHARED ^ MSG_RELAYED) == MSG_POISON + MSG_TIMEOUT + MSG_COUNTED + MSG_MARK +
						     MSG_ORDER + MSG_FOREIGN + MSG_SHARED +
						     MSG_RELAYED,
	       "each flag is a bit of its own");

/* Whether a message of this type answers a request: its session is the request's, 0 if it is news
 * of an end. */
static inline bool ptype_is_answer(int type)
{
	return type == PTYPE_RESPONSE || type == PTYPE_ERROR;
}

/* Whether the sender of such a message waits for an answer. The session of a multicast is its
 * channel, which may be the number of a call that its sender waits for: an error "in answer" to the
 * multicast would end that call. */
static inline bool ptype_wants_answer(int type, int32_t session)
{
	return session != 0 && !ptype_is_answer(type) && type != PTYPE_MULTICAST;
}

static inline bool msg_is_answer(const struct msg *m)
{
	return ptype_is_answer(m->type);
}

static inline bool msg_wants_answer(const struct msg *m)
{
	return ptype_wants_answer(m->type, m->session);
}

static inline void *msg_payload(const struct msg *m)
{
	return (char *)m + sizeof(struct msg);
}

static inline struct msg *msg_of(void *payload)
{
	return (struct msg *)(void *)((char *)payload - sizeof(struct msg));
}

/* How large the allocation of a message with n bytes of payload is: at least MSG_ROOM_MIN lie
 * behind each header, so that a turn copies the first ones without a look at the size. It costs
 * memory only where there is no payload: malloc goes by 16 bytes. n <= SIZE_MAX -
 * sizeof(struct msg). */
#define MSG_ROOM_MIN 16u
static inline size_t msg_allocation(size_t n)
{
	return sizeof(struct msg) + (n < MSG_ROOM_MIN ? MSG_ROOM_MIN : n);
}

/* Payload buffers with room for a header in front. Any thread; never NULL. */
void *payload_alloc(size_t n);
void *payload_realloc(void *payload, size_t n); /* NULL payload: alloc */
void payload_free(void *payload);		/* NULL is fine */

/* A message with room for n payload bytes; everything but the payload is zero, size = n. */
struct msg *msg_create(size_t n);
/* A message with a copy of data; one NUL that is not counted follows the copy. */
struct msg *msg_create_copy(const void *data, size_t n);
/* Makes m, whose payload is written, the answer to a request: a PTYPE_RESPONSE or PTYPE_ERROR from
 * `from` to whoever sent `session`. Returns m. */
static inline struct msg *msg_address_answer(struct msg *m, uint32_t from, uint32_t to,
					     int32_t session, int type)
{
	m->source = from;
	m->dest = to;
	m->session = session;
	m->type = (uint8_t)type;
	return m;
}

/* Frees message and payload; NULL is fine; returns NULL. */
struct msg *msg_destroy(struct msg *m);

/* Frees a message that nobody reads, and what its payload points to (msg_add_on_drop). Takes it.
 * Any thread. */
void msg_drop(struct msg *m_take);
/* f looks at each message that is freed unread because its service ended (or has no callback), and
 * frees what the payload points to (net/: read buffers, sockets). Before the first launch; adding
 * it twice is adding it once. */
void msg_add_on_drop(void (*f)(const struct msg *m));

/* m, which has MSG_MARK, has left the mailbox: whoever marked it is told. The owner. */
void msg_taken(struct msg *m);
/* f hears of each message with MSG_MARK when its receiver takes it out of the mailbox, or when it
 * is freed unread. Before the first launch. */
void msg_set_on_taken(void (*f)(const struct msg *m));

/* "lua", "response", ... or NULL for a number that has no standard name. */
const char *msg_type_name(int type);
