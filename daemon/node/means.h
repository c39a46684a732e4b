/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the node may use of its host, by which it sizes itself: it is told when the node starts, and
 * the quota of processors is followed when somebody changes it, say `systemctl set-property`.
 *
 * Threads: the main thread.
 */
#include <stdint.h>

/* Logs what there is. Before the network holds descriptors back it is not known how many services
 * may have. */
void means_log(void);
/* Has as many workers awake as the process may use processors now, and logs a change. While there
 * are workers. */
void means_follow(void);
/* Looks every few seconds under a service manager, by which quotas are changed; without one the
 * node sleeps, and a reload is when it looks. Returns when to be called again, UINT64_MAX:
 * never. */
uint64_t means_tick(uint64_t now_ns);
