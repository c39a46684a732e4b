/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_SKYNET_SOCKET_H
#define HARBORD_SKYNET_SOCKET_H
/*
 * Sockets for C services. What happens to a socket arrives at its owner as
 * PTYPE_SOCKET messages of source 0 and session 0.
 *
 * Ids are 1 and up; -1 is failure, with a line in the log. Sends return 0, or -1: no such socket,
 * it is closing, or its queue is full. A buffer that is given to a send is taken in every case,
 * unless it is a RAWPOINTER.
 *
 * Not there: SOCKET_BUFFER_OBJECT (logs, -1, and the object stays the caller's).
 *
 * Threads: any, as long as the service lives.
 */
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

struct skynet_context;

#define SKYNET_SOCKET_TYPE_DATA 1
#define SKYNET_SOCKET_TYPE_CONNECT 2
#define SKYNET_SOCKET_TYPE_CLOSE 3
#define SKYNET_SOCKET_TYPE_ACCEPT 4
#define SKYNET_SOCKET_TYPE_ERROR 5
#define SKYNET_SOCKET_TYPE_UDP 6
#define SKYNET_SOCKET_TYPE_WARNING 7

/* With a buffer (DATA, UDP): `ud` bytes, and for UDP the sender's address behind them; the receiver
 * frees it by skynet_free. Without: a text
 * of the rest of the message follows the struct; it has no NUL. */
struct skynet_socket_message {
	int type;
	int id;
	int ud;
	char *buffer;
};

#define SOCKET_BUFFER_MEMORY 0 /* of skynet_malloc */
#define SOCKET_BUFFER_OBJECT 1
#define SOCKET_BUFFER_RAWPOINTER 2 /* copied, as far as it is not written at once */

struct socket_sendbuffer {
	int id;
	int type;
	const void *buffer;
	size_t sz;
};

int skynet_socket_sendbuffer(struct skynet_context *ctx, struct socket_sendbuffer *buffer);
int skynet_socket_sendbuffer_lowpriority(struct skynet_context *ctx,
					 struct socket_sendbuffer *buffer);

/* host NULL or "": 0.0.0.0. Resolves and binds on this thread; CONNECT tells the port. Accepts
 * after _start. */
int skynet_socket_listen(struct skynet_context *ctx, const char *host, int port, int backlog);
int skynet_socket_connect(struct skynet_context *ctx, const char *host, int port);
int skynet_socket_bind(struct skynet_context *ctx, int fd);
void skynet_socket_close(struct skynet_context *ctx, int id);
void skynet_socket_shutdown(struct skynet_context *ctx, int id);
void skynet_socket_start(struct skynet_context *ctx, int id);
void skynet_socket_pause(struct skynet_context *ctx, int id);
void skynet_socket_nodelay(struct skynet_context *ctx, int id);

/* UDP sockets are open at once. addr NULL and port 0: bound to nothing, IPv4; else bound there. */
int skynet_socket_udp(struct skynet_context *ctx, const char *addr, int port);
/* Sets whom skynet_socket_sendbuffer sends to. Returns 0 or -1. */
int skynet_socket_udp_connect(struct skynet_context *ctx, int id, const char *addr, int port);
/* A socket with such a peer; one that is bound to a port, which may not be 0. */
int skynet_socket_udp_dial(struct skynet_context *ctx, const char *addr, int port);
int skynet_socket_udp_listen(struct skynet_context *ctx, const char *addr, int port);
/* Sends to an address as skynet_socket_udp_address returns it. What cannot be sent is dropped. */
int skynet_socket_udp_sendbuffer(struct skynet_context *ctx, const char *address,
				 struct socket_sendbuffer *buffer);
/* The address record behind the datagram, NULL for another type of message. */
const char *skynet_socket_udp_address(struct skynet_socket_message *msg, int *ret_size);

#define SOCKET_INFO_UNKNOWN 0
#define SOCKET_INFO_LISTEN 1
#define SOCKET_INFO_TCP 2
#define SOCKET_INFO_UDP 3
#define SOCKET_INFO_BIND 4
#define SOCKET_INFO_CLOSING 5

struct socket_info {
	int id;
	int type;
	uint64_t opaque; /* handle of the owner */
	uint64_t read;	 /* bytes; a listener counts accepts */
	uint64_t write;
	uint64_t rtime; /* centiseconds, 0: never */
	uint64_t wtime;
	int64_t wbuffer; /* bytes that wait */
	uint8_t reading;
	uint8_t writing;
	char name[128];
	struct socket_info *next;
};

/* A list of the services' sockets as they are now; NULL: none. Free it with socket_info_release. */
struct socket_info *skynet_socket_info(void);
void socket_info_release(struct socket_info *list);

/* ---- the older way; sz < 0: SOCKET_BUFFER_OBJECT ---- */

static inline struct socket_sendbuffer skynet_socket_buffer_(int id, const void *buffer, int sz)
{
	struct socket_sendbuffer b;

	b.id = id;
	b.type = sz < 0 ? SOCKET_BUFFER_OBJECT : SOCKET_BUFFER_MEMORY;
	b.buffer = buffer;
	b.sz = sz < 0 ? 0 : (size_t)sz;
	return b;
}

static inline int skynet_socket_send(struct skynet_context *ctx, int id, void *buffer, int sz)
{
	struct socket_sendbuffer b = skynet_socket_buffer_(id, buffer, sz);

	return skynet_socket_sendbuffer(ctx, &b);
}

static inline int skynet_socket_send_lowpriority(struct skynet_context *ctx, int id, void *buffer,
						 int sz)
{
	struct socket_sendbuffer b = skynet_socket_buffer_(id, buffer, sz);

	return skynet_socket_sendbuffer_lowpriority(ctx, &b);
}

static inline int skynet_socket_udp_send(struct skynet_context *ctx, int id, const char *address,
					 const void *buffer, int sz)
{
	struct socket_sendbuffer b = skynet_socket_buffer_(id, buffer, sz);

	return skynet_socket_udp_sendbuffer(ctx, address, &b);
}

#ifdef __cplusplus
}
#endif
#endif
