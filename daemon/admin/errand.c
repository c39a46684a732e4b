/* SPDX-License-Identifier: MIT */
/* Commands on threads of their own: see errand.h. */
#include "daemon/admin/errand.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/fault.h"
#include "core/base/lock.h"
#include "core/base/must.h"

static struct lock lock = LOCK_INIT(errands);
static struct runner {
	struct errand errand;
	pthread_t thread;
	bool there;	       /* [lock] a thread was started and not joined */
	atomic_bool has_ended; /* release by it, acquire by who joins */
} runners[ERRANDS_MAX];
static atomic_bool stops; /* a lone value, relaxed */

bool errand_stops(void)
{
	return atomic_load_explicit(&stops, memory_order_relaxed);
}

static void *run(void *arg)
{
	struct runner *r = arg;
	struct errand *e = &r->errand;

	(void)pthread_setname_np(pthread_self(), "errand");
	json_init(&e->j);
	e->run(e);
	if (e->why)
		asker_refuse(&e->who, e->why);
	else
		asker_answer(&e->who, &e->j);
	json_fini(&e->j);
	atomic_store_explicit(&r->has_ended, true, memory_order_release);
	return NULL;
}

static bool is_free_locked(struct runner *r)
{
	lock_held(&lock);
	if (r->there && atomic_load_explicit(&r->has_ended, memory_order_acquire)) {
		(void)pthread_join(r->thread, NULL); /* it has nothing left to do */
		r->there = false;
	}
	return !r->there;
}

static const char *start_locked(const struct errand *e)
{
	lock_held(&lock);
	if (errand_stops())
		return "the node is stopping";
	for (unsigned i = 0; i < ERRANDS_MAX; i++) {
		struct runner *r = &runners[i];

		if (!is_free_locked(r))
			continue;
		r->errand = *e;
		atomic_store_explicit(&r->has_ended, false, memory_order_relaxed);
		r->there = !fault(thread) && pthread_create(&r->thread, NULL, run, r) == 0;
		return r->there ? NULL : "no thread can be started";
	}
	return "too many commands wait for an answer";
}

const char *errand_start(const struct errand *e)
{
	const char *why;

	must(e->run);
	lock_take(&lock);
	why = start_locked(e);
	lock_release(&lock);
	return why;
}

void errand_end_all(void)
{
	lock_take(&lock);
	atomic_store_explicit(&stops, true, memory_order_relaxed);
	lock_release(&lock);
	/* nobody starts another one now */
	for (unsigned i = 0; i < ERRANDS_MAX; i++)
		if (runners[i].there)
			(void)pthread_join(runners[i].thread, NULL);
}
