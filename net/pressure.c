/* SPDX-License-Identifier: MIT */
/*
 * See pressure.h. What the gate does for each message is an addition without the socket's lock; the
 * lock is for each half of a window. Two threads that pass on messages of one socket at a time may
 * lose an addition, which is no harm.
 */
#include "net/pressure.h"

#include "core/actor/msg.h"
#include "core/base/must.h"
#include "net/read.h"
#include "net/socket.h"
#include "net/watch.h"

/* relaxed, both numbers: nothing is published with them */
static uint32_t window_of(struct socket *s)
{
	return atomic_load_explicit(&s->window, memory_order_relaxed);
}

static bool mark(uint32_t owner, int id)
{
	struct socket *s = socket_lock(id);
	bool marked;

	if (!s)
		return false;
	atomic_store_explicit(&s->passed, 0, memory_order_relaxed);
	marked = s->owner == owner && s->state == STATE_OPEN;
	if (marked) {
		s->passes = true;
		if (++s->ahead == MARKS_MAX)
			watch_or_fail(s);
	}
	socket_unlock(s);
	return marked;
}

bool net_pass_on(uint32_t owner, int id, uint64_t size)
{
	struct socket *s = socket_peek(id);
	uint64_t passed;

	if (!s || !window_of(s))
		return false;
	passed = atomic_load_explicit(&s->passed, memory_order_relaxed) + size + PRESSURE_COST;
	if (passed < window_of(s) / MARKS_MAX) {
		atomic_store_explicit(&s->passed, (uint32_t)passed, memory_order_relaxed);
		return false;
	}
	return mark(owner, id);
}

bool net_pass_message(uint32_t owner, struct msg *m)
{
	if (likely(!net_pass_on(owner, m->session, m->size)))
		return false;
	m->flags |= MSG_MARK;
	return true;
}

void net_passed(int id)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	/* a program in Lua may say it once too often */
	if (s->ahead && s->ahead-- == MARKS_MAX)
		watch_or_fail(s);
	socket_unlock(s);
}

bool net_set_window(int id, uint32_t bytes)
{
	struct socket *s = socket_lock(id);

	if (bytes == NET_WINDOW_NODE)
		bytes = limits_window();
	must(bytes <= NET_WINDOW_MAX);
	if (!s)
		return false;
	atomic_store_explicit(&s->window, bytes, memory_order_relaxed);
	s->passes = bytes != 0;
	socket_unlock(s);
	return true;
}

void net_hold(uint32_t owner, int id, bool hold)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	if (s->held != hold && (s->owner == owner || !hold)) {
		s->held = hold;
		watch_or_fail(s);
	}
	socket_unlock(s);
}

void pressure_taken(const struct msg *m)
{
	if (m->type == PTYPE_SOCKET && m->source == 0)
		read_taken(m);
	else
		net_passed(m->session);
}
