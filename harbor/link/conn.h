/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Connections: sockets of the cluster, in their roles. Turns bytes into frames for control.c, which decides;
 * ends who does not say in time who he is.
 *
 *   accepted by the listener of links  -> HELLO -> ROLE_LINK
 *   accepted by the listener of the master -> JOIN -> ROLE_MEMBER
 *   opened by us: ROLE_LINK (a peer), ROLE_MASTER (our conversation with the master)
 *
 * Limits:  CONN_STRANGERS_MAX that have not said who they are; one more ends the oldest of them.
 *
 * Threads: the net loop, under the harbor's lock; messages of links come without it.
 */
#include "harbor/link/stream.h"

/* A master that comes back is called by 255 nodes at once. */
#define CONN_STRANGERS_MAX 512u

enum conn_role { ROLE_STRANGER, ROLE_CALLER, ROLE_LINK, ROLE_MASTER, ROLE_MEMBER };

struct conn {
	struct conn *next;
	int id;
	enum conn_role role;     /* STRANGER: on the links' port; CALLER: on the master's */
	unsigned node;           /* ROLE_LINK: harbor id */
	struct stream in;
	uint64_t deadline_ns;    /* of the handshake; 0 = it is over */
	bool closed;
};

/* control.c */
/* peer: the other end's host. */
void control_open(struct conn *c, const char *peer);
void control_frame(struct conn *c, const struct wire_control *f);
void control_heard(struct conn *c);
void control_drained(struct conn *c);
void control_lost(struct conn *c, bool refused, const char *why);

/* A listener; its id, or a negative errno and a text. */
int conn_listen(const char *address, bool for_master, char **ret_error);
/* > 0, or -1. */
int conn_connect(const char *address, enum conn_role role, unsigned node);
/* NULL: gone already. */
struct conn *conn_find(int id);
void conn_write(int id, const struct wire_control *c);
void conn_write_bytes(int id, const uint8_t *bytes, size_t n);
/* Nobody is told. Bytes that wait still go out. */
void conn_close(int id);
/* The same, and bytes that wait are dropped. */
void conn_abort(int id);
/* Refuses the connection and counts it; the line is logged at a bounded rate. */
void conn_refuse(struct conn *c, const char *why);
/* Closes handshakes that took too long; gives the next deadline. */
uint64_t conn_tick(uint64_t now);
/* All that was written has left this process. */
bool conn_all_sent(void);
void conn_stop_listening(void);
void conn_fini(void);
