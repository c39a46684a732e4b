/* SPDX-License-Identifier: MIT */
/*
 * The C contract: include/skynet_socket.h over net/net.h. A buffer of the contract's is a payload
 * of ours (contract_mem.c), so it goes to the socket as it is.
 */
#include <string.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/msg.h"
#include "core/actor/service.h"
#include "lua/contract/contract_mem.h"
#define SKYNET_MALLOC_PLAIN_NAMES
#include "lua/contract/include/skynet_malloc.h"
#include "lua/contract/include/skynet_socket.h"
#include "net/connect.h"
#include "net/info.h"
#include "net/listen.h"
#include "net/net.h"
#include "net/request.h"
#include "net/udp.h"
#include "net/udpaddr.h"
#include "net/write.h"

#define HOST_MAX 231u

_Static_assert(sizeof(struct skynet_socket_message) == sizeof(struct socket_message) &&
		       offsetof(struct skynet_socket_message, buffer) ==
			       offsetof(struct socket_message, buffer),
	       "one struct under two names");
_Static_assert(SOCKET_INFO_LISTEN == NET_INFO_LISTEN && SOCKET_INFO_TCP == NET_INFO_TCP &&
		       SOCKET_INFO_UDP == NET_INFO_UDP && SOCKET_INFO_BIND == NET_INFO_BIND &&
		       SOCKET_INFO_CLOSING == NET_INFO_CLOSING &&
		       SOCKET_INFO_UNKNOWN == NET_INFO_UNKNOWN,
	       "one list under two names");

static uint32_t self(struct skynet_context *ctx)
{
	return service_handle(contract_service(ctx));
}

static void complain(struct skynet_context *ctx, const char *what)
{
	log_printf(LOG_LEVEL_ERROR, self(ctx), "%s", what);
}

/* ---- sending ---- */

static int send_buffer(struct skynet_context *ctx, const struct socket_sendbuffer *b, bool low)
{
	struct iovec bytes = { (void *)(uintptr_t)b->buffer, b->sz };
	void *payload;

	switch (b->type) {
	case SOCKET_BUFFER_MEMORY:
		payload = b->buffer ? contract_payload(bytes.iov_base, b->sz) : payload_alloc(0);
		return (low ? net_send_low : net_send)(b->id, payload, b->buffer ? b->sz : 0);
	case SOCKET_BUFFER_RAWPOINTER:
		if (!low)
			return net_sendv(b->id, &bytes, 1);
		payload = payload_alloc(b->sz);
		if (b->sz)
			memcpy(payload, b->buffer, b->sz);
		return net_send_low(b->id, payload, b->sz);
	default:
		complain(ctx, "SOCKET_BUFFER_OBJECT is not supported");
		return -1;
	}
}

int skynet_socket_sendbuffer(struct skynet_context *ctx, struct socket_sendbuffer *buffer)
{
	return send_buffer(ctx, buffer, false);
}

int skynet_socket_sendbuffer_lowpriority(struct skynet_context *ctx,
					 struct socket_sendbuffer *buffer)
{
	return send_buffer(ctx, buffer, true);
}

/* ---- control ---- */

int skynet_socket_listen(struct skynet_context *ctx, const char *host, int port, int backlog)
{
	struct net_error error;
	int id = net_listen(self(ctx), host && *host ? host : "0.0.0.0", port, backlog, &error);

	if (id < 0)
		log_printf(LOG_LEVEL_ERROR, self(ctx), "socket: %s", error.text);
	return id < 0 ? -1 : id;
}

int skynet_socket_connect(struct skynet_context *ctx, const char *host, int port)
{
	if (strlen(host) > HOST_MAX) {
		complain(ctx, "socket: the name of the host is too long");
		return -1;
	}
	return net_connect(self(ctx), host, port);
}

int skynet_socket_bind(struct skynet_context *ctx, int fd)
{
	return net_bind(self(ctx), fd);
}

void skynet_socket_close(struct skynet_context *ctx, int id)
{
	(void)ctx;
	net_close(id);
}

void skynet_socket_shutdown(struct skynet_context *ctx, int id)
{
	(void)ctx;
	net_shutdown(id);
}

void skynet_socket_start(struct skynet_context *ctx, int id)
{
	net_start(self(ctx), id);
}

void skynet_socket_pause(struct skynet_context *ctx, int id)
{
	net_pause(self(ctx), id);
}

void skynet_socket_nodelay(struct skynet_context *ctx, int id)
{
	(void)ctx;
	net_nodelay(id);
}

/* ---- UDP ---- */

/* Returns id, or says why there is none and returns -1. */
static int opened(struct skynet_context *ctx, int id, const struct net_error *error)
{
	if (id >= 0)
		return id;
	log_printf(LOG_LEVEL_ERROR, self(ctx), "socket: %s", error->text);
	return -1;
}

int skynet_socket_udp(struct skynet_context *ctx, const char *addr, int port)
{
	struct net_error error;

	return opened(ctx, net_udp(self(ctx), addr, port < 0 ? 0 : port, &error), &error);
}

int skynet_socket_udp_connect(struct skynet_context *ctx, int id, const char *addr, int port)
{
	struct net_error error;

	return opened(ctx, net_udp_connect(id, addr, port, &error), &error);
}

int skynet_socket_udp_dial(struct skynet_context *ctx, const char *addr, int port)
{
	struct net_error error;

	return opened(ctx, net_udp_dial(self(ctx), addr, port, &error), &error);
}

int skynet_socket_udp_listen(struct skynet_context *ctx, const char *addr, int port)
{
	struct net_error error;

	if (port <= 0) {
		complain(ctx, "socket: udp listen: a port is needed");
		return -1;
	}
	return opened(ctx, net_udp(self(ctx), addr, port, &error), &error);
}

int skynet_socket_udp_sendbuffer(struct skynet_context *ctx, const char *address,
				 struct socket_sendbuffer *buffer)
{
	struct iovec bytes = { (void *)(uintptr_t)buffer->buffer, buffer->sz };
	int r = -1;

	if (buffer->type == SOCKET_BUFFER_OBJECT)
		complain(ctx, "SOCKET_BUFFER_OBJECT is not supported");
	else
		r = net_udp_send(buffer->id, address, udpaddr_size(*address), &bytes, 1);
	if (buffer->type == SOCKET_BUFFER_MEMORY)
		skynet_free(bytes.iov_base);
	return r;
}

const char *skynet_socket_udp_address(struct skynet_socket_message *msg, int *ret_size)
{
	const char *address;

	if (msg->type != SKYNET_SOCKET_TYPE_UDP || !msg->buffer)
		return NULL;
	address = msg->buffer + msg->ud;
	*ret_size = (int)udpaddr_size(*address);
	return *ret_size ? address : NULL;
}

/* ---- looking ---- */

static void add_info(const struct net_info *i, void *ud)
{
	struct socket_info **list = ud, *n;

	if (!i->owner)
		return; /* the node's own: links, control */
	n = mem_zalloc(sizeof(*n));
	n->id = i->id;
	n->type = i->type;
	n->opaque = i->owner;
	n->read = i->read;
	n->write = i->write;
	n->rtime = i->rtime_cs;
	n->wtime = i->wtime_cs;
	n->wbuffer = (int64_t)i->queued;
	n->reading = i->reading;
	n->writing = i->writing;
	memcpy(n->name, i->address, sizeof(n->name));
	n->next = *list;
	*list = n;
}

struct socket_info *skynet_socket_info(void)
{
	struct socket_info *list = NULL;

	net_foreach(add_info, &list);
	return list;
}

void socket_info_release(struct socket_info *list)
{
	while (list) {
		struct socket_info *next = list->next;

		mem_free(list);
		list = next;
	}
}
