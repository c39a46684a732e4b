/* SPDX-License-Identifier: MIT */
/* See proxy.h. A header is looked at before it is taken (MSG_PEEK), so that no byte of the client's
 * is taken with it. */
#include "net/proxy.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "net/proxyhead.h"
#include "net/socket.h"
#include "net/watch.h"

#define SAY_NS NS_PER_SEC
#define FIRST_ROOM 256u

struct proxy_wait {
	int listener;
	uint64_t since_ns;
	size_t got, room;
	uint8_t bytes[];
};

static uint64_t patience_ns = PROXY_PATIENCE_NS; /* constant once threads run */

/* [any] relaxed, both: lone numbers */
static atomic_uint_least64_t refused, said_ns;

void net_set_proxy_patience(uint64_t ns)
{
	patience_ns = ns;
}

const char *net_set_proxy(int listener, const char *allow)
{
	struct proxy_allow *list = NULL;
	const char *why = NULL;
	struct socket *s;

	if (allow && *allow) {
		list = mem_alloc(sizeof(*list));
		why = proxy_allow_parse(allow, list);
	}
	s = why ? NULL : socket_lock(listener);
	if (s && s->owner && (s->state == STATE_PRELISTEN || s->state == STATE_LISTEN)) {
		struct proxy_allow *before = s->allow;

		s->allow = list;
		list = before;
	} else if (!why) {
		why = "there is no such listener";
	}
	if (s)
		socket_unlock(s);
	mem_free(list);
	return why;
}

/* A flood of wrong headers must not become one of lines. */
static void say_refused(const char *peer, const char *why)
{
	uint64_t now = clock_mono_ns(), so_far, last;

	so_far = atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed) + 1;
	last = atomic_load_explicit(&said_ns, memory_order_relaxed);
	if (last && now - last < SAY_NS)
		return;
	if (atomic_compare_exchange_strong_explicit(&said_ns, &last, now, memory_order_relaxed,
						    memory_order_relaxed))
		log_warning("proxy header of %s: %s; the connection is closed (%llu so far)", peer,
			    why, (unsigned long long)so_far);
}

bool proxy_admits(const struct socket *listener, const struct addr *peer)
{
	char text[ADDR_TEXT_MAX];

	lock_held(&listener->lock);
	if (!listener->allow || proxy_allows(listener->allow, peer))
		return true;
	say_refused(addr_format(peer, text, sizeof(text)), "it is not from an allowed address");
	return false;
}

uint64_t proxy_await(struct socket *s, int listener)
{
	lock_held(&s->lock);
	s->header = mem_zalloc(sizeof(*s->header) + FIRST_ROOM);
	s->header->listener = listener;
	s->header->since_ns = clock_mono_ns();
	s->header->room = FIRST_ROOM;
	s->state = STATE_HEADER;
	if (watch(s) < 0)
		socket_free(s);
	return patience_ns;
}

static void refuse(struct socket *s, const char *why)
{
	char peer[ADDR_TEXT_MAX];

	say_refused(socket_address(s, true, peer, sizeof(peer)), why);
	socket_free(s);
}

/* Takes so many of the bytes that were looked at. */
static bool take(struct socket *s, struct proxy_wait *w, size_t n)
{
	if (recv(s->fd, w->bytes + w->got, n, 0) != (ssize_t)n)
		return false;
	w->got += n;
	return true;
}

/* The header is whole: the connection waits to be announced. */
static int finish(struct socket *s, const struct proxy_head *h)
{
	int listener = s->header->listener;

	if (h->known) {
		s->client = mem_alloc(sizeof(*s->client));
		*s->client = h->client;
	}
	mem_free(steal(s->header));
	s->state = STATE_PREACCEPT;
	(void)watch(s); /* to stop watching cannot fail */
	return listener;
}

/* No byte, or an error. */
static void no_bytes(struct socket *s, ssize_t n, int error)
{
	if (n < 0 && (error == EAGAIN || error == EINTR))
		return;
	if (s->header->got || n < 0)
		refuse(s, n < 0 ? strerror(error) : "the connection ended in it");
	else
		socket_free(s);
}

int proxy_ready(struct socket *s)
{
	struct proxy_wait *w = s->header;
	struct proxy_head h;
	const char *why;
	ssize_t n;
	int size;

	lock_held(&s->lock);
	must(w && w->room > w->got);
	n = recv(s->fd, w->bytes + w->got, w->room - w->got, MSG_PEEK);
	if (n <= 0) {
		no_bytes(s, n, errno);
		return 0;
	}
	size = proxy_head_parse(w->bytes, w->got + (size_t)n, &h, &why);
	if (size < 0) {
		refuse(s, why);
		return 0;
	}
	if (!take(s, w, size ? (size_t)size - w->got : (size_t)n)) {
		refuse(s, "it cannot be read");
		return 0;
	}
	if (size)
		return finish(s, &h);
	if (h.size > w->room) {
		w->room = h.size;
		s->header = mem_realloc(w, sizeof(*w) + w->room);
	}
	return 0;
}

bool proxy_look(struct socket *s, uint64_t now)
{
	lock_held(&s->lock);
	if (now < s->header->since_ns + patience_ns)
		return true;
	refuse(s, "it did not come in time");
	return false;
}
