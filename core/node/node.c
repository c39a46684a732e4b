/* SPDX-License-Identifier: MIT */
/* The node's boot and stop lists. main() fills in the layers above between init and start. */
#include "core/node/node.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/node/env.h"
#include "core/base/must.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/actor/module.h"
#include "core/sched/monitor.h"
#include "core/actor/names.h"
#include "core/sched/park.h"
#include "core/sched/sched.h"
#include "core/sched/worker.h"
#include "core/actor/life.h"
#include "core/actor/service.h"
#include "core/actor/turn.h"
#include "core/node/single.h"
#include "core/sched/timer.h"

static struct {
	unsigned threads;
	sem_t wake; /* posted by node_wake, and when the last service is gone */
	atomic_bool woken;
	atomic_bool aborted; /* relaxed: the wake-up behind it orders it */
} N;

static void on_empty(void)
{
	sem_post(&N.wake);
}

int node_init(const struct node_config *c)
{
	int r;

	must(c->harbor <= 255);
	must_set_last_words(log_last_words);
	clock_init();
	N.threads = c->threads;
	atomic_store_explicit(&N.woken, false, memory_order_relaxed);
	atomic_store_explicit(&N.aborted, false, memory_order_relaxed);
	if (sem_init(&N.wake, 0, 0) != 0)
		return -errno;
	turn_init();
	service_init(&(struct service_hooks){ .ready = sched_ready, .empty = on_empty });
	remote_init(&single_ops);
	handle_init(c->harbor);
	r = timer_init(sched_deadline_moved);
	if (r == 0 && c->cpath)
		r = module_set_path(c->cpath);
	return r;
}

int node_start(void)
{
	int r = sched_start(N.threads);

	return r ? r : monitor_start();
}

void node_abort(void)
{
	atomic_store_explicit(&N.aborted, true, memory_order_relaxed);
	service_retire_all();
	node_wake();
}

bool node_aborted(void)
{
	return atomic_load_explicit(&N.aborted, memory_order_relaxed);
}

bool node_is_empty(void)
{
	return service_count() == 0;
}

void node_wake(void)
{
	/* release/acquire with node_wait; lock-free, so fine in a signal handler */
	atomic_store_explicit(&N.woken, true, memory_order_release);
	sem_post(&N.wake);
}

void node_wait(void)
{
	while (!node_is_empty() && !atomic_exchange_explicit(&N.woken, false, memory_order_acquire))
		(void)sem_wait(&N.wake);
}

bool node_stop(uint64_t timeout_ns)
{
	uint64_t until = clock_mono_ns() + timeout_ns;

	for (;;) {
		/* again and again: a service may launch another while it ends */
		service_retire_all();
		uint64_t now = clock_mono_ns();

		if (node_is_empty() || now >= until)
			break;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 20000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		(void)sem_clockwait(&N.wake, CLOCK_MONOTONIC, &ts);
	}
	if (!node_is_empty()) {
		log_error("%u services did not end in time", service_count());
		return false;
	}
	monitor_stop();
	if (!sched_stop(2 * NS_PER_SEC)) {
		log_error("a worker did not come back");
		return false;
	}
	timer_fini();
	handle_fini();
	names_fini();
	module_fini();
	env_fini();
	sem_destroy(&N.wake);
	return true;
}
