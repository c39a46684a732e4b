/* SPDX-License-Identifier: MIT */
/* Warnings to owners, and what epoll is asked for, follow the queue. */
#include "net/backlog.h"

#include "net/event.h"
#include "net/farewell.h"
#include "net/limits.h"
#include "net/sendq.h"
#include "net/socket.h"
#include "net/watch.h"

void backlog_gone(struct socket *s)
{
	if (s->closing) {
		if (!farewell_begin(s))
			socket_free(s);
		return;
	}
	if (sendq_calm(&s->out))
		event_warning(s, 0);
	if (s->was_high) {
		s->was_high = false;
		event_drain(s);
	}
	watch_or_fail(s);
}

void backlog_grew(struct socket *s, bool behind)
{
	unsigned kib;

	socket_account(s);
	if (s->out.bytes > NET_LOW_MARK)
		s->was_high = true;
	kib = behind ? sendq_warning(&s->out) : 0;
	if (kib)
		event_warning(s, kib);
	if (s->state == STATE_OPEN)
		watch_or_fail(s);
}
