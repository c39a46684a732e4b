/* SPDX-License-Identifier: MIT */
/* The poller that is plugged in, or a plain timed sleep: see poller.h. */
#include "core/sched/poller.h"

#include "core/base/futex.h"
#include "core/base/must.h"
#include "core/sched/workers.h"

static void plain_poll(void *ud, unsigned loop, uint64_t timeout_ns)
{
	(void)ud;
	(void)loop;
	/* acquire: pairs with the release in plain_interrupt */
	if (timeout_ns && atomic_exchange_explicit(&sched.poll_wake, 0, memory_order_acquire) == 0)
		(void)futex_wait(&sched.poll_wake, 0, timeout_ns);
}

static bool plain_interrupt(void *ud, unsigned loop)
{
	(void)ud;
	(void)loop;
	atomic_store_explicit(&sched.poll_wake, 1, memory_order_release);
	futex_wake(&sched.poll_wake);
	return true;
}

static const struct poller_ops plain_poller = { 1, plain_poll, plain_interrupt };

void sched_set_poller(const struct poller_ops *ops, void *ud)
{
	must(!ops || (ops->poll && ops->interrupt));
	must(!ops || (ops->loops >= 1 && ops->loops <= POLL_LOOPS_MAX));
	sched.poller = ops;
	sched.poller_ud = ud;
}

static const struct poller_ops *poller(void)
{
	return sched.poller ? sched.poller : &plain_poller;
}

unsigned sched_loops(void)
{
	return poller()->loops;
}

void sched_poll(unsigned loop, uint64_t timeout_ns)
{
	poller()->poll(sched.poller_ud, loop, timeout_ns);
}

void sched_interrupt_one(void)
{
	for (unsigned i = 0; i < sched.n_loops; i++)
		/* Who does not wait any more, or not yet, looks at the queues by himself (S4). */
		if (atomic_load_explicit(&sched.loops[i].sleeps, memory_order_seq_cst) &&
		    poller()->interrupt(sched.poller_ud, i))
			return;
}

void sched_interrupt_all(void)
{
	for (unsigned i = 0; i < sched.n_loops; i++)
		(void)poller()->interrupt(sched.poller_ud, i);
}

void sched_interrupt_keeper(void)
{
	unsigned keeper = atomic_load_explicit(&sched.keeper, memory_order_seq_cst); /* S6 */

	if (keeper)
		(void)poller()->interrupt(sched.poller_ud, keeper - 1);
}
