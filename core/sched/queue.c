/* SPDX-License-Identifier: MIT */
/* Run queues: see queue.h. */
#include "core/sched/queue.h"

#include "core/base/random.h"

void queue_inject(struct service *s)
{
	lock_take(&sched.inject_lock);
	list_append(&sched.injected, s, run_next);
	/* relaxed inside the lock; the fence S5 orders it for sleepers */
	atomic_fetch_add_explicit(&sched.inject_length, 1, memory_order_relaxed);
	lock_release(&sched.inject_lock);
}

struct service *queue_take_injected(void)
{
	struct service *s;

	/* relaxed: a hint; a sleeper looks again after S4 */
	if (atomic_load_explicit(&sched.inject_length, memory_order_relaxed) == 0)
		return NULL;
	lock_take(&sched.inject_lock);
	s = list_take(&sched.injected, run_next);
	if (s)
		atomic_fetch_sub_explicit(&sched.inject_length, 1, memory_order_relaxed);
	lock_release(&sched.inject_lock);
	return s;
}

bool queue_any(void)
{
	if (atomic_load_explicit(&sched.inject_length, memory_order_seq_cst))
		return true;
	for (unsigned i = 0, n = workers_count(); i < n; i++)
		if (!queue_is_empty(&sched.workers[i]))
			return true;
	return false;
}

struct service *queue_steal_half(struct worker *w)
{
	unsigned n_workers = workers_count();

	for (unsigned i = 0, at = (unsigned)(random_next(&w->random) % n_workers); i < n_workers;
	     i++, at++) {
		struct worker *victim = &sched.workers[at % n_workers];

		if (victim == w)
			continue;
		struct service *first = queue_take(victim);

		if (!first)
			continue;
		/* Half of what is left comes along. */
		unsigned n = (atomic_load_explicit(&victim->tail, memory_order_acquire) -
			      atomic_load_explicit(&victim->head, memory_order_acquire)) /
			     2;

		for (struct service *s; n-- > 0 && n < QUEUE_RING / 2 && (s = queue_take(victim));)
			queue_push(w, s);
		return first;
	}
	return NULL;
}

/* Work that a long turn holds back in a slot: only when the overseer found it (see
 * sched_oversee). */
struct service *queue_steal_slot(struct worker *w, uint64_t now)
{
	for (unsigned i = 0, n = workers_count(); i < n; i++) {
		struct worker *v = &sched.workers[i];
		uint64_t began = atomic_load_explicit(&v->turn.began_ns, memory_order_relaxed);

		if (v == w || !began || now - began < LONG_TURN_NS || now < began)
			continue;
		struct service *s = queue_take_slot(v);

		if (s)
			return s;
	}
	return NULL;
}
