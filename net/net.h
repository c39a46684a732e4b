/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The words of the socket server: all file descriptors of the node, and the loops that wait for
 * them (loop.h).
 *
 * A socket has an id: 31 bits, ever-increasing, its slot is the id modulo NET_SOCKETS_MAX, and an
 * id that is out of date is detected. Its owner is either a service, which gets PTYPE_SOCKET
 * messages (struct socket_message), or C code, whose functions the main loop calls (struct
 * net_handler): the links to other nodes, and the control socket.
 *
 * Programs that were written for skynet find its ids, states, events, priorities and warnings. We
 * do better where it leaks or gives up early: a socket whose owner is dead is closed when a message
 * for it cannot be delivered; a failed connect tries the next address of the name; a write queue
 * has a limit; a closed socket that cannot send its rest is given up after 60 s without progress.
 *
 * Threads:   a socket's lock orders what happens to it, so one caller's requests and sends keep
 *            their order and no DATA follows CLOSE. Handlers are called without any lock and may
 *            call anything. After net_close on the loop a handler hears nothing more of that id;
 *            after a net_close from another thread a call may just be under way, so `ud` is to be
 *            freed on the loop (net_post).
 * Failure:   results; a handler hears of failures on the loop, never inside the call that caused
 *            them.
 * Limits:    NET_SOCKETS_MAX sockets; bytes that wait to be written, see limits.h.
 */
#include <stddef.h>

#define NET_SOCKETS_MAX 65536

/* Payload of PTYPE_SOCKET, the contract's struct skynet_socket_message. */
struct socket_message {
	int type;
	int id;
	int ud;
	char *buffer; /* DATA, UDP: payload_alloc'ed and the receiver's; else NULL, text follows */
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

/* What went wrong and where: "listen 0.0.0.0:8001: Address already in use". */
#define NET_ERROR_MAX 384
struct net_error {
	char text[NET_ERROR_MAX];
};

/* The functions of a C owner. The main loop calls them; any may be NULL. */
struct net_handler {
	/* Bytes arrived; valid during the call. */
	void (*on_data)(void *ud, int id, const void *data, size_t size);
	/* A connect finished (text: peer address), a listener started (port: the real one), or an
	 * accepted socket started. It comes before any on_data or on_accept of this id. */
	void (*on_open)(void *ud, int id, const char *text, int port);
	/* A listener got a connection; call net_start_handler(new_id, ...) or net_close(new_id). */
	void (*on_accept)(void *ud, int id, int new_id, const char *peer);
	/* The peer ended, or the socket failed (why != NULL). Once; the id is still to be closed by
	 * net_close, except after a failed connect, of which `error` is the errno (else 0); `why`
	 * leaves the address to the handler, who knows it. */
	void (*on_close)(void *ud, int id, int error, const char *why);
	/* The write queue, which was over the low mark, is empty again. */
	void (*on_drain)(void *ud, int id);
	const char *purpose; /* of its sockets, for people; constant */
};
