/* SPDX-License-Identifier: MIT */
/* Scheduler: see sched.h for the idea.
 *
 * Run queue of a worker: one slot (the service it woke last: a call and its answer stay on one core)
 * and a ring of 256. The ring has one producer (its worker) and many consumers (its worker and
 * thieves), who claim entries by a CAS on head. Entries are type-stable services, so a thief that read
 * an entry and then loses the CAS has read nothing that matters.
 *
 * Ordering  S1 ring: store(tail) release <-> load(tail) acquire: the entry is there.
 *           S2 ring: CAS(head) acq_rel: an entry is claimed once, and its slot is free again.
 *           S3 slot: exchange acq_rel in both directions: the owner of a service hands everything on.
 *           S4 sleeping: a worker counts itself asleep (seq_cst), then looks at all queues again; a
 *              waker queues first (S5), then reads `asleep` (seq_cst). One of them sees the other.
 *           S5 the seq_cst fence in wake_one() after the queueing.
 *           S7 surplus: a worker that steps down hands its work on, counts itself asleep (seq_cst), then reads
 *              `asleep` again (seq_cst); another that falls asleep counts itself, then looks at all queues (S4).
 *              One of them sees the other.
 *           S6 deadlines: the poller stores poll_until (seq_cst), then reads timer_next() again; who
 *              arms a timer publishes it (seq_cst), then reads poll_until (seq_cst).
 *           S8 the overseer's rest: the overseer sets `overseer_rests` (seq_cst), then looks at the workers once more; a
 *              worker counts itself awake (seq_cst), then reads `overseer_rests` (seq_cst). One of them sees the other.
 */
#include "core/sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/cpus.h"
#include "core/base/fault.h"
#include "core/base/futex.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/actor/service.h"
#include "core/actor/turn.h"
#include "core/sched/timer.h"

#define RING 256u
/* After so many turns from the slot in a row the ring gets one. */
#define SLOT_TURNS 16u
/* Every so many turns the injection list comes first; to look costs a read of a line that rarely changes. */
#define INJECT_TURNS 4u
/* A busy worker looks at I/O when nobody did for so long. */
#define POLL_EVERY_NS (100 * NS_PER_US)
/* Work that waits behind a turn this long is offered to a sleeper. */
#define LONG_TURN_NS NS_PER_MS
/* To fall asleep and be woken costs about as much CPU as looking around for so long, on a virtual machine
 * more; who calls over a socket waits that much less. */
#define SPIN_NS (50 * NS_PER_US)

/* More workers awake than processors for so long: one steps down. */
#define SURPLUS_NS (200 * NS_PER_US)

struct worker {
	/* set before start, then constant */
	unsigned id;
	pthread_t thread;

	/* [self] */
	struct turn_hook *hooks;
	unsigned turns, slot_turns;
	unsigned trims; /* of S.trims, those that were obeyed */
	bool searching;
	bool spins, searches; /* looks around before it sleeps in the poller, or parks */
	uint64_t rng, surplus_since_ns;
	struct worker *park_next; /* under park_lock */

	/* [self] writes, thieves claim */
	alignas(CACHE_LINE) _Atomic(struct service *) slot;
	atomic_uint head, tail;
	_Atomic(struct service *) ring[RING];

	/* [any] */
	alignas(CACHE_LINE) atomic_uint wake; /* futex: 1 = get up */
	atomic_bool asleep;
	/* [self] writes, the overseer reads; relaxed */
	struct turn turn;
	atomic_uint interrupt_handle;
};

static struct {
	struct worker *workers;
	unsigned n;
	unsigned cpus;    /* constant after start */
	unsigned started; /* threads to join: the starter only */
	uint64_t spin_cycles; /* constant after start */
	atomic_bool stopping;
	const struct poller_ops *poller;
	void *poller_ud;
	void (*interrupt)(struct service *s);

	struct lock inject_lock;
	struct service *inject_first, **inject_last;
	alignas(CACHE_LINE) atomic_uint inject_length;

	struct lock park_lock;
	struct worker *parked;

	atomic_uint trims; /* calls of sched_trim */

	atomic_uint awake_max; /* workers that may be awake: the processors, and those in long turns; relaxed, the overseer's */

	alignas(CACHE_LINE) atomic_uint asleep;    /* workers parked or in a waiting poll */
	atomic_uint searching;                     /* workers awake and looking for work */
	alignas(CACHE_LINE) atomic_bool poll_right;
	atomic_uint_least64_t poll_until;          /* 0 = no poll sleeps; else its deadline */
	atomic_uint_least64_t last_poll;
	atomic_uint poll_wake;                     /* futex of the built-in sleep */
	atomic_uint overseer_rests;                /* futex: 1 = the overseer sleeps until a worker leaves idleness */
} S = {
	.inject_lock = LOCK_INIT(inject),
	.park_lock = LOCK_INIT(park),
};

static _Thread_local struct worker *self;

/* ---- the poller when net/ is not there ---- */

static void plain_poll(void *ud, uint64_t timeout_ns)
{
	(void)ud;
	/* acquire: pairs with the release in plain_interrupt */
	if (timeout_ns && atomic_exchange_explicit(&S.poll_wake, 0, memory_order_acquire) == 0)
		(void)futex_wait(&S.poll_wake, 0, timeout_ns);
}

static void plain_interrupt(void *ud)
{
	(void)ud;
	atomic_store_explicit(&S.poll_wake, 1, memory_order_release);
	futex_wake(&S.poll_wake);
}

static const struct poller_ops plain_poller = { plain_poll, plain_interrupt };

void sched_set_poller(const struct poller_ops *ops, void *ud)
{
	S.poller = ops;
	S.poller_ud = ud;
}

static const struct poller_ops *poller(void)
{
	return S.poller ? S.poller : &plain_poller;
}

/* ---- queues ---- */

static void inject(struct service *s)
{
	s->run_next = NULL;
	lock_take(&S.inject_lock);
	if (!S.inject_first)
		S.inject_last = &S.inject_first;
	*S.inject_last = s;
	S.inject_last = &s->run_next;
	/* relaxed inside the lock; the fence S5 orders it for sleepers */
	atomic_fetch_add_explicit(&S.inject_length, 1, memory_order_relaxed);
	lock_release(&S.inject_lock);
}

static struct service *inject_take(void)
{
	struct service *s;

	/* relaxed: a hint; a sleeper looks again after S4 */
	if (atomic_load_explicit(&S.inject_length, memory_order_relaxed) == 0)
		return NULL;
	lock_take(&S.inject_lock);
	s = S.inject_first;
	if (s) {
		S.inject_first = s->run_next;
		atomic_fetch_sub_explicit(&S.inject_length, 1, memory_order_relaxed);
	}
	lock_release(&S.inject_lock);
	return s;
}

/* Own worker only. */
static void ring_push(struct worker *w, struct service *s)
{
	/* relaxed: only we write tail; acquire on head: the entry we overwrite was claimed (S2) */
	unsigned tail = atomic_load_explicit(&w->tail, memory_order_relaxed);
	unsigned head = atomic_load_explicit(&w->head, memory_order_acquire);

	if (unlikely(tail - head == RING)) {
		inject(s);
		return;
	}
	atomic_store_explicit(&w->ring[tail % RING], s, memory_order_relaxed);
	atomic_store_explicit(&w->tail, tail + 1, memory_order_release); /* S1 */
}

/* Any worker. */
static struct service *ring_take(struct worker *w)
{
	unsigned head = atomic_load_explicit(&w->head, memory_order_acquire);

	for (;;) {
		unsigned tail = atomic_load_explicit(&w->tail, memory_order_acquire); /* S1 */

		if (tail == head)
			return NULL;
		struct service *s =
			atomic_load_explicit(&w->ring[head % RING], memory_order_relaxed);

		if (atomic_compare_exchange_weak_explicit(&w->head, &head, head + 1,
							  memory_order_acq_rel,
							  memory_order_acquire)) /* S2 */
			return s;
	}
}

static bool ring_empty(struct worker *w)
{
	return atomic_load_explicit(&w->tail, memory_order_acquire) ==
	       atomic_load_explicit(&w->head, memory_order_acquire);
}

static struct service *slot_take(struct worker *w)
{
	/* relaxed: saves the exchange when there is nothing */
	if (!atomic_load_explicit(&w->slot, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&w->slot, NULL, memory_order_acq_rel); /* S3 */
}

static bool any_work(void)
{
	if (atomic_load_explicit(&S.inject_length, memory_order_seq_cst))
		return true;
	for (unsigned i = 0; i < S.n; i++)
		if (!ring_empty(&S.workers[i]))
			return true;
	return false;
}

/* ---- sleeping and waking ---- */

static void get_up(struct worker *w)
{
	/* release: the waker's queueing comes before the sleeper's search */
	atomic_store_explicit(&w->wake, 1, memory_order_release);
	futex_wake(&w->wake);
}

/* How many workers are awake beyond those for which there are processors; negative: there is room. */
static int surplus(void)
{
	return (int)(S.n - atomic_load_explicit(&S.asleep, memory_order_seq_cst)) -
	       (int)atomic_load_explicit(&S.awake_max, memory_order_relaxed);
}

/* Wakes one sleeper unless somebody is looking for work already (who will look again, S4), or no processor is free for
 * it (then those that are awake look again, S4). */
static void wake_one(void)
{
	unsigned none = 0;

	atomic_thread_fence(memory_order_seq_cst); /* S5 */
	if (atomic_load_explicit(&S.asleep, memory_order_seq_cst) == 0 ||
	    atomic_load_explicit(&S.searching, memory_order_seq_cst) != 0 || (S.n > S.cpus && surplus() >= 0))
		return;
	/* acq_rel: one waker at a time; the woken worker gives the count back */
	if (!atomic_compare_exchange_strong_explicit(&S.searching, &none, 1, memory_order_acq_rel,
						     memory_order_relaxed))
		return;
	lock_take(&S.park_lock);
	struct worker *w = S.parked;

	if (w)
		S.parked = w->park_next;
	lock_release(&S.park_lock);
	if (w) {
		w->searching = true; /* the futex word orders it */
		get_up(w);
		return;
	}
	/* Only the poller sleeps: it looks for work when it returns, whatever the count says. */
	atomic_fetch_sub_explicit(&S.searching, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&S.poll_until, memory_order_seq_cst))
		poller()->interrupt(S.poller_ud);
}

void sched_trim(void)
{
	struct worker *w;

	atomic_fetch_add_explicit(&S.trims, 1, memory_order_relaxed);
	lock_take(&S.park_lock);
	w = S.parked;
	S.parked = NULL;
	lock_release(&S.park_lock);
	while (w) {
		struct worker *next = w->park_next; /* before it gets up, and parks again */

		get_up(w);
		w = next;
	}
	if (atomic_load_explicit(&S.poll_until, memory_order_seq_cst))
		poller()->interrupt(S.poller_ud);
}

void sched_ready(struct service *s)
{
	struct worker *w = self;

	if (unlikely(!w)) {
		inject(s);
		wake_one();
		return;
	}
	s = atomic_exchange_explicit(&w->slot, s, memory_order_acq_rel); /* S3 */
	if (s) {
		ring_push(w, s);
		wake_one();
	}
}

void sched_deadline_moved(uint64_t deadline_ns)
{
	if (deadline_ns < atomic_load_explicit(&S.poll_until, memory_order_seq_cst)) /* S6 */
		poller()->interrupt(S.poller_ud);
}

void sched_long_call(void)
{
	/* relaxed: a hint, wake_one looks properly */
	if (atomic_load_explicit(&S.asleep, memory_order_relaxed) &&
	    !atomic_load_explicit(&S.poll_right, memory_order_relaxed))
		wake_one();
}

static void run_hooks(struct worker *w)
{
	while (w->hooks) {
		struct turn_hook *h = w->hooks;

		w->hooks = h->next;
		h->next = NULL;
		h->run(h);
	}
}

bool sched_at_turn_end(struct turn_hook *h)
{
	struct worker *w = self;

	if (!w)
		return false;
	h->next = w->hooks;
	w->hooks = h;
	return true;
}

static bool take_poll_right(void)
{
	/* relaxed first: most tries fail; acquire <-> release below: the loop's state moves with it */
	return !atomic_load_explicit(&S.poll_right, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&S.poll_right, true, memory_order_acquire);
}

static void give_poll_right(void)
{
	atomic_store_explicit(&S.poll_right, false, memory_order_release);
}

/* A look between turns: I/O that nobody waits for, timers that are due. */
static void glance(struct worker *w, uint64_t now)
{
	if (timer_next() <= now)
		timer_run(now);
	/* relaxed: a rate limit */
	if (now - atomic_load_explicit(&S.last_poll, memory_order_relaxed) >= POLL_EVERY_NS &&
	    take_poll_right()) {
		atomic_store_explicit(&S.last_poll, now, memory_order_relaxed);
		poller()->poll(S.poller_ud, 0);
		give_poll_right();
	}
	if (w)
		run_hooks(w);
}

/* Whether there is a processor for somebody awake who only looks around. */
static bool may_spin(void)
{
	return S.n <= S.cpus || surplus() <= 0;
}

/* Looks for a while without sleeping; counts as awake, for it needs a processor. true: there is something to do. */
static bool spin(struct worker *w, uint64_t began)
{
	while (may_spin() && clock_cycles() - began < S.spin_cycles) {
		poller()->poll(S.poller_ud, 0);
		if (atomic_load_explicit(&w->slot, memory_order_relaxed) || any_work() ||
		    atomic_load_explicit(&S.stopping, memory_order_relaxed) ||
		    timer_next() <= clock_mono_ns())
			return true;
	}
	return false;
}

/* Gives the count back. Who does so looks at all queues again afterwards (S4). */
static void stop_searching(struct worker *w)
{
	if (w->searching) {
		w->searching = false;
		atomic_fetch_sub_explicit(&S.searching, 1, memory_order_seq_cst);
	}
}

static void fall_asleep(struct worker *w)
{
	stop_searching(w);
	atomic_store_explicit(&w->asleep, true, memory_order_relaxed); /* a statistic */
	atomic_fetch_add_explicit(&S.asleep, 1, memory_order_seq_cst); /* S4 */
}

static void wake_up(struct worker *w)
{
	atomic_fetch_sub_explicit(&S.asleep, 1, memory_order_seq_cst);
	atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
}

static void sleep_in_poll(void)
{
	uint64_t next = timer_next();

	atomic_store_explicit(&S.poll_until, next, memory_order_seq_cst); /* S6 */
	next = timer_next();
	if (!any_work() && !atomic_load_explicit(&S.stopping, memory_order_seq_cst)) {
		uint64_t now = clock_mono_ns();

		poller()->poll(S.poller_ud, next == UINT64_MAX ? next : next > now ? next - now : 0);
	}
	/* relaxed: late wakers only interrupt once too often */
	atomic_store_explicit(&S.poll_until, 0, memory_order_relaxed);
}

/* Whether to spin is what the last time tells: what was waited for came soon, or it did not. */
static void wait_in_poll(struct worker *w)
{
	uint64_t began = clock_cycles(), now;

	if (!w->spins || !spin(w, began)) {
		fall_asleep(w);
		sleep_in_poll();
		wake_up(w);
	}
	w->spins = clock_cycles() - began < 3 * S.spin_cycles;
	now = clock_mono_ns();

	atomic_store_explicit(&S.last_poll, now, memory_order_relaxed);
	give_poll_right();
	if (timer_next() <= now)
		timer_run(now);
}

static bool is_wanted(void)
{
	return any_work() || !atomic_load_explicit(&S.poll_right, memory_order_seq_cst);
}

static bool is_room(void)
{
	return surplus() < 0; /* S7 */
}

/* Sleeps until it is chosen, or not at all if it should stay. */
static void park(struct worker *w, bool (*stays)(void))
{
	lock_take(&S.park_lock);
	atomic_store_explicit(&w->wake, 0, memory_order_relaxed); /* the lock orders it */
	w->park_next = S.parked;
	S.parked = w;
	lock_release(&S.park_lock);

	/* Once on the list we can be chosen: look again, and take ourselves off if there is work. */
	atomic_thread_fence(memory_order_seq_cst); /* S4 */
	if (stays() || atomic_load_explicit(&S.stopping, memory_order_seq_cst)) {
		bool found = false;

		lock_take(&S.park_lock);
		for (struct worker **p = &S.parked; *p; p = &(*p)->park_next)
			if (*p == w) {
				*p = w->park_next;
				found = true;
				break;
			}
		lock_release(&S.park_lock);
		if (found)
			return;
	}
	while (!atomic_load_explicit(&w->wake, memory_order_acquire))
		(void)futex_wait(&w->wake, 0, UINT64_MAX);
}

/* As spin(), for who has not got the poll right: for work that others have too much of. One worker at a time does
 * so; it counts as searching, so nobody is woken meanwhile. true: there may be something. */
static bool search(struct worker *w, uint64_t began)
{
	unsigned none = 0;
	bool found = false;

	if (!w->searches || !atomic_compare_exchange_strong_explicit(&S.searching, &none, 1, memory_order_acq_rel,
								     memory_order_relaxed))
		return false;
	do {
		cpu_relax();
		found = any_work() || atomic_load_explicit(&S.stopping, memory_order_relaxed) ||
			!atomic_load_explicit(&S.poll_right, memory_order_relaxed);
	} while (!found && may_spin() && clock_cycles() - began < S.spin_cycles);
	/* The worker gives the count back when it has found something, or before it sleeps: then it looks again, S4. */
	w->searching = found;
	if (!found)
		atomic_fetch_sub_explicit(&S.searching, 1, memory_order_seq_cst);
	return found;
}

static void wait_for_work(struct worker *w)
{
	uint64_t began = clock_cycles();

	if (!search(w, began)) {
		fall_asleep(w);
		park(w, is_wanted);
		wake_up(w);
	}
	w->searches = clock_cycles() - began < 3 * S.spin_cycles;
}

/* A worker that was woken when another had already found the work sleeps again at once: that is no reason to hand work
 * on, which costs more than a turn. */
static bool is_surplus_for_long(struct worker *w, uint64_t now)
{
	if (surplus() <= 0) {
		w->surplus_since_ns = 0;
		return false;
	}
	if (!w->surplus_since_ns)
		w->surplus_since_ns = now;
	return now - w->surplus_since_ns > SURPLUS_NS;
}

/* Others were in long turns and are back, so there are more workers than processors: hands its work on and sleeps. */
static void step_down(struct worker *w)
{
	struct service *s;

	while ((s = slot_take(w)) || (s = ring_take(w)))
		inject(s);
	w->surplus_since_ns = 0;
	fall_asleep(w);
	park(w, is_room);
	wake_up(w);
}

void sched_wake_overseer(void)
{
	if (likely(!atomic_load_explicit(&S.overseer_rests, memory_order_seq_cst))) /* S8 */
		return;
	if (atomic_exchange_explicit(&S.overseer_rests, 0, memory_order_seq_cst))
		futex_wake(&S.overseer_rests);
}

void sched_rest_overseer(bool (*stays)(void), uint64_t timeout_ns)
{
	atomic_store_explicit(&S.overseer_rests, 1, memory_order_seq_cst); /* S8 */
	if (sched_oversee(clock_mono_ns()) == SIGHT_IDLE && !stays())
		(void)futex_wait(&S.overseer_rests, 1, timeout_ns);
	atomic_store_explicit(&S.overseer_rests, 0, memory_order_seq_cst);
}

/* Nothing to run: wait in the poller or on the futex. */
static void idle(struct worker *w)
{
	/* relaxed: who is late trims the next time */
	unsigned trims = atomic_load_explicit(&S.trims, memory_order_relaxed);

	if (unlikely(w->trims != trims)) {
		w->trims = trims;
		mem_trim_thread();
	}
	stop_searching(w);
	if (!any_work()) {
		if (take_poll_right())
			wait_in_poll(w);
		else
			wait_for_work(w);
	}
	run_hooks(w);
	sched_wake_overseer();
}

static struct service *steal_half(struct worker *w)
{
	/* xorshift: where to begin */
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	for (unsigned i = 0, at = (unsigned)(w->rng % S.n); i < S.n; i++, at++) {
		struct worker *victim = &S.workers[at % S.n];

		if (victim == w)
			continue;
		struct service *first = ring_take(victim);

		if (!first)
			continue;
		/* Half of what is left comes along. */
		unsigned n = (atomic_load_explicit(&victim->tail, memory_order_acquire) -
			      atomic_load_explicit(&victim->head, memory_order_acquire)) /
			     2;

		for (struct service *s; n-- > 0 && n < RING / 2 && (s = ring_take(victim));)
			ring_push(w, s);
		return first;
	}
	return NULL;
}

/* Work that a long turn holds back in a slot: only when the overseer found it (see sched_oversee). */
static struct service *steal_slot(struct worker *w, uint64_t now)
{
	for (unsigned i = 0; i < S.n; i++) {
		struct worker *v = &S.workers[i];
		uint64_t began = atomic_load_explicit(&v->turn.began_ns, memory_order_relaxed);

		if (v == w || !began || now - began < LONG_TURN_NS || now < began)
			continue;
		struct service *s = slot_take(v);

		if (s)
			return s;
	}
	return NULL;
}

static struct service *find_work(struct worker *w, uint64_t now)
{
	struct service *s;

	if (w->turns++ % INJECT_TURNS == 0 && (s = inject_take()))
		return s;
	if (w->slot_turns < SLOT_TURNS && (s = slot_take(w))) {
		w->slot_turns++;
		return s;
	}
	w->slot_turns = 0;
	if ((s = ring_take(w)) || (s = slot_take(w)) || (s = inject_take()))
		return s;
	if (S.n > 1 && ((s = steal_half(w)) || (s = steal_slot(w, now))))
		return s;
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	uint64_t now = clock_mono_ns();
	char name[16];

	self = w;
	snprintf(name, sizeof(name), "worker%u", w->id);
	(void)pthread_setname_np(pthread_self(), name);
	/* The kernel may delay a sleep by its slack: 50 us by default, half of our timer's tick. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);

	while (!atomic_load_explicit(&S.stopping, memory_order_acquire)) {
		struct service *s = find_work(w, now);

		if (!s) {
			idle(w);
			now = clock_mono_ns();
			continue;
		}
		if (w->searching) {
			stop_searching(w);
			/* There may be more than we can take: pass the search on. */
			if (any_work())
				wake_one();
		}
		/* relaxed: for the overseer */
		atomic_store_explicit(&w->turn.handle, service_handle(s), memory_order_relaxed);
		atomic_store_explicit(&w->turn.began_ns, now, memory_order_relaxed);
		if (service_run(s, &w->turn, &now)) {
			ring_push(w, s);
			if (!ring_empty(w) && atomic_load_explicit(&w->slot, memory_order_relaxed))
				wake_one();
		}
		atomic_store_explicit(&w->turn.began_ns, 0, memory_order_relaxed);
		atomic_store_explicit(&w->turn.handle, 0, memory_order_relaxed);
		run_hooks(w);
		glance(w, now);
		if (S.n > S.cpus && is_surplus_for_long(w, now))
			step_down(w);
	}
	self = NULL;
	return NULL;
}

/* ---- interrupting a long callback ---- */

static void on_interrupt(int sig)
{
	struct worker *w = self;
	struct service *s = service_current();
	int saved = errno;

	(void)sig;
	/* relaxed: same thread as the turn; the handle says whether the request is still meant */
	if (w && s && S.interrupt &&
	    service_handle(s) == atomic_load_explicit(&w->interrupt_handle, memory_order_relaxed))
		S.interrupt(s);
	errno = saved;
}

void sched_set_interrupt(void (*f)(struct service *s))
{
	S.interrupt = f;
}

void sched_interrupt_worker(unsigned worker, uint32_t handle)
{
	if (worker >= S.n)
		return;
	atomic_store_explicit(&S.workers[worker].interrupt_handle, handle, memory_order_relaxed);
	(void)pthread_kill(S.workers[worker].thread, SIGURG);
}

/* ---- life ---- */

int sched_start(unsigned n)
{
	struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };

	S.cpus = cpus_usable();
	n = n ? n : S.cpus;
	if (n > SCHED_WORKERS_MAX)
		return -EINVAL;
	sigaction(SIGURG, &sa, NULL);
	S.workers = aligned_alloc(CACHE_LINE, n * sizeof(*S.workers));
	if (!S.workers)
		return -ENOMEM;
	memset(S.workers, 0, n * sizeof(*S.workers));
	S.n = n;
	S.started = 0;
	S.spin_cycles = clock_cycles_in(SPIN_NS);
	atomic_store_explicit(&S.stopping, false, memory_order_relaxed);
	atomic_store_explicit(&S.asleep, 0, memory_order_relaxed);
	atomic_store_explicit(&S.awake_max, S.cpus, memory_order_relaxed);
	atomic_store_explicit(&S.searching, 0, memory_order_relaxed);
	S.parked = NULL;
	for (unsigned i = 0; i < n; i++) {
		S.workers[i].id = i;
		S.workers[i].rng = 0x9e3779b97f4a7c15u * (i + 1);
	}
	for (unsigned i = 0; i < n; i++) {
		int r = fault(thread) ? EAGAIN :
					pthread_create(&S.workers[i].thread, NULL, worker_main, &S.workers[i]);

		if (r) {
			(void)sched_stop(UINT64_MAX);
			return -r;
		}
		S.started++;
	}
	return 0;
}

bool sched_stop(uint64_t timeout_ns)
{
	bool all = true;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(timeout_ns > 3600 * NS_PER_SEC ? 3600 : timeout_ns / NS_PER_SEC + 1);
	atomic_store_explicit(&S.stopping, true, memory_order_seq_cst);
	for (unsigned i = 0; i < S.n; i++)
		get_up(&S.workers[i]);
	poller()->interrupt(S.poller_ud);
	for (unsigned i = 0; i < S.started; i++)
		if (pthread_timedjoin_np(S.workers[i].thread, NULL, &until) != 0)
			all = false;
	if (!all)
		return false;
	free(S.workers);
	S.workers = NULL;
	S.n = S.started = 0;
	S.inject_first = NULL;
	atomic_store_explicit(&S.inject_length, 0, memory_order_relaxed);
	atomic_store_explicit(&S.poll_wake, 0, memory_order_relaxed);
	return true;
}

unsigned sched_workers(void)
{
	return S.n;
}

bool sched_on_worker(void)
{
	return self != NULL;
}

void sched_view(unsigned worker, struct worker_view *ret_view)
{
	struct worker *w = &S.workers[worker];

	*ret_view = (struct worker_view){
		.progress = atomic_load_explicit(&w->turn.progress, memory_order_relaxed),
		.turn_began_ns = atomic_load_explicit(&w->turn.began_ns, memory_order_relaxed),
		.handle = atomic_load_explicit(&w->turn.handle, memory_order_relaxed),
		.source = atomic_load_explicit(&w->turn.source, memory_order_relaxed),
		.session = atomic_load_explicit(&w->turn.session, memory_order_relaxed),
		.type = atomic_load_explicit(&w->turn.type, memory_order_relaxed),
		.sleeping = atomic_load_explicit(&w->asleep, memory_order_relaxed),
	};
}

enum sched_sight sched_oversee(uint64_t now)
{
	bool all_asleep = true, held_back = false;
	unsigned in_long_turns = 0;

	for (unsigned i = 0; i < S.n; i++) {
		struct worker *w = &S.workers[i];
		uint64_t began = atomic_load_explicit(&w->turn.began_ns, memory_order_relaxed);

		if (!atomic_load_explicit(&w->asleep, memory_order_relaxed))
			all_asleep = false;
		if (!began || now <= began + LONG_TURN_NS)
			continue;
		in_long_turns++;
		if (atomic_load_explicit(&w->slot, memory_order_relaxed) || !ring_empty(w))
			held_back = true;
	}
	atomic_store_explicit(&S.awake_max, S.cpus + in_long_turns, memory_order_relaxed);
	if (all_asleep) {
		/* Somebody must wait for I/O. A worker that found the poll right taken parks, and we
		 * may have been the taker, for one glance: then all are parked and none polls. */
		if (atomic_load_explicit(&S.poll_right, memory_order_seq_cst) && !any_work())
			return SIGHT_IDLE;
		wake_one();
		return SIGHT_RUNNING;
	}
	/* When there was no processor for a sleeper nobody was woken; a turn that became long leaves one. */
	if (held_back || (S.n > S.cpus && any_work()))
		wake_one();
	if (now - atomic_load_explicit(&S.last_poll, memory_order_relaxed) > LONG_TURN_NS &&
	    !atomic_load_explicit(&S.poll_right, memory_order_relaxed)) {
		/* Nobody waits for I/O. A parked worker takes the poll right; if all are busy, we look. */
		if (atomic_load_explicit(&S.asleep, memory_order_seq_cst) && (S.n <= S.cpus || is_room()))
			wake_one();
		else
			glance(NULL, now);
	}
	return in_long_turns ? SIGHT_LONG : SIGHT_RUNNING;
}
