/* SPDX-License-Identifier: MIT */
/* Timers: see timer.h.
 *
 * `next` publishes the earliest expiry in ns, never later than it is. Ordering: T1 whoever arms stores it (seq_cst), then
 * sched_deadline_moved() reads what the sleeping poller waits for (seq_cst); the poller stores what it
 * waits for (seq_cst), then reads `next` again (seq_cst). One of the two sees the other, so
 * no earlier timer is slept over.
 */
#include "core/timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/sched.h"

static struct {
	pthread_mutex_t lock; /* LOCK_TIMERS: the wheel */
	struct wheel wheel;
	atomic_uint_least64_t next;
	atomic_bool running; /* one thread fires */
} T = { .lock = PTHREAD_MUTEX_INITIALIZER };

int timer_init(void)
{
	wheel_init(&T.wheel, clock_mono_ns() / TIMER_TICK_NS);
	atomic_store_explicit(&T.next, UINT64_MAX, memory_order_seq_cst);
	return 0;
}

void timer_fini(void)
{
	atomic_store_explicit(&T.next, UINT64_MAX, memory_order_seq_cst);
}

static void publish_locked(void)
{
	uint64_t tick = wheel_next(&T.wheel);
	uint64_t ns = tick == UINT64_MAX ? tick : tick * TIMER_TICK_NS;

	/* relaxed compare: the lock's holder is the only writer */
	if (ns != atomic_load_explicit(&T.next, memory_order_relaxed))
		atomic_store_explicit(&T.next, ns, memory_order_seq_cst); /* T1 */
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	uint64_t tick = deadline_ns / TIMER_TICK_NS + (deadline_ns % TIMER_TICK_NS != 0);
	bool earlier;

	/* "Never" stays a number of ticks whose nanoseconds fit 64 bits. */
	if (tick > UINT64_MAX / TIMER_TICK_NS)
		tick = UINT64_MAX / TIMER_TICK_NS;
	pthread_mutex_lock(&T.lock);
	wheel_arm(&T.wheel, &t->entry, tick);
	/* relaxed read: the lock's holder is the only writer. No look at the wheel: a new timer can
	 * only make the earliest expiry its own. */
	earlier = tick * TIMER_TICK_NS < atomic_load_explicit(&T.next, memory_order_relaxed);
	if (earlier)
		atomic_store_explicit(&T.next, tick * TIMER_TICK_NS, memory_order_seq_cst); /* T1 */
	pthread_mutex_unlock(&T.lock);
	if (earlier)
		sched_deadline_moved(tick * TIMER_TICK_NS);
}

bool timer_disarm(struct timer *t)
{
	bool was;

	/* `next` may stay too early: that costs one look at the wheel, no wrong expiry. */
	pthread_mutex_lock(&T.lock);
	was = wheel_disarm(&T.wheel, &t->entry);
	if (T.wheel.count == 0)
		publish_locked();
	pthread_mutex_unlock(&T.lock);
	return was;
}

uint64_t timer_next(void)
{
	return atomic_load_explicit(&T.next, memory_order_seq_cst); /* T1 */
}

uint64_t timer_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&T.lock);
	n = T.wheel.count;
	pthread_mutex_unlock(&T.lock);
	return n;
}

unsigned timer_run(uint64_t now_ns)
{
	struct wheel_entry *e;
	unsigned fired = 0;

	/* relaxed: a first look; acquire/release: one runner hands over to the next */
	if (atomic_load_explicit(&T.next, memory_order_relaxed) > now_ns ||
	    atomic_exchange_explicit(&T.running, true, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&T.lock);
	e = wheel_advance(&T.wheel, now_ns / TIMER_TICK_NS);
	publish_locked();
	pthread_mutex_unlock(&T.lock);
	while (e) {
		struct wheel_entry *next = e->next;
		struct timer *t = container_of(e, struct timer, entry);

		e->next = NULL;
		t->fire(t); /* t may be gone afterwards */
		e = next;
		fired++;
	}
	atomic_store_explicit(&T.running, false, memory_order_release);
	return fired;
}
