/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Socket server: all file descriptors of the node, one epoll set, one loop.
 *
 * The loop runs on whichever thread holds the scheduler's poll right (core/sched/sched.h): normally an
 * idle worker. Everything marked [loop] below runs there, one at a time, so state that only
 * the loop touches needs no lock.
 *
 * A socket has an id: 31-bit, ever-increasing, slot = id mod NET_SOCKETS_MAX; a stale id is
 * detected. Its owner is either a service, which gets PTYPE_SOCKET messages (struct
 * socket_message), or a C handler, whose functions the loop calls (the harbor's links, the control
 * socket).
 *
 * Semantics of ids, states, events, priorities and warnings: lua-net.md 1.1 to 1.4. Ours differs
 * where the original leaks or gives up early: a socket whose owner is dead is closed when a message
 * for it cannot be delivered; a failed connect tries the next address of the name; a write queue
 * has a limit; a closed socket that cannot send its rest is given up after 60 s without progress.
 *
 * Threads:   a socket's lock orders what happens to it, so one caller's commands and sends keep
 *            their order and no DATA follows CLOSE. Handlers are called without any lock and may
 *            call anything. After net_close on the loop a handler hears nothing more of that id;
 *            after a net_close from another thread a call may just be under way, so free `ud` on
 *            the loop (net_post).
 * Failure:   results; a handler hears of failures on the loop, never inside the call that caused
 *            them.
 * Limits:    NET_SOCKETS_MAX sockets; bytes that wait to be written: a socket, and all (net_set_limits).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "core/base/base.h"
#include "net/limits.h"

#define NET_SOCKETS_MAX 65536

/* Payload of PTYPE_SOCKET, the contract's struct skynet_socket_message. */
struct socket_message {
	int type;
	int id;
	int ud;
	char *buffer; /* DATA, UDP: payload_alloc'ed, the receiver frees it; else NULL and text follows */
};

enum {
	SOCKET_DATA = 1,
	SOCKET_CONNECT = 2,
	SOCKET_CLOSE = 3,
	SOCKET_ACCEPT = 4,
	SOCKET_ERROR = 5,
	SOCKET_UDP = 6,
	SOCKET_WARNING = 7,
};

/* A socket owned by C code. All functions [loop]; any may be NULL. */
struct net_handler {
	/* Bytes arrived; valid during the call. */
	void (*on_data)(void *ud, int id, const void *data, size_t size);
	/* connect finished (text: peer address), listener started (port: the real one), accepted socket
	 * started. */
	void (*on_open)(void *ud, int id, const char *text, int port);
	/* A listener got a connection; call net_start_handler(new_id, ...) or net_close(new_id). */
	void (*on_accept)(void *ud, int id, int new_id, const char *peer);
	/* The peer ended, or the socket failed (why != NULL). Once; the id is still to be closed by
	 * net_close, except after a failed connect. */
	void (*on_close)(void *ud, int id, const char *why);
	/* The write queue, which was over the low mark, is empty again. */
	void (*on_drain)(void *ud, int id);
};

/* ---- for services: asynchronous, results come as messages to `owner`. Any thread. ---- */

/* Address: host and port, or port < 0 and host "host:port", "[v6]:port", "unix:/path".
 * Result: id > 0, or -1 with *ret_error a text (may be NULL). */
int net_listen(uint32_t owner, const char *host, int port, int backlog, const char **ret_error);
int net_bind(uint32_t owner, int fd);
void net_start(uint32_t owner, int id);
void net_pause(uint32_t owner, int id);
void net_close(int id);
void net_shutdown(int id);
void net_nodelay(int id);

/* Sends size bytes of a payload_alloc'ed buffer, which is taken in every case. 0, or -1: no such
 * socket, closing, or its queue is at its bound. Tries to write at once on this thread. */
int net_send(int id, void *payload_take, size_t size);
int net_send_low(int id, void *payload_take, size_t size);

/* For one socket; a listener's is inherited by what it accepts from then on. bytes 0 = the node's. false: no
 * such socket. Any thread. */
bool net_set_bound(int id, uint64_t bytes, enum net_policy policy);
bool net_bound(int id, uint64_t *ret_bytes, enum net_policy *ret_policy);
/* The same for a C owner's socket. */
void net_set_limit(int id, uint64_t bytes);

/* ---- for C owners ---- */
int net_listen_handler(const struct net_handler *h, void *ud, const char *host, int port, int backlog,
		       const char **ret_error);
/* Holds descriptors back for this listener: its connections are accepted when there are none left. Those
 * that are too many wait in place of being closed. */
void net_keep_descriptors(int listener);
/* Adopts a listening or connected descriptor (socket activation). */
int net_adopt_handler(const struct net_handler *h, void *ud, int fd);
/* Starts an accepted id. [loop] */
int net_start_handler(int id, const struct net_handler *h, void *ud);
/* Gathers: writes as much as the kernel takes at once, queues a copy of the rest. Same results as net_send.
 * Any thread; calls for one id are serialised by the socket's lock and keep their order. */
int net_sendv(int id, const struct iovec *iov, int n);
/* The same; *ret_queued is what waits on the socket afterwards (0: no such socket), as
 * net_queued would return. */
int net_sendv_queued(int id, const struct iovec *iov, int n, uint64_t *ret_queued);
/* Bytes queued for writing, 0 for an unknown id. Any thread. */
uint64_t net_queued(int id);
