/* SPDX-License-Identifier: MIT */
/* The workers: see workers.h. */
#include "core/sched/workers.h"

struct sched sched = {
	.inject_lock = LOCK_INIT(inject),
	.park_lock = LOCK_INIT(park),
};

_Thread_local struct worker *worker_self;
