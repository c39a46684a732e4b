/* SPDX-License-Identifier: MIT */
/*
 * A C service with sockets: listens on a port of the kernel's choice, tells it to who asks, sends
 * back what comes, or, told GATE, sends it to who said so. Lines that begin with "low ", "raw ",
 * "bye" go back by other ways. It also connects to itself when asked.
 */
#include <stdio.h>
#include <string.h>
#include "skynet.h"
#include "skynet_socket.h"

struct server {
	struct skynet_context *ctx;
	int listener, client, port;
	uint32_t asker, agent;
	int asker_session;
};

static void answer(struct server *s, uint32_t to, int session, const char *text)
{
	skynet_send(s->ctx, 0, to, PTYPE_RESPONSE, session, (void *)text, strlen(text));
}

static void on_data(struct server *s, struct skynet_socket_message *m)
{
	if (m->id == s->client) {
		/* what our own listener echoed */
		skynet_send(s->ctx, 0, s->asker, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY,
			    s->asker_session, m->buffer, (size_t)m->ud);
		skynet_socket_close(s->ctx, m->id);
		return;
	}
	if (s->agent) {
		/* as a gate does */
		skynet_send(s->ctx, 0, s->agent, PTYPE_CLIENT | PTYPE_TAG_DONTCOPY, m->id,
			    m->buffer, (size_t)m->ud);
		return;
	}
	if (m->ud >= 4 && memcmp(m->buffer, "raw ", 4) == 0) {
		struct socket_sendbuffer b = { m->id, SOCKET_BUFFER_RAWPOINTER, m->buffer,
					       (size_t)m->ud };

		skynet_socket_sendbuffer(s->ctx, &b);
		free(m->buffer);
	} else if (m->ud >= 4 && memcmp(m->buffer, "low ", 4) == 0) {
		skynet_socket_send_lowpriority(s->ctx, m->id, m->buffer, m->ud);
	} else if (m->ud >= 4 && memcmp(m->buffer, "obj ", 4) == 0) {
		/* not supported: the buffer stays ours */
		if (skynet_socket_send(s->ctx, m->id, m->buffer, -1) == -1)
			memcpy(m->buffer, "no! ", 4);
		skynet_socket_send(s->ctx, m->id, m->buffer, m->ud);
	} else if (m->ud >= 3 && memcmp(m->buffer, "bye", 3) == 0) {
		free(m->buffer);
		skynet_socket_shutdown(s->ctx, m->id);
	} else {
		skynet_socket_send(s->ctx, m->id, m->buffer, m->ud);
	}
}

/* The server's socket sends datagrams back, the client's answers who has asked. */
static void on_udp(struct server *s, struct skynet_socket_message *m)
{
	int size = 0;
	const char *from = skynet_socket_udp_address(m, &size);
	char address[19];

	if (m->id == s->client) {
		skynet_send(s->ctx, 0, s->asker, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY,
			    s->asker_session, m->buffer, (size_t)m->ud);
		skynet_socket_close(s->ctx, m->id);
		return;
	}
	memcpy(address, from, (size_t)size);
	skynet_socket_udp_send(s->ctx, m->id, address, m->buffer, m->ud);
	skynet_socket_close(s->ctx, m->id);
}

/* Two UDP sockets on the port of the listener; the text makes its way to and fro. */
static int try_udp(struct server *s, uint32_t source, int session)
{
	int server = skynet_socket_udp_listen(s->ctx, "127.0.0.1", s->port);
	struct socket_sendbuffer b = { 0, SOCKET_BUFFER_RAWPOINTER, "to and fro", 10 };

	b.id = s->client = skynet_socket_udp_dial(s->ctx, "127.0.0.1", s->port);
	s->asker = source;
	s->asker_session = session;
	return server < 0 || s->client < 0 ||
	       skynet_socket_udp_connect(s->ctx, b.id, "127.0.0.1", s->port) < 0 ||
	       skynet_socket_sendbuffer(s->ctx, &b) < 0;
}

static void on_socket(struct server *s, struct skynet_socket_message *m, size_t size)
{
	const char *text = (const char *)(m + 1);
	int n = (int)(size - sizeof(*m));

	switch (m->type) {
	case SKYNET_SOCKET_TYPE_CONNECT:
		if (m->id == s->listener && m->ud)
			s->port = m->ud;
		else if (m->id == s->client)
			skynet_socket_send(s->ctx, m->id, strdup("from inside"), 11);
		break;
	case SKYNET_SOCKET_TYPE_ACCEPT:
		skynet_error(s->ctx, "accepted %.*s", n, text);
		skynet_socket_start(s->ctx, m->ud);
		skynet_socket_nodelay(s->ctx, m->ud);
		break;
	case SKYNET_SOCKET_TYPE_DATA:
		on_data(s, m);
		break;
	case SKYNET_SOCKET_TYPE_CLOSE:
		skynet_error(s->ctx, "closed");
		skynet_socket_close(s->ctx, m->id);
		break;
	case SKYNET_SOCKET_TYPE_UDP:
		on_udp(s, m);
		break;
	default:
		skynet_error(s->ctx, "socket message %d", m->type);
		break;
	}
}

/* 0, or the number of what was wrong */
static int try_failures(struct server *s)
{
	struct skynet_socket_message udp = { SKYNET_SOCKET_TYPE_UDP, 1, 2,
					     (char *)"ab\1\x1f\x90\x7f\0\0\1" };
	struct socket_sendbuffer b = { 4711, SOCKET_BUFFER_MEMORY, malloc(10), 10 };
	char host[300];
	int size = 0;

	memset(host, 'x', sizeof(host) - 1);
	host[sizeof(host) - 1] = 0;
	if (skynet_socket_connect(s->ctx, host, 80) != -1)
		return 1;
	if (skynet_socket_listen(s->ctx, "127.0.0.1", s->port, 1) != -1)
		return 2;
	if (skynet_socket_bind(s->ctx, -1) != -1)
		return 3;
	if (skynet_socket_sendbuffer(s->ctx, &b) != -1)
		return 4;
	if (skynet_socket_udp(s->ctx, "192.0.2.1", 1) != -1 ||
	    skynet_socket_udp_dial(s->ctx, "no.such.host.invalid", 1) != -1 ||
	    skynet_socket_udp_listen(s->ctx, "127.0.0.1", 0) != -1 ||
	    skynet_socket_udp_connect(s->ctx, 1 << 30, "127.0.0.1", 1) != -1 ||
	    skynet_socket_udp_send(s->ctx, 1 << 30, udp.buffer + 2, malloc(10), 10) != -1 ||
	    skynet_socket_udp_send(s->ctx, s->listener, udp.buffer + 2, malloc(10), 10) != -1)
		return 5;
	if (skynet_socket_udp_address(&udp, &size) != udp.buffer + 2 || size != 7)
		return 6;
	udp.type = SKYNET_SOCKET_TYPE_DATA;
	return skynet_socket_udp_address(&udp, &size) ? 7 : 0;
}

static void describe(struct server *s, char *text, size_t size)
{
	struct socket_info *list = skynet_socket_info();
	int mine = 0, listening = 0;

	for (struct socket_info *i = list; i; i = i->next) {
		if (i->opaque != skynet_current_handle())
			continue;
		mine++;
		listening += i->type == SOCKET_INFO_LISTEN && i->id == s->listener && i->reading &&
			     strncmp(i->name, "127.0.0.1:", 10) == 0;
	}
	socket_info_release(list);
	snprintf(text, size, "%d %d", mine, listening);
}

static int on_message(struct skynet_context *ctx, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t sz)
{
	struct server *s = ud;
	char text[64];

	(void)ctx;
	if (type == PTYPE_SOCKET && source == 0 && session == 0) {
		on_socket(s, (void *)msg, sz);
	} else if (type == PTYPE_TEXT && sz == 4 && memcmp(msg, "PORT", 4) == 0) {
		snprintf(text, sizeof(text), "%d", s->port);
		answer(s, source, session, text);
	} else if (type == PTYPE_TEXT && sz == 4 && memcmp(msg, "INFO", 4) == 0) {
		describe(s, text, sizeof(text));
		answer(s, source, session, text);
	} else if (type == PTYPE_TEXT && sz == 3 && memcmp(msg, "UDP", 3) == 0) {
		if (try_udp(s, source, session))
			answer(s, source, session, "failed");
	} else if (type == PTYPE_TEXT && sz == 4 && memcmp(msg, "FAIL", 4) == 0) {
		snprintf(text, sizeof(text), "%d", try_failures(s));
		answer(s, source, session, text);
	} else if (type == PTYPE_TEXT && sz == 4 && memcmp(msg, "GATE", 4) == 0) {
		s->agent = source;
		answer(s, source, session, "agent");
	} else if (type == PTYPE_TEXT && sz == 4 && memcmp(msg, "SELF", 4) == 0) {
		s->asker = source;
		s->asker_session = session;
		s->client = skynet_socket_connect(s->ctx, "127.0.0.1", s->port);
	}
	return 0;
}

void *echoserver_create(void)
{
	return calloc(1, sizeof(struct server));
}

int echoserver_init(struct server *s, struct skynet_context *ctx, const char *args)
{
	(void)args;
	s->ctx = ctx;
	skynet_callback(ctx, s, on_message);
	s->listener = skynet_socket_listen(ctx, "127.0.0.1", 0, 32);
	if (s->listener < 0)
		return 1;
	skynet_socket_start(ctx, s->listener);
	return 0;
}

void echoserver_release(struct server *s)
{
	skynet_socket_close(s->ctx, s->listener);
	free(s);
}
