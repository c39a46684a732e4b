/* SPDX-License-Identifier: MIT */
/* The poller that is plugged in, or a plain timed sleep: see poller.h. */
#include "core/sched/poller.h"

#include "core/base/futex.h"
#include "core/base/must.h"
#include "core/sched/workers.h"

static void plain_poll(void *ud, uint64_t timeout_ns)
{
	(void)ud;
	/* acquire: pairs with the release in plain_interrupt */
	if (timeout_ns && atomic_exchange_explicit(&sched.poll_wake, 0, memory_order_acquire) == 0)
		(void)futex_wait(&sched.poll_wake, 0, timeout_ns);
}

static void plain_interrupt(void *ud)
{
	(void)ud;
	atomic_store_explicit(&sched.poll_wake, 1, memory_order_release);
	futex_wake(&sched.poll_wake);
}

static const struct poller_ops plain_poller = { plain_poll, plain_interrupt };

void sched_set_poller(const struct poller_ops *ops, void *ud)
{
	must(!ops || (ops->poll && ops->interrupt));
	sched.poller = ops;
	sched.poller_ud = ud;
}

static const struct poller_ops *poller(void)
{
	return sched.poller ? sched.poller : &plain_poller;
}

void sched_poll(uint64_t timeout_ns)
{
	poller()->poll(sched.poller_ud, timeout_ns);
}

void sched_interrupt_poll(void)
{
	poller()->interrupt(sched.poller_ud);
}
