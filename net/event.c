/* SPDX-License-Identifier: MIT */
/*
 * Telling the owner.
 *
 * A service gets its message at once, under the socket's lock, from whichever thread saw the event.
 * A handler's functions run on the loop and without the lock, so for them a small closure is
 * posted: it finds the socket again by its id, and a socket that was closed meanwhile is silent.
 * Only data and accepts, which are found on the loop, go to a handler directly (read.c, listen.c).
 *
 * A service that is dead leaves its sockets orphans; they are closed when the lock is given back.
 * If it died with messages unread, core shows them to event_dropped: their buffers are freed, their
 * sockets closed.
 */
#include "net/event.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/msg.h"
#include "core/actor/send.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/node/msglog.h"
#include "net/post.h"
#include "net/socket.h"

static bool deliver(uint32_t owner, struct socket_message head, const char *text, uint8_t flags)
{
	size_t n = text ? strnlen(text, NET_ERROR_MAX) : 0;
	struct msg *m = msg_create(sizeof(head) + n);

	m->type = PTYPE_SOCKET;
	m->dest = owner;
	m->flags = flags;
	memcpy(msg_payload(m), &head, sizeof(head));
	if (n)
		memcpy((char *)msg_payload(m) + sizeof(head), text, n);
	return service_send(m) == SEND_OK;
}

static void send_event(struct socket *s, int type, int ud, const char *text)
{
	struct socket_message head = { .type = type, .id = socket_id(s), .ud = ud };

	lock_held(&s->lock);
	if (s->owner && !s->orphan && !deliver(s->owner, head, text, 0))
		s->orphan = true;
}

static void close_if_owned(int id, uint32_t owner)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	/* not when it was passed on, or is closing in order already */
	if (s->owner == owner && !s->closing)
		event_shutdown(s);
	socket_unlock(s);
}

void event_dropped(const struct msg *m)
{
	struct socket_message head;

	if (m->type != PTYPE_SOCKET || m->source != 0 || m->size < sizeof(head))
		return;
	memcpy(&head, msg_payload(m), sizeof(head));
	payload_free(head.buffer);
	if (head.type == SOCKET_ACCEPT)
		close_if_owned(head.ud, m->dest);
	close_if_owned(head.id, m->dest);
}

void event_logged(FILE *out, const struct msg *m)
{
	struct socket_message head;

	if (m->size < sizeof(head)) {
		fprintf(out, "[socket] of %llu bytes\n", (unsigned long long)m->size);
		return;
	}
	memcpy(&head, msg_payload(m), sizeof(head));
	fprintf(out, "[socket] %d %d %d ", head.type, head.id, head.ud);
	/* a buffer comes from the node itself; from a service it could be any number */
	if (!head.buffer)
		fprintf(out, "[%.*s]", (int)(m->size - sizeof(head)),
			(const char *)msg_payload(m) + sizeof(head));
	else if (m->source == 0)
		msglog_hex(out, head.buffer, (size_t)head.ud);
	fputc('\n', out);
}

/* What a handler is told later on the loop. */
struct notice {
	int id;
	enum { NOTICE_OPEN, NOTICE_CLOSE, NOTICE_DRAIN } what;
	int number; /* of an open: the port, of a close: the errno */
	bool has_text;
	char text[NET_ERROR_MAX];
};

static void notice_run(void *arg)
{
	cleanup(mem_freep) struct notice *n = arg;
	struct socket *s = socket_lock(n->id);
	const struct net_handler *h;
	void *ud;

	if (!s)
		return;
	h = s->handler;
	ud = s->ud;
	if (n->what == NOTICE_CLOSE && s->state == STATE_FAILED)
		socket_free(s);
	socket_unlock(s);
	if (!h)
		return;
	if (n->what == NOTICE_OPEN && h->on_open)
		h->on_open(ud, n->id, n->text, n->number);
	else if (n->what == NOTICE_CLOSE && h->on_close)
		h->on_close(ud, n->id, n->number, n->has_text ? n->text : NULL);
	else if (n->what == NOTICE_DRAIN && h->on_drain)
		h->on_drain(ud, n->id);
}

static void notify(struct socket *s, int what, const char *text, int number)
{
	struct notice *n;

	lock_held(&s->lock);
	if (!s->handler)
		return;
	n = mem_zalloc(sizeof(*n));
	n->id = socket_id(s);
	n->what = what;
	n->number = number;
	n->has_text = text != NULL;
	if (text)
		snprintf(n->text, sizeof(n->text), "%s", text);
	post_or_discard(notice_run, n, mem_free);
}

void event_open(struct socket *s, int port, const char *text)
{
	if (s->closing)
		return; /* closed while it was connecting: only its data goes out */
	send_event(s, SOCKET_CONNECT, port, text);
	notify(s, NOTICE_OPEN, text, port);
}

static void send_buffer(struct socket *s, int type, void *payload_take, size_t size, uint8_t flags)
{
	struct socket_message head = {
		.type = type, .id = socket_id(s), .ud = (int)size, .buffer = payload_take
	};

	lock_held(&s->lock);
	must(s->owner && size <= INT32_MAX);
	if (s->orphan || !deliver(s->owner, head, NULL, flags)) {
		s->orphan = true;
		payload_free(payload_take);
	}
}

void event_data(struct socket *s, void *payload_take, size_t size, uint8_t flags)
{
	must(size > 0);
	send_buffer(s, SOCKET_DATA, payload_take, size, flags);
}

void event_datagram(struct socket *s, void *payload_take, size_t size, uint8_t flags)
{
	send_buffer(s, SOCKET_UDP, payload_take, size, flags);
}

void event_close(struct socket *s, int error, const char *why)
{
	if (s->told_close)
		return;
	s->told_close = true;
	send_event(s, SOCKET_CLOSE, 0, NULL);
	notify(s, NOTICE_CLOSE, why, error);
}

void event_error(struct socket *s, const char *why)
{
	send_event(s, SOCKET_ERROR, 0, why);
}

void event_warning(struct socket *s, unsigned kib)
{
	send_event(s, SOCKET_WARNING, (int)kib, NULL);
}

void event_drain(struct socket *s)
{
	notify(s, NOTICE_DRAIN, NULL, 0);
}

bool event_accept(struct socket *s, int new_id, const char *peer)
{
	send_event(s, SOCKET_ACCEPT, new_id, peer);
	return !s->orphan;
}

void event_invalid(uint32_t owner, int id, const char *why)
{
	must(owner && why);
	deliver(owner, (struct socket_message){ .type = SOCKET_ERROR, .id = id }, why, 0);
}

void event_shutdown(struct socket *s)
{
	lock_held(&s->lock);
	/* a handler that gives its socket up hears nothing more about it */
	if (s->owner)
		event_close(s, 0, NULL);
	socket_free(s);
}
