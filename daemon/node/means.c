/* SPDX-License-Identifier: MIT */
/* What the node may use of its host: see means.h. */
#include "daemon/node/means.h"

#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/clock.h"
#include "core/base/cpus.h"
#include "core/base/mem.h"
#include "core/log/log.h"
#include "core/sched/sched.h"
#include "daemon/state/notify.h"
#include "net/reserve.h"

/* A look reads a dozen short files. */
#define LOOK_EVERY_NS (3 * NS_PER_SEC)

/* [main] */
static uint64_t next_ns;
static bool too_few; /* a worker could not be started, and that was told */

void means_log(void)
{
	unsigned processors = 0, quota = 0;
	struct rlimit l = { 0 };

	cpus_count(&processors, &quota);
	(void)getrlimit(RLIMIT_NOFILE, &l);
	log_info("may use %u processors (quota: %u, 0 is none), %llu MiB of memory, %llu "
		 "descriptors, sockets of services below %d",
		 processors, quota, (unsigned long long)(mem_limit() >> 20),
		 (unsigned long long)l.rlim_cur, reserve_ceiling());
}

void means_follow(void)
{
	unsigned before = sched_processors(), now = cpus_usable();
	int r;

	if (now == before && !too_few)
		return;
	r = sched_follow(now);
	if (now != before)
		log_info("may use %u processors now, and not %u: there are %u workers", now, before,
			 sched_workers());
	if (r < 0 && !too_few)
		log_warning("a worker could not be started for a processor that there is now: %s; "
			    "trying on",
			    strerror(-r));
	too_few = r < 0;
}

uint64_t means_tick(uint64_t now)
{
	if (!notify_active())
		return UINT64_MAX;
	if (now < next_ns)
		return next_ns;
	if (next_ns)
		means_follow();
	next_ns = now + LOOK_EVERY_NS;
	return next_ns;
}
