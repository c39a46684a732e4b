/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One socket and the table of all of them. For the files of net/ only.
 *
 *   listen  -> PRELISTEN -start-> LISTEN                          (C handlers: LISTEN when opened)
 *   accept  -> PREACCEPT -start-> OPEN            behind a proxy: -> HEADER -> PREACCEPT (proxy.h)
 *   connect -> RESOLVING -> CONNECTING -> OPEN                    numeric addresses skip RESOLVING
 *                   \______________\____-> FREE (service), FAILED (handler, until it was told)
 *   bind    -> OPEN
 *   udp     -> OPEN
 *
 *   OPEN, by its flags:   eof           the peer ended: not read any more, still written
 *                         write_failed  not written any more, still read
 *                         closing       closed by its owner, the rest is being written; no events
 *                         farewell      closing, all is written: until the peer ends, too
 *
 * Threads:   any. Every field but `id` is guarded by the socket's lock; `id` is written under it
 *            and read without it to skip free slots. A thread holds at most one socket's lock. A
 *            service's messages are sent under the lock, so their order is the order of the
 *            socket's states; a handler's functions are called without it, on the loop.
 * Ownership: slots live in chunks that are never given back before net_fini, so a late thread with
 *            a stale id finds a valid lock and sees that the id is not its own.
 * Limits:    NET_SOCKETS_MAX.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/base/lock.h"
#include "net/addr.h"
#include "net/limits.h"
#include "net/net.h"
#include "net/sendq.h"
#include "net/spread.h"
#include "net/unixpath.h"

struct addr_list;
struct net_seal;
struct proxy_allow;
struct proxy_wait;
struct udp;

/* A service that does not come to read its mail must not be buried in it: some of its messages are
 * marked (read.c), and with so many of these untaken the rest stays in the kernel. */
#define MARKS_MAX 2u
/* Read buffers begin small. */
#define READ_MIN 64u

enum socket_state {
	STATE_FREE,
	STATE_NEW, /* being set up by its creator, who holds the lock or the only copy of the id */
	STATE_RESOLVING,
	STATE_CONNECTING,
	STATE_FAILED,
	STATE_PRELISTEN,
	STATE_LISTEN,
	STATE_HEADER,
	STATE_PREACCEPT,
	STATE_OPEN,
};

struct socket {
	struct lock lock;
	atomic_int id; /* 0 = free */
	int fd;	       /* -1 = none yet */
	enum socket_state state;
	uint32_t events; /* what epoll watches for, 0 = not registered */
	uint8_t loop;	 /* whose epoll set that is; the main loop's if there is a handler */
	uint8_t spread;	 /* enum spread_kind: as what it is counted there */

	/* who hears about it: a service, or (owner 0) a handler, or (neither) nobody */
	uint32_t owner;
	const struct net_handler *handler;
	void *ud;

	bool reading; /* the owner wants to read (or accept) */
	bool backoff; /* a listener that rests because descriptors ran out */
	bool keeps;   /* a listener that descriptors are held back for */
	bool steady;  /* a listener that net_refuse_clients does not mean */
	bool kept;    /* a connection that was accepted with one of these */
	bool eof;
	bool read_failed; /* the last read gave an error */
	bool write_failed;
	bool closing;
	bool speaking; /* its owner knows that the peer may be sending yet (farewell.h) */
	bool farewell;
	bool told_close; /* CLOSE was sent, or on_close is on its way */
	bool orphan;	 /* the owner is dead: freed at socket_unlock */
	bool borrowed;	 /* net_bind: the descriptor is not ours to close */
	bool is_socket;	 /* else a pipe or terminal: no send(), no shutdown() */
	bool nodelay;
	bool was_high; /* over NET_LOW_MARK since the last on_drain */
	sa_family_t family;

	struct sendq out;
	struct bound bound;
	uint64_t closing_ns;	/* last progress of a closing socket */
	uint64_t closed_ns;	/* when it began to close */
	uint64_t complained_ns; /* when a listener last told of a failed accept */
	uint32_t read_size;	/* the next read buffer, adapts */
	uint32_t since_mark;	/* what the owner's messages cost since the last that was marked */
	unsigned marks;		/* marked messages that the owner has not taken; with MARKS_MAX or
				 * more, which a batch of datagrams may bring, it is not read */
	unsigned ahead;		/* marked messages that it passed on and that nobody has taken */
	bool passes;		/* it passes on what is read */
	bool held;		/* the owner does not want more just now (net_hold) */
	/* relaxed both, also without the lock: bytes that may wait passed on; those passed on since
	 * the last mark (pressure.c) */
	atomic_uint window, passed;
	struct addr_list *to;	     /* where a connect may go */
	struct udp *udp;	     /* a socket of datagrams has one (udp.c) */
	struct unixpath path;	     /* of a listener */
	char *stored;		     /* of a listener: its name in inherit.h; NULL: it has none */
	struct keepsake *keepsake;   /* goes to the next life with this (handover.h); NULL: stays */
	struct proxy_allow *allow;   /* of a listener: whose headers name the client; NULL: none */
	struct proxy_wait *header;   /* in STATE_HEADER: what is there of it */
	struct addr *client;	     /* whom the proxy brought; NULL: the peer itself */
	const struct net_seal *seal; /* what net_sendv writes goes through it; NULL: as it is */
	void *seal_ud;

	uint64_t opened_ns;		  /* monotonic */
	uint64_t read_bytes, write_bytes; /* a listener counts accepts in read_bytes */
	uint64_t read_ns, write_ns;	  /* monotonic, 0 = never */
};

/* A fresh id in STATE_NEW with fd -1, locked; NULL: all are taken. */
struct socket *socket_create(uint32_t owner, const struct net_handler *h, void *ud);
/* A service's socket that is not watched yet gets a loop of its own, as one of that kind. */
void socket_spread(struct socket *s, enum spread_kind kind);
/* And belongs to the main loop again, which calls the functions of C owners. */
void socket_to_main(struct socket *s);
/* The socket, locked, or NULL for a stale or foreign id. */
struct socket *socket_lock(int id);
/* The slot of an id that was valid a moment ago, or NULL: only for its atomics. No lock. */
struct socket *socket_peek(int id);
/* Also frees a socket whose owner turned out to be dead. */
void socket_unlock(struct socket *s);
/* Closes the descriptor, frees the queue and the id; the lock stays held. */
void socket_free(struct socket *s);
static inline int socket_id(const struct socket *s)
{
	/* relaxed: under the lock */
	return atomic_load_explicit(&s->id, memory_order_relaxed);
}
/* Walks over all: the next live socket from *slot on, locked, or NULL. Begin with 0. */
struct socket *socket_next(unsigned *slot);
/* Brings the sum of what waits up to date, after each change of s->out. */
static inline void socket_account(struct socket *s)
{
	limits_account(&s->bound, s->owner ? s->out.memory : 0);
}
/* Writes the address of the peer (behind a proxy: of the client), or a listener's own; "" if it has
 * none. Returns ret_text. */
char *socket_address(const struct socket *s, bool with_port, char *ret_text, size_t size);
/* The descriptor's own address. Returns false when it has none. */
bool socket_own_address(const struct socket *s, struct addr *ret);
/* How many sockets there are. Any thread, no lock. */
unsigned socket_count(void);
void socket_table_init(void);
void socket_table_fini(void);
