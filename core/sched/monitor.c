/* SPDX-License-Identifier: MIT */
/* Overseer: see monitor.h.
 *
 * The thread ticks only while something runs; then it sleeps until a worker leaves idleness
 * (sched_rest_overseer).
 */
#include "core/sched/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/sched/park.h"
#include "core/sched/sched.h"
#include "core/actor/service.h"

#define TICK_MIN_NS (2 * NS_PER_MS)
#define TICK_BUSY_NS (6 * NS_PER_MS) /* each tick interrupts somebody's work */
#define TICK_MAX_NS (10 * NS_PER_MS)
/* After so long without two looks in a row that found work going on, unused memory goes back to the
 * system; the allocator by itself does so only while it is used. Heartbeats and single timers are
 * over by the second look. */
#define TRIM_NS (10 * NS_PER_SEC)
/* Before that the workers give up what they keep at hand. Not at the same time: one purge of the
 * allocator's turns another away. */
#define TRIM_WORKERS_NS (5 * NS_PER_SEC)
/* An overseer that is late by so much was not the only one who did not run. */
#define ABSENCE_NS (500 * NS_PER_MS)
/* A service that was killed while it runs is asked to leave its callback after so long. */
#define KILL_GRACE_NS (100 * NS_PER_MS)

/* Since when a worker is in the same message of the same turn. */
struct watch {
	uint64_t progress, turn_began_ns, since_ns, reported_ns;
};

static struct {
	pthread_t thread;
	bool started;
	atomic_bool stop;
	atomic_uint stuck;
	atomic_uint_least64_t reports; /* the overseer writes it; relaxed */
	uint64_t check_ns;
	struct watch watch[SCHED_WORKERS_MAX];
} M = { .check_ns = MONITOR_CHECK_NS };

void monitor_set_check_ns(uint64_t ns)
{
	M.check_ns = ns;
}

unsigned monitor_stuck(void)
{
	return atomic_load_explicit(&M.stuck, memory_order_relaxed); /* a statistic */
}

uint64_t monitor_reports(void)
{
	return atomic_load_explicit(&M.reports, memory_order_relaxed);
}

static bool is_stopping(void)
{
	return atomic_load_explicit(&M.stop, memory_order_seq_cst);
}

static void report(unsigned worker, const struct worker_view *v, uint64_t stuck_ns)
{
	struct service *s = service_grab(v->handle);

	atomic_fetch_add_explicit(&M.reports, 1, memory_order_relaxed);
	log_event(service_stuck, NULL,
		  "A message from [ :%08x ] to [ :%08x ] maybe in an endless loop "
		  "(worker %u, %.1f s, type %d, session %d, %s)",
		  v->source, v->handle, worker, (double)stuck_ns / NS_PER_SEC, v->type, v->session,
		  s && s->args ? s->args : "ended service");
	if (s) {
		atomic_store_explicit(&s->endless, true, memory_order_relaxed);
		service_unref(s);
	}
	sched_interrupt_worker(worker, v->handle);
}

static void check(uint64_t now)
{
	unsigned stuck = 0;

	for (unsigned i = 0; i < sched_workers(); i++) {
		struct watch *w = &M.watch[i];
		struct worker_view v;

		sched_view(i, &v);
		/* The turn as well: nobody looked while all were idle, and a teardown is no
		 * message. */
		if (v.progress != w->progress || v.turn_began_ns != w->turn_began_ns ||
		    !v.turn_began_ns || !v.handle) {
			*w = (struct watch){ v.progress, v.turn_began_ns, now, now };
			continue;
		}
		if (now - w->since_ns >= KILL_GRACE_NS) {
			struct service *s = service_grab(v.handle);

			/* Not to be found and still running: it was killed. */
			if (!s)
				sched_interrupt_worker(i, v.handle);
			else
				service_unref(s);
		}
		if (now - w->since_ns >= M.check_ns)
			stuck++;
		if (now - w->reported_ns >= M.check_ns) {
			w->reported_ns = now;
			report(i, &v, now - w->since_ns);
		}
	}
	atomic_store_explicit(&M.stuck, stuck, memory_order_relaxed);
}

/* The next of the two steps of a trim, when the node has been calm for so long; returns how many
 * were made. */
static unsigned trim(unsigned steps, uint64_t calm_ns)
{
	if (steps == 0 && calm_ns >= TRIM_WORKERS_NS) {
		sched_trim();
		return 1;
	}
	if (steps == 1 && calm_ns >= TRIM_NS) {
		handle_trim();
		mem_trim();
		return 2;
	}
	return steps;
}

/* Until the next step is due. */
static uint64_t trim_due(unsigned steps, uint64_t calm_ns)
{
	uint64_t at = steps == 0 ? TRIM_WORKERS_NS : steps == 1 ? TRIM_NS : UINT64_MAX;

	if (at == UINT64_MAX)
		return at;
	return at > calm_ns ? at - calm_ns : 0; /* a node that was frozen may be past both */
}

/* The process was stopped, or its machine was: nobody ran, so nobody was in a turn for so long. */
static void forgive(uint64_t gap_ns)
{
	for (unsigned i = 0; i < sched_workers(); i++) {
		M.watch[i].since_ns += gap_ns;
		M.watch[i].reported_ns += gap_ns;
	}
}

static void *overseer_main(void *arg)
{
	uint64_t tick = TICK_MIN_NS, idle_since = 0, calm_since = 0, due = 0;
	unsigned trims = 0; /* steps made since the node is calm */
	bool was_running = false;

	(void)arg;
	(void)pthread_setname_np(pthread_self(), "overseer");
	while (!atomic_load_explicit(&M.stop, memory_order_acquire)) {
		struct timespec ts = { 0, (long)tick };
		uint64_t now = clock_mono_ns();
		enum sched_sight sight = sched_oversee(now);

		clock_set_recent(now);
		if (due && now > due + ABSENCE_NS)
			forgive(now - due);
		if (sight == SIGHT_IDLE) {
			check(now);
			was_running = false;
			idle_since = idle_since ? idle_since : now;
			calm_since = calm_since ? calm_since : now;
			trims = trim(trims, now - calm_since);
			tick = TICK_MAX_NS;
			if (now - idle_since >= MONITOR_REST_NS) {
				sched_rest_overseer(is_stopping, trim_due(trims, now - calm_since));
				idle_since = due = 0;
				continue;
			}
		} else {
			idle_since = 0;
			if (was_running)
				calm_since = trims = 0;
			was_running = true;
			check(now);
			tick = sight == SIGHT_LONG ? TICK_MIN_NS : TICK_BUSY_NS;
		}
		nanosleep(&ts, NULL);
		due = now + tick;
	}
	return NULL;
}

int monitor_start(void)
{
	int r;

	atomic_store_explicit(&M.stop, false, memory_order_relaxed);
	for (unsigned i = 0; i < SCHED_WORKERS_MAX; i++)
		M.watch[i] = (struct watch){ 0 };
	r = fault(thread) ? EAGAIN : pthread_create(&M.thread, NULL, overseer_main, NULL);
	M.started = r == 0;
	return -r;
}

void monitor_stop(void)
{
	if (!M.started)
		return;
	atomic_store_explicit(&M.stop, true, memory_order_seq_cst);
	sched_wake_overseer();
	pthread_join(M.thread, NULL);
	M.started = false;
}
