/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Life of the process after boot: waits for the join, launches the first services, says READY,
 * watches, and stops in order.
 *
 * Threads: the main thread, but for life_wake and life_stop.
 */
#include "conf/config.h"
#include "conf/load.h"

/* Makes the main thread look around. Any thread. */
void life_wake(void);
/* Asks for an orderly stop, as SIGTERM does. Any thread. */
void life_stop(void);
/* From boot to the end, with the configuration that was made of those files, which reloads change;
 * the result is the exit status. Everything is freed, unless a worker is
 * stuck in a callback: then the process ends here. */
int life_run(struct config *c, const struct config_source *from);
