/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Feeds the service manager's watchdog, but only with proof: since the last ping the net loop ran
 * something for us, a message went through the dispatcher to `.daemon`, and no worker is lost. A
 * service in an endless loop does not stop the pings while other workers go on; all workers stuck
 * do.
 *
 * Threads: the main thread.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/sched/sched.h"

/* period: the manager's (0: no watchdog). After admin_service_launch(). */
void watchdog_start(uint64_t period_ns);
/* Result: when to be called again, UINT64_MAX = no watchdog. */
uint64_t watchdog_tick(uint64_t now_ns);
/* While the node stops its services go: from now on the time limit of the stop is the proof. */
void watchdog_stopping(void);

/* A worker that neither sleeps, nor is in a turn, nor passed a message between two looks. For
 * tests. */
bool watchdog_worker_lost(const struct worker_view *before, const struct worker_view *now);
