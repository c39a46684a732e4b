/* SPDX-License-Identifier: MIT */
/* Timers: see timer.h.
 *
 * `next` publishes the earliest expiry in ns, never later than it is. Ordering: T1 whoever arms
 * stores it (seq_cst), then the scheduler (on_earlier) reads what the sleeping poller waits for
 * (seq_cst); the poller stores what it waits for (seq_cst), then reads `next` again (seq_cst). One
 * of the two sees the other, so no earlier timer is slept over.
 *
 * Moderation: a wake-up costs the machine more than a timer costs us. When expiries come closer
 * than TIMER_GAP_NS several times in a row, the next ones wait until that gap is full and fire
 * together; a timer that fires alone is not held back.
 */
#include "core/sched/timer.h"

#include <stdatomic.h>
#include <stddef.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"

#define DENSE 4u

static struct {
	struct lock lock; /* the wheel */
	struct wheel wheel;
	atomic_uint_least64_t next;
	atomic_uint_least64_t hold; /* no expiry before; 0 = no moderation */
	atomic_bool running;	    /* one thread fires */
	/* [running] */
	uint64_t last_ns;
	unsigned dense; /* expiries in a row that came soon after another */
	void (*on_earlier)(uint64_t deadline_ns); /* constant after timer_init */
} T = { .lock = LOCK_INIT(timers) };

int timer_init(void (*on_earlier)(uint64_t deadline_ns))
{
	T.on_earlier = on_earlier;
	wheel_init(&T.wheel, clock_mono_ns() / TIMER_TICK_NS);
	atomic_store_explicit(&T.next, UINT64_MAX, memory_order_seq_cst);
	atomic_store_explicit(&T.hold, 0, memory_order_relaxed); /* no other thread yet */
	T.last_ns = 0;
	T.dense = 0;
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

	lock_held(&T.lock);
	/* relaxed compare: the lock's holder is the only writer */
	if (ns != atomic_load_explicit(&T.next, memory_order_relaxed))
		atomic_store_explicit(&T.next, ns, memory_order_seq_cst); /* T1 */
}

/* relaxed: who reads an older one is late or early by less than a gap, and never before `next` */
static uint64_t hold(void)
{
	return atomic_load_explicit(&T.hold, memory_order_relaxed);
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	uint64_t tick = deadline_ns / TIMER_TICK_NS + (deadline_ns % TIMER_TICK_NS != 0);
	bool earlier;

	must_slow(t->fire);
	/* "Never" stays a number of ticks whose nanoseconds fit 64 bits. */
	if (tick > UINT64_MAX / TIMER_TICK_NS)
		tick = UINT64_MAX / TIMER_TICK_NS;
	lock_take(&T.lock);
	wheel_arm(&T.wheel, &t->entry, tick);
	/* relaxed read: the lock's holder is the only writer. No look at the wheel: a new timer can
	 * only make the earliest expiry its own. */
	earlier = tick * TIMER_TICK_NS < atomic_load_explicit(&T.next, memory_order_relaxed);
	if (earlier)
		atomic_store_explicit(&T.next, tick * TIMER_TICK_NS, memory_order_seq_cst); /* T1 */
	lock_release(&T.lock);
	if (earlier && T.on_earlier)
		T.on_earlier(max_u64(tick * TIMER_TICK_NS, hold()));
}

bool timer_disarm(struct timer *t)
{
	bool was;

	/* `next` may stay too early: that costs one look at the wheel, no wrong expiry. */
	lock_take(&T.lock);
	was = wheel_disarm(&T.wheel, &t->entry);
	if (T.wheel.count == 0)
		publish_locked();
	lock_release(&T.lock);
	return was;
}

uint64_t timer_next(void)
{
	return max_u64(atomic_load_explicit(&T.next, memory_order_seq_cst), hold()); /* T1 */
}

/* The runner: expiries are now. */
static void moderate(uint64_t now_ns)
{
	if (now_ns - T.last_ns > 2 * TIMER_GAP_NS)
		T.dense = 0;
	else if (T.dense < DENSE)
		T.dense++;
	T.last_ns = now_ns;
	atomic_store_explicit(&T.hold, T.dense == DENSE ? now_ns + TIMER_GAP_NS : 0,
			      memory_order_relaxed);
}

uint64_t timer_count(void)
{
	uint64_t n;

	lock_take(&T.lock);
	n = T.wheel.count;
	lock_release(&T.lock);
	return n;
}

struct any {
	bool (*f)(const struct timer *t, void *ud);
	void *ud;
};

static bool any_entry(const struct wheel_entry *e, void *ud)
{
	const struct any *any = ud;

	return any->f(container_of(e, const struct timer, entry), any->ud);
}

bool timer_any(bool (*f)(const struct timer *t, void *ud), void *ud)
{
	struct any any = { f, ud };
	bool yes;

	must(f);
	lock_take(&T.lock);
	yes = wheel_any(&T.wheel, any_entry, &any);
	lock_release(&T.lock);
	return yes;
}

void timer_look(bool (*f)(const struct timer *t, void *ud), void *ud)
{
	struct any any = { f, ud };
	bool enough = false;

	must(f);
	for (unsigned slot = 0; slot < WHEEL_LEVELS * WHEEL_SLOTS && !enough; slot++) {
		lock_take(&T.lock);
		enough = wheel_any_of(&T.wheel, slot, any_entry, &any);
		lock_release(&T.lock);
	}
}

/* [timers' lock] what timer_jump asks; the wheel's function has no argument of its own */
static bool (*jumps)(const struct timer *t);

static bool entry_jumps(const struct wheel_entry *e)
{
	return jumps(container_of(e, const struct timer, entry));
}

/* e: in the order of their times, which it keeps. */
static void arm_sooner_locked(struct timer_jump *j, struct wheel_entry *e)
{
	const uint64_t now = clock_mono_ns() / TIMER_TICK_NS, by = j->by_ns / TIMER_TICK_NS;
	struct wheel_entry *next;

	lock_held(&T.lock);
	for (uint64_t first = now + 1; e; e = next, j->moved++) {
		uint64_t tick = max_u64(e->tick > by ? e->tick - by : 0, first);

		next = e->next;
		e->next = NULL;
		wheel_arm(&T.wheel, e, tick);
		j->due += tick == first;
		if (tick == first && j->due % TIMER_JUMP_BATCH == 0)
			first++;
	}
}

void timer_jump(struct timer_jump *j)
{
	struct wheel *room = mem_alloc(sizeof(*room));
	uint64_t next;

	must(j->which && j->move);
	j->moved = j->due = 0;
	lock_take(&T.lock);
	j->move(j->by_ns);
	jumps = j->which;
	arm_sooner_locked(j, wheel_take(&T.wheel, entry_jumps, room));
	publish_locked();
	lock_release(&T.lock);
	mem_free(room);
	next = timer_next();
	if (next != UINT64_MAX && T.on_earlier)
		T.on_earlier(next);
}

unsigned timer_run(uint64_t now_ns)
{
	struct wheel_entry *e;
	unsigned fired = 0;

	/* relaxed: a first look; acquire/release: one runner hands over to the next */
	if (atomic_load_explicit(&T.next, memory_order_relaxed) > now_ns || hold() > now_ns ||
	    atomic_exchange_explicit(&T.running, true, memory_order_acquire))
		return 0;
	lock_take(&T.lock);
	e = wheel_advance(&T.wheel, now_ns / TIMER_TICK_NS);
	publish_locked();
	lock_release(&T.lock);
	if (e)
		moderate(now_ns);
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
