/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Connections: sockets of the cluster, in their roles. Bytes become frames, which go to the one who
 * decides (struct conn_ops), and messages, which go to their link. Who does not say in time who he
 * is loses his connection. Where connections are encrypted (harbor/secure), nobody hears of one
 * before its other end has proven that it is of this cluster, and nothing of it is read as frames.
 *
 *   accepted by the listener of links  -> HELLO -> ROLE_LINK
 *   accepted by the listener of the master -> JOIN -> ROLE_MEMBER
 *   opened by us: ROLE_LINK (a peer), ROLE_MASTER (our conversation with the master)
 *
 * Limits:  CONN_STRANGERS_MAX that have not said who they are; one more ends the oldest of those
 *          that come from where most of them come from.
 * Threads: the net loop, under the lock of conn_init; messages of links come without it.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/lock.h"
#include "core/log/event.h"
#include "harbor/link/stream.h"

/* A master that comes back is called by 255 nodes at once. */
#define CONN_STRANGERS_MAX 512u

enum conn_role { ROLE_STRANGER, ROLE_CALLER, ROLE_LINK, ROLE_MASTER, ROLE_MEMBER };

struct secure_session;

struct conn {
	struct conn *next, **prev;
	struct conn *same; /* place in the table of ids */
	int id;
	enum conn_role role; /* STRANGER: on the links' port; CALLER: on the master's */
	unsigned node;	     /* ROLE_LINK: harbor id */
	struct stream in;
	struct secure_session *secure; /* NULL: it is not encrypted */
	char *address;		       /* ours: where it was to go */
	char *from;		       /* theirs: the address that it came from */
	char *peer;		       /* ours, while it is not open: the other end's host */
	struct wire_control *hello;    /* of a stranger that the master may name yet (owned) */
	uint64_t deadline_ns;	       /* of the handshake; 0 = it is over */
	bool proven;		       /* the handshake of TLS is done */
	bool closed;
};

/* What happens to a connection. Under the lock of conn_init, if nothing else is said; none is
 * called for a connection that was closed from here. */
struct conn_ops {
	/* The other machine answers ours, and TLS begins. */
	void (*reached)(struct conn *c);
	/* Ours is open, and the other end has proven itself; peer: its host. */
	void (*open)(struct conn *c, const char *peer);
	/* A control frame came in. */
	void (*frame)(struct conn *c, const struct wire_control *f);
	/* Bytes of any kind came in. Without the lock. */
	void (*heard)(struct conn *c);
	/* The socket of a link has room again. Without the lock. */
	void (*drained)(struct conn *c);
	/* It broke, or sent what is no frame, or (refused) nobody listens there. It is closed
	 * afterwards. */
	void (*lost)(struct conn *c, bool refused, const char *why);
	/* A connection came, whose handshake has a deadline. Without the lock. */
	void (*accepted)(void);
};

/* Before anything else here. The lock is taken around what happens; ops and lock stay the
 * caller's. */
void conn_init(const struct conn_ops *ops, struct lock *lock);
/* Listens for links, or for members of the master. Returns the id of the socket, or a negative
 * errno and a text (mem_free). */
int conn_listen(const char *address, bool for_master, char **ret_error);
/* Opens a connection; its ops->open or ops->lost comes later. Returns its number, > 0, or -1: the
 * address is not valid. */
int conn_connect(const char *address, enum conn_role role, unsigned node);
/* Returns the connection of this number, or NULL: it is gone already. */
struct conn *conn_find(int id);
/* Keeps the first frame of a connection that cannot be judged yet. */
void conn_keep(struct conn *c, const struct wire_control *hello);
/* Hands each frame that was kept of this node to f again, which may close connections. */
void conn_again(unsigned node, void (*f)(struct conn *c, const struct wire_control *hello));
/* Has a frame, or bytes, written; a connection that is gone takes none, and one whose other end
 * does not read (FLUSH_CONTROL_MAX) no more. */
void conn_write(int id, const struct wire_control *c);
void conn_write_bytes(int id, const uint8_t *bytes, size_t n);
/* Closes it, and nobody is told. Bytes that wait still go out. */
void conn_close(int id);
/* The same, and bytes that wait are dropped. */
void conn_abort(int id);
/* Refuses the connection and counts it; the line, which tells that event, is logged at a bounded
 * rate. */
void conn_refuse(struct conn *c, enum log_event event, const char *why);
/* Returns whether the other end may speak for this node, or for the master at this host: always, if
 * there are no certificates. The text is a reason for people, until the next call. */
bool conn_names_node(const struct conn *c, const char *name, const char **ret_why);
bool conn_names_host(const struct conn *c, const char *host, const char **ret_why);
/* Ends the connections whose other ends would not be let in any more. */
void conn_check_again(void);
struct conn_count {
	uint64_t accepted;   /* connections on the port for links */
	uint64_t refused;    /* connections of strangers */
	uint64_t handshakes; /* of these, and of ours: what failed before TLS was through */
};
/* Any thread, under the lock of conn_init. */
struct conn_count conn_count(void);
/* Closes handshakes that took too long. Returns the next deadline, UINT64_MAX: there is none. */
uint64_t conn_tick(uint64_t now);
/* Has all that was written left this process? */
bool conn_all_sent(void);
/* Closes the listeners; who has connected meanwhile is turned away. */
void conn_stop_listening(void);
/* After the loop has ended. */
void conn_fini(void);
