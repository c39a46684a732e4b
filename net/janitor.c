/* SPDX-License-Identifier: MIT */
/*
 * Janitor: looks after what no event will ever finish.
 *
 *   a closing socket whose peer takes nothing any more   given up after JANITOR_CLOSING_NS
 *   one that has said all, and whose peer still speaks   given up after JANITOR_FAREWELL_NS
 *   any closing socket while the queues of the node are  given up after JANITOR_HASTE_NS
 *   full together
 *   a connection whose proxy does not say whose it is    given up after PROXY_PATIENCE_NS
 *   a listener that rests because descriptors ran out    tried again after JANITOR_BACKOFF_NS
 *
 * It walks over all sockets, but only while there is such a one: who makes one wakes it, and a
 * walk that finds none lets the timer rest.
 */
#include "net/janitor.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "net/limits.h"
#include "net/post.h"
#include "net/proxy.h"
#include "net/reserve.h"
#include "net/socket.h"
#include "net/timer.h"
#include "net/watch.h"

#define HEADER_LOOK_NS NS_PER_SEC
#define LOOKS 6 /* looks at a closing socket that often before it is given up */

/* [loop] */
static struct {
	struct net_timer *timer;
	uint64_t deadline; /* 0 = rests */
	uint64_t closing_ns;
} janitor;

struct walk {
	uint64_t now;
	uint64_t next_ns; /* look again after that */
	bool haste;	  /* others need the memory of what waits on closing sockets */
};

static uint64_t patience(const struct socket *s)
{
	return s->farewell ? JANITOR_FAREWELL_NS : janitor.closing_ns;
}

static bool is_hopeless(const struct socket *s, const struct walk *w)
{
	/* both times may lie a little behind `now`, which was read before the lock was taken */
	if (w->haste && w->now > s->closed_ns && w->now - s->closed_ns >= JANITOR_HASTE_NS)
		return true;
	return w->now > s->closing_ns && w->now - s->closing_ns >= patience(s);
}

static void look(struct socket *s, struct walk *w)
{
	if (s->closing && is_hopeless(s, w)) {
		socket_free(s);
	} else if (s->closing) {
		uint64_t again = w->haste ? JANITOR_HASTE_NS : patience(s) / LOOKS;

		if (w->next_ns > again)
			w->next_ns = again;
	} else if (s->state == STATE_HEADER) {
		if (proxy_look(s, w->now) && w->next_ns > HEADER_LOOK_NS)
			w->next_ns = HEADER_LOOK_NS;
	} else if (s->backoff) {
		if (s->keeps ? reserve_keep() : reserve_take()) {
			s->backoff = false;
			watch_or_fail(s);
		} else {
			w->next_ns = JANITOR_BACKOFF_NS;
		}
	}
}

static void set(uint64_t deadline)
{
	if (janitor.deadline && janitor.deadline <= deadline)
		return;
	janitor.deadline = deadline;
	net_timer_set(janitor.timer, deadline);
}

static void tick(void *ud)
{
	struct walk w = { .now = clock_mono_ns(),
			  .next_ns = UINT64_MAX,
			  .haste = limits_exhausted() };
	struct socket *s;

	janitor.deadline = 0;
	for (unsigned slot = 0; (s = socket_next(&slot));) {
		look(s, &w);
		socket_unlock(s);
	}
	if (w.next_ns != UINT64_MAX)
		set(w.now + w.next_ns);
}

static void wake(void *arg)
{
	const uint64_t *at = arg;

	set(*at);
	mem_free(arg);
}

void janitor_wake_in(uint64_t delay_ns)
{
	uint64_t *at = mem_alloc(sizeof(*at));

	*at = clock_mono_ns() + delay_ns;
	post_or_discard(wake, at, mem_free);
}

void janitor_set_closing_ns(uint64_t ns)
{
	janitor.closing_ns = ns;
}

void janitor_init(void)
{
	janitor.timer = net_timer_create(tick, NULL);
	janitor.deadline = 0;
	janitor.closing_ns = JANITOR_CLOSING_NS;
}

void janitor_fini(void)
{
	net_timer_destroy(steal(janitor.timer));
}
