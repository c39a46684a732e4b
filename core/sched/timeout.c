/* SPDX-License-Identifier: MIT */
/* Timeouts: see timeout.h. The timer lies in the message, where the payload would be. */
#include "core/sched/timeout.h"

#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/must.h"

struct timeout {
	struct timer timer; /* first: what fires is it */
	/* No reference: a service's memory stays one, and a later service of the slot is not
	 * m->dest. Not looked up by handle, for a retired service must find the message in its
	 * mailbox until its instance is released. */
	struct service *to;
	uint32_t tag;
	bool fixed; /* no jump of programs' time moves it */
};

/* A service that has ended meanwhile wants it no more. */
static void timeout_push(struct service *s, struct timeout *t)
{
	int r = service_push(s, msg_of(t));

	(void)r;
}

static void timeout_fire(struct timer *timer)
{
	struct timeout *t = (struct timeout *)timer;

	timeout_push(t->to, t);
}

static bool is_timeout_of(const struct timer *timer, void *s)
{
	return timer->fire == timeout_fire && ((const struct timeout *)timer)->to == s;
}

bool service_waits_for_timeout(struct service *s)
{
	return timer_any(is_timeout_of, s);
}

uint32_t service_timeout_owner(const struct timer *t)
{
	return t->fire == timeout_fire ? msg_of((void *)(uintptr_t)t)->dest : 0;
}

uint32_t service_timeout_tag(const struct msg *m)
{
	return m->flags & MSG_TIMEOUT ? ((const struct timeout *)msg_payload(m))->tag : 0;
}

static bool frozen; /* set before the first service, then constant */

static struct msg *start(struct service *s, int32_t session, uint32_t tag, uint64_t delay_ns,
			 bool fixed)
{
	struct msg *m = msg_create(sizeof(struct timeout));
	struct timeout *t = msg_payload(m);

	must(session > 0);
	m->size = 0;
	m->dest = service_handle(s);
	m->session = session;
	m->type = PTYPE_RESPONSE;
	m->flags = MSG_TIMEOUT;
	*t = (struct timeout){ .timer.fire = timeout_fire, .to = s, .tag = tag, .fixed = fixed };
	if (unlikely(frozen))
		timer_arm(&t->timer, UINT64_MAX);
	else if (delay_ns)
		timer_arm(&t->timer, clock_mono_ns() + delay_ns);
	else
		timeout_push(s, t);
	return m;
}

struct msg *service_timeout(struct service *s, int32_t session, uint32_t tag, uint64_t delay_ns)
{
	return start(s, session, tag, delay_ns, false);
}

struct msg *service_timeout_fixed(struct service *s, int32_t session, uint64_t delay_ns)
{
	return start(s, session, 0, delay_ns, true);
}

static bool jumps(const struct timer *t)
{
	return t->fire == timeout_fire && !((const struct timeout *)t)->fixed;
}

bool service_time_jump(uint64_t by_ns, uint64_t *ret_moved, uint64_t *ret_due)
{
	struct timer_jump j = { .which = jumps, .move = clock_move, .by_ns = by_ns };

	if (by_ns > CLOCK_MOVED_MAX_NS - clock_moved_ns())
		return false;
	timer_jump(&j);
	*ret_moved = j.moved;
	*ret_due = j.due;
	return true;
}

void service_timeouts_freeze(void)
{
	frozen = true;
}

struct wanted {
	const struct service *s;
	int32_t session;
	struct timer *found;
};

static bool is_wanted(const struct timer *timer, void *ud)
{
	const struct timeout *t = (const struct timeout *)timer;
	struct wanted *w = ud;

	if (timer->fire != timeout_fire || t->to != w->s ||
	    msg_of((void *)(uintptr_t)t)->session != w->session)
		return false;
	w->found = (struct timer *)(uintptr_t)timer;
	return true;
}

struct msg *service_timeout_take(struct service *s, int32_t session)
{
	struct wanted w = { s, session, NULL };

	timer_look(is_wanted, &w);
	return w.found && timer_disarm(w.found) ? msg_of(w.found) : NULL;
}

uint64_t service_timeout_due(const struct msg *timeout)
{
	/* who armed it wrote the tick, and nobody changes it until it is armed again */
	return ((const struct timeout *)msg_payload(timeout))->timer.entry.tick * TIMER_TICK_NS;
}

bool service_timeout_cancel(struct msg *timeout)
{
	must(timeout->flags & MSG_TIMEOUT);
	if (!timer_disarm(msg_payload(timeout)))
		return false;
	msg_destroy(timeout);
	return true;
}
