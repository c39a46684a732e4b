/* SPDX-License-Identifier: MIT */
/* What epoll watches a socket for follows from its state and flags alone: whoever changes these
 * calls watch(), which compares and asks the kernel only for a difference. */
#include "net/watch.h"

#include "core/base/must.h"
#include "core/log/log.h"
#include "net/event.h"
#include "net/poller.h"
#include "net/sendq.h"
#include "net/socket.h"

static uint32_t wanted_events(const struct socket *s)
{
	uint32_t events = 0;

	switch (s->state) {
	case STATE_CONNECTING:
		return EPOLLOUT;
	case STATE_HEADER:
		return EPOLLIN;
	case STATE_LISTEN:
		return s->reading && !s->backoff ? EPOLLIN : 0;
	case STATE_OPEN:
		if (s->farewell)
			return EPOLLIN;
		if (s->reading && !s->held && s->marks < MARKS_MAX && s->ahead < MARKS_MAX &&
		    !s->eof && !s->closing)
			events |= EPOLLIN;
		if (!sendq_empty(&s->out) && !s->write_failed)
			events |= EPOLLOUT;
		return events;
	default:
		return 0;
	}
}

/* A socket that waits for nothing is taken out of epoll: an error or hang-up would be reported in
 * every turn, level-triggered as it is, and nobody would take it. */
int watch(struct socket *s)
{
	uint32_t events = wanted_events(s);
	int op = !s->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
	int r;

	lock_held(&s->lock);
	if (events == s->events)
		return 0;
	r = poller_control(s->loop, op, s->fd, events, socket_id(s));
	if (r == 0)
		s->events = events;
	return r;
}

void watch_failed(struct socket *s, const char *why)
{
	lock_held(&s->lock);
	must(why);
	if (s->owner) {
		event_error(s, why);
	} else if (s->state == STATE_LISTEN) {
		log_warning("socket %d: accept: %s", socket_id(s), why);
	} else {
		/* a link that lost one direction is of no use to C code: both end */
		s->eof = true;
		s->write_failed = true;
		sendq_clear(&s->out);
		socket_account(s);
		event_close(s, 0, why);
		if (s->fd >= 0)
			watch(s);
	}
}

void watch_or_fail(struct socket *s)
{
	bool write = wanted_events(s) & ~s->events & EPOLLOUT;

	if (watch(s) < 0) {
		watch_failed(s, write ? "enable write failed" : "enable read failed");
		if (s->owner)
			event_shutdown(s);
	}
}
