/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Overseer thread: sees to it that nobody waits behind a worker that does not come back.
 *
 * While anything runs it looks every few ms (backing off to 10 ms) at I/O, timers and
 * stealable work behind a long turn (sched_oversee); every MONITOR_CHECK_NS a worker that is still
 * in the same message is reported with source, destination and service, once, and again every
 * MONITOR_CHECK_NS; for Lua the stack of the running coroutine follows. A node that has been idle
 * for MONITOR_REST_NS puts it to sleep until a worker leaves idleness; it costs nothing then.
 */
#include <stdbool.h>
#include <stdint.h>

#define MONITOR_CHECK_NS UINT64_C(5000000000)
#define MONITOR_REST_NS UINT64_C(50000000)

int monitor_start(void);
void monitor_stop(void);
/* Workers that have been in one message for more than MONITOR_CHECK_NS. Any thread. */
unsigned monitor_stuck(void);
/* How often a worker was reported to be in one message for long. Any thread. */
uint64_t monitor_reports(void);
/* Shortens the check for tests; before monitor_start. */
void monitor_set_check_ns(uint64_t ns);
