/* SPDX-License-Identifier: MIT */
/*
 * A round: probes go out; at the next tick, a quarter period later, their return earns the ping
 * and starts the next round. Probes that are late are waited for, not sent again: the period has
 * three quarters left for a node that is merely slow.
 */
#include <stdatomic.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "daemon/admin/service.h"
#include "daemon/state/notify.h"
#include "daemon/node/watchdog.h"
#include "net/post.h"

/* A worker must look lost this often in a row: a snapshot may catch it between two states. */
#define LOST_LOOKS 2u

/* [main] */
static struct {
	uint64_t period_ns, next_ns, round;
	bool stopping, complained;
	struct worker_view views[SCHED_WORKERS_MAX];
	unsigned lost[SCHED_WORKERS_MAX];
} dog;

/* [loop] writes, [main] reads; a lone number, relaxed */
static atomic_uint_least64_t loop_round;

static void loop_probe(void *arg)
{
	atomic_store_explicit(&loop_round, (uint64_t)(uintptr_t)arg, memory_order_relaxed);
}

static void probe(void)
{
	dog.round++;
	net_post(loop_probe, (void *)(uintptr_t)dog.round);
	admin_service_ping(dog.round);
}

bool watchdog_worker_lost(const struct worker_view *before, const struct worker_view *now)
{
	return !now->sleeping && !now->turn_began_ns && now->progress == before->progress &&
	       !before->sleeping && !before->turn_began_ns;
}

static bool workers_present(void)
{
	bool all = true;

	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view now;

		sched_view(i, &now);
		dog.lost[i] = watchdog_worker_lost(&dog.views[i], &now) ? dog.lost[i] + 1 : 0;
		if (dog.lost[i] >= LOST_LOOKS)
			all = false;
		dog.views[i] = now;
	}
	return all;
}

static bool earned(void)
{
	bool present = workers_present(); /* first: it keeps the count of every look */

	return dog.stopping ||
	       (present && admin_service_pong() == dog.round &&
		atomic_load_explicit(&loop_round, memory_order_relaxed) == dog.round);
}

void watchdog_start(uint64_t period_ns)
{
	memset(&dog, 0, sizeof(dog));
	dog.period_ns = period_ns;
	for (unsigned i = 0; period_ns && i < sched_workers(); i++) {
		sched_view(i, &dog.views[i]);
		dog.views[i].sleeping = true; /* the first look finds nobody lost */
	}
	if (!period_ns)
		return;
	dog.next_ns = clock_mono_ns() + period_ns / 4; /* the first probe has its quarter, too */
	probe();
}

void watchdog_stopping(void)
{
	dog.stopping = true;
}

uint64_t watchdog_tick(uint64_t now)
{
	if (!dog.period_ns)
		return UINT64_MAX;
	if (now < dog.next_ns)
		return dog.next_ns;
	dog.next_ns = now + dog.period_ns / 4;
	if (earned()) {
		notify_printf("WATCHDOG=1");
		dog.complained = false;
		if (!dog.stopping)
			probe();
	} else if (!dog.complained) {
		dog.complained = true;
		log_event(watchdog_late, NULL,
			  "watchdog: no proof of life in a quarter of its period "
			  "(net loop %s, dispatcher %s)",
			  atomic_load_explicit(&loop_round, memory_order_relaxed) == dog.round
				  ? "goes"
				  : "stands",
			  admin_service_pong() == dog.round ? "goes" : "stands");
	}
	return dog.next_ns;
}
