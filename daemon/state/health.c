/* SPDX-License-Identifier: MIT */
/* Health: see health.h. The question itself is answered by one worker, so it says nothing about the
 * others: what they do is looked at. */
#include "daemon/state/health.h"

#include <stdio.h>

#include "core/actor/move.h"
#include "core/actor/tally.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/sched/monitor.h"
#include "core/sched/sched.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

/* When a worker was last seen to do anything, or to sleep. */
struct sight {
	uint64_t progress, turn_began_ns, at_ns;
};

static struct lock lock = LOCK_INIT(health);
static struct sight sights[SCHED_WORKERS_MAX];

/* A worker that neither sleeps nor has a turn looks for work: not for long. */
static bool is_lost_locked(unsigned worker, const struct worker_view *v, uint64_t now)
{
	struct sight *s = &sights[worker];

	lock_held(&lock);
	if (!s->at_ns || v->sleeping || v->turn_began_ns || v->progress != s->progress)
		*s = (struct sight){ v->progress, v->turn_began_ns, now };
	return now - s->at_ns > MONITOR_CHECK_NS;
}

static void tell_stuck(unsigned worker, const struct worker_view *v, uint64_t now,
		       char ret_why[HEALTH_WHY])
{
	snprintf(ret_why, HEALTH_WHY,
		 "worker %u has been in one message of service :%08x %s for %llu s", worker,
		 v->handle, tally_at(tally_of_handle(v->handle))->name,
		 (unsigned long long)((now - v->turn_began_ns) / NS_PER_SEC));
}

bool health_is_alive(char ret_why[HEALTH_WHY])
{
	uint64_t now = clock_mono_ns();
	bool alive = true;

	snprintf(ret_why, HEALTH_WHY, "ok");
	lock_take(&lock);
	for (unsigned i = 0; i < sched_workers() && alive; i++) {
		struct worker_view v;

		sched_view(i, &v);
		alive = !is_lost_locked(i, &v, now);
		if (!alive)
			snprintf(ret_why, HEALTH_WHY, "worker %u is lost", i);
		if (!v.turn_began_ns || now < v.turn_began_ns + MONITOR_CHECK_NS)
			continue;
		alive = false;
		tell_stuck(i, &v, now, ret_why);
	}
	lock_release(&lock);
	return alive;
}

static bool not_ready(char ret_why[HEALTH_WHY], const char *text)
{
	char reason[REASON_MAX];

	reason_get(reason);
	snprintf(ret_why, HEALTH_WHY, "%s%s%s", text, *reason ? ": " : "", reason);
	return false;
}

bool health_is_ready(char ret_why[HEALTH_WHY])
{
	enum harbor_state st = info_get()->cluster ? harbor_state() : HARBOR_JOINED;

	if (phase_get() != PHASE_RUNNING)
		return not_ready(ret_why, phase_name(phase_get()));
	if (st != HARBOR_JOINED && st != HARBOR_MASTER_LOST)
		return not_ready(ret_why, "not in the cluster");
	if (move_is_draining())
		return not_ready(ret_why, move_is_drained() ? "drained" : "draining");
	snprintf(ret_why, HEALTH_WHY, "ok");
	return true;
}
