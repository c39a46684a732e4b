/* SPDX-License-Identifier: MIT */
/*
 * See gate.h. A connection is told to the watchdog and read only after `start`; its frames go to
 * its agent, else to the broker, else, as text, to the watchdog. Whole frames travel without a
 * copy: what frames.c cut is the payload.
 *
 * Ours differs where the original leaks or stalls: a connection that the peer closed is closed here
 * too, and a length that cannot be a frame ends its connection. A request (a session that waits) to
 * the gate is answered with an error.
 *
 * Threads:   the service's own; nothing is shared.
 * Limits:    gate_setup.max connections, frames of FRAME_LARGE_MAX bytes.
 */
#include "lua/modules/socket/gate.h"

#include <stdio.h>
#include <string.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/handle.h"
#include "core/actor/module.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "lua/modules/socket/gate_words.h"
#include "lua/modules/socket/frames.h"
#include "core/base/little.h"
#include "net/listen.h"
#include "net/net.h"
#include "net/pressure.h"
#include "net/proxy.h"
#include "net/request.h"
#include "net/write.h"

#define BACKLOG 128
#define PEER_MAX 31
#define NO_LISTENER 0

struct client {
	struct client *next; /* of its bucket */
	int id;
	uint32_t agent, client; /* agent 0: nobody took it */
};

struct gate {
	struct service *s;
	int listener;
	uint32_t watchdog; /* 0: none */
	char broker[GATE_WORD_MAX + 1];
	uint8_t type;
	unsigned max, count, buckets;
	struct client **clients; /* `buckets`, a power of two, of them */
	struct frames frames;
};

/* ---- clients ---- */

static struct client **place(struct gate *g, int id)
{
	struct client **p = &g->clients[(unsigned)id & (g->buckets - 1)];

	while (*p && (*p)->id != id)
		p = &(*p)->next;
	return p;
}

static struct client *find(struct gate *g, int id)
{
	return *place(g, id);
}

static void add(struct gate *g, int id)
{
	struct client **p = place(g, id);

	if (*p)
		return;
	*p = mem_zalloc(sizeof(**p));
	(*p)->id = id;
	g->count++;
}

static bool drop(struct gate *g, int id)
{
	struct client **p = place(g, id), *c = *p;

	if (!c)
		return false;
	*p = c->next;
	mem_free(c);
	g->count--;
	frames_forget(&g->frames, id);
	net_close(id);
	return true;
}

/* ---- what the gate says ----
 *
 * Who takes the client's messages slowly is not sent more than a window of them (net/pressure.h).
 */

static void post(struct gate *g, struct msg *m, int session, uint8_t type, uint32_t source)
{
	m->session = session;
	m->type = type;
	m->source = source ? source : service_handle(g->s);
}

/* A frame of client m->session goes to a service. Returns SEND_*. */
static int pass_on(struct gate *g, const char *name, struct msg *m)
{
	const int id = m->session;
	bool marked = (name ? *name == '.' : handle_is_local(m->dest)) &&
		      net_pass_message(service_handle(g->s), m);
	int r;

	r = name ? service_send_name(name, m) : service_send(m);
	if (unlikely(marked) && r != SEND_OK && r != SEND_REFUSED)
		net_passed(id);
	return r;
}

static void tell_watchdog(struct gate *g, int session, const void *text, size_t size)
{
	struct msg *m;

	if (!g->watchdog)
		return;
	m = msg_create_copy(text, size);
	post(g, m, session, PTYPE_TEXT, 0);
	m->dest = g->watchdog;
	/* a gate whose watchdog is gone goes on with its agents */
	(void)(session ? pass_on(g, NULL, m) : service_send(m));
}

static void tell_open(struct gate *g, int id, const char *peer, size_t size)
{
	char text[64 + PEER_MAX];
	int n = snprintf(text, sizeof(text), "%d open %d %.*s:0", id, id,
			 (int)(size < PEER_MAX ? size : PEER_MAX), peer);

	tell_watchdog(g, 0, text, (size_t)n);
}

static void tell_close(struct gate *g, int id)
{
	char text[32];

	tell_watchdog(g, 0, text, (size_t)snprintf(text, sizeof(text), "%d close", id));
}

static void tell_data(struct gate *g, const struct frame *f)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%d data ", f->id);
	char *text;

	if (!g->watchdog)
		return;
	text = mem_alloc((size_t)n + f->size);
	memcpy(text, head, (size_t)n);
	memcpy(text + n, f->data, f->size);
	tell_watchdog(g, f->id, text, (size_t)n + f->size);
	mem_free(text);
}

/* Takes the frame. Its session is no request's, so that it did not arrive is told to nobody but the
 * log. */
static void give(struct gate *g, const struct frame *f)
{
	const struct client *c = find(g, f->id);
	struct msg *m;

	if (f->size == 0 || !c) {
		payload_free(f->data);
	} else if (g->broker[0] || c->agent) {
		m = msg_of(f->data);
		*m = (struct msg){ .size = f->size };
		post(g, m, f->id, g->type, g->broker[0] ? 0 : c->client);
		m->dest = c->agent;
		if (pass_on(g, g->broker[0] ? g->broker : NULL, m) != SEND_OK)
			service_log(g->s, LOG_LEVEL_INFO,
				    "Drop a frame of %d: nobody is there for it", f->id);
	} else {
		tell_data(g, f);
		payload_free(f->data);
	}
}

/* ---- what its sockets say ---- */

static void on_accept(struct gate *g, int id, const char *peer, size_t size)
{
	if (g->count >= g->max) {
		net_close(id);
		return;
	}
	add(g, id);
	tell_open(g, id, peer, size);
}

static void on_data(struct gate *g, int id, const char *data, size_t size)
{
	struct frame f;
	bool good;

	if (!find(g, id)) {
		service_log(g->s, LOG_LEVEL_INFO, "Drop unknown connection %d message", id);
		return;
	}
	good = frames_feed(&g->frames, id, data, size);
	while (frames_pop(&g->frames, &f))
		give(g, &f);
	if (!good) {
		service_log(g->s, LOG_LEVEL_WARNING, "Recv socket message > 16M");
		if (drop(g, id))
			tell_close(g, id);
	}
}

static void on_end(struct gate *g, int id, const char *why, size_t size)
{
	if (id == g->listener)
		service_log(g->s, LOG_LEVEL_WARNING, "gate: the listener: %.*s", (int)size, why);
	else if (drop(g, id))
		tell_close(g, id);
}

static void on_socket(struct gate *g, const char *data, size_t size)
{
	struct socket_message m;
	const char *text = data + sizeof(m);

	if (size < sizeof(m))
		return;
	memcpy(&m, data, sizeof(m));
	size -= sizeof(m);
	switch (m.type) {
	case SOCKET_DATA:
		on_data(g, m.id, m.buffer, (size_t)m.ud);
		payload_free(m.buffer);
		break;
	case SOCKET_ACCEPT:
		on_accept(g, m.ud, text, size);
		break;
	case SOCKET_CLOSE:
		on_end(g, m.id, "closed", 6);
		break;
	case SOCKET_ERROR:
		on_end(g, m.id, text, size);
		break;
	case SOCKET_WARNING:
		service_log(g->s, LOG_LEVEL_WARNING, "fd (%d) send buffer (%d)K", m.id, m.ud);
		break;
	default:
		break; /* CONNECT: the listener or a client was started */
	}
}

/* ---- what it is told to do ---- */

static void run_command(struct gate *g, const char *text, size_t size)
{
	struct gate_command c = gate_parse_command(text, size);
	struct client *client = find(g, c.id);

	switch (c.verb) {
	case GATE_START:
		if (client)
			net_start(service_handle(g->s), c.id);
		break;
	case GATE_KICK:
		if (client)
			net_close(c.id); /* CLOSE comes, behind what it still said */
		break;
	case GATE_FORWARD:
		if (client) {
			client->agent = c.agent;
			client->client = c.client;
		}
		break;
	case GATE_BROKER:
		memcpy(g->broker, c.broker, sizeof(g->broker));
		break;
	case GATE_CLOSE:
		net_close(g->listener);
		g->listener = NO_LISTENER;
		break;
	case GATE_UNKNOWN:
		service_log(g->s, LOG_LEVEL_WARNING, "[gate] Unknown command : %.*s",
			    (int)(size < 200 ? size : 200), text);
		break;
	}
}

/* Bytes for a client, whose id is behind them. Takes m. */
static void write_client(struct gate *g, struct msg *m)
{
	uint8_t *payload = msg_payload(m);
	uint32_t id;

	if (m->size < 4) {
		service_log(g->s, LOG_LEVEL_WARNING, "Invalid client message from %x", m->source);
		msg_destroy(m);
		return;
	}
	id = little_get32(payload + m->size - 4);
	if (id <= INT32_MAX && find(g, (int)id)) {
		/* a full queue ends the connection, which is told */
		(void)net_send((int)id, payload, m->size - 4);
	} else {
		service_log(g->s, LOG_LEVEL_WARNING, "Invalid client id %d from %x", (int)id,
			    m->source);
		msg_destroy(m);
	}
}

static void on_message(struct service *s, void *ud, struct msg *m)
{
	struct gate *g = ud;

	service_fail_request(m, "a gate answers nothing");
	if (m->type == PTYPE_CLIENT) {
		write_client(g, m);
		return;
	}
	if (m->type == PTYPE_SOCKET && m->source == 0)
		on_socket(g, msg_payload(m), m->size);
	else if (m->type == PTYPE_TEXT)
		run_command(g, msg_payload(m), m->size);
	msg_destroy(m);
}

/* ---- life ---- */

static void *create(void)
{
	return mem_zalloc(sizeof(struct gate));
}

static unsigned power_of_two(unsigned n)
{
	unsigned p = 16;

	while (p < n && p < NET_SOCKETS_MAX)
		p *= 2;
	return p;
}

static int refuse(struct service *s, const char *what, const char *why)
{
	service_log(s, LOG_LEVEL_ERROR, "gate: %s: %s", what, why);
	return -1;
}

static int init(void *instance, struct service *s, const char *args)
{
	struct gate *g = instance;
	struct gate_setup setup;
	struct net_error error;
	const char *why = gate_parse_setup(args ? args : "", &setup);

	if (why)
		return refuse(s, args ? args : "", why);
	g->s = s;
	g->type = setup.type;
	g->max = setup.max;
	g->frames.large = setup.large;
	if (setup.watchdog[0]) {
		g->watchdog = service_find(setup.watchdog);
		if (!g->watchdog)
			return refuse(s, setup.watchdog, "no such watchdog");
	}
	g->listener = net_listen(service_handle(s), setup.bind, -1, BACKLOG, &error);
	if (g->listener < 0) {
		g->listener = NO_LISTENER;
		service_log(s, LOG_LEVEL_ERROR, "gate: %s", error.text);
		return -1;
	}
	if (!setup.nagle)
		net_nodelay(g->listener);
	net_set_window(g->listener,
		       setup.window == GATE_WINDOW_NODE ? NET_WINDOW_NODE : setup.window);
	why = net_set_proxy(g->listener, setup.proxy);
	if (why) {
		net_close(g->listener);
		g->listener = NO_LISTENER;
		return refuse(s, setup.proxy, why);
	}
	g->buckets = power_of_two(g->max);
	g->clients = mem_zalloc(g->buckets * sizeof(*g->clients));
	service_set_message_callback(s, g, on_message);
	net_start(service_handle(s), g->listener);
	return 0;
}

static void release(void *instance)
{
	struct gate *g = instance;

	if (g->listener != NO_LISTENER)
		net_close(g->listener);
	for (unsigned i = 0; i < g->buckets; i++)
		while (g->clients[i])
			(void)drop(g, g->clients[i]->id);
	mem_free(g->clients);
	frames_fini(&g->frames);
	mem_free(g);
}

void gate_init(void)
{
	static const struct module module = {
		.name = "gate", .create = create, .init = init, .release = release
	};

	module_add(&module);
}
