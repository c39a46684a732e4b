/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Signals, and the main thread's alarm clock.
 *
 * A handler only writes down which signal came; a small thread reads it and wakes the main thread.
 * The same thread wakes it at the time set by signals_alarm. While nothing is due it sleeps without
 * a timeout.
 *
 *   SIGTERM, SIGINT   stop; the second one ends the process within a second, status 0
 *   SIGHUP            the configuration is read again, log files are opened again
 *   SIGQUIT           left alone: core dump
 *   SIGPIPE           ignored
 *
 * Threads: start and stop from the main thread, everything else from any.
 */
#include <stdbool.h>
#include <stdint.h>

/* wake: makes the main thread look around; called by the signal thread. 0 or -errno. */
int signals_start(void (*wake)(void));
void signals_stop(void);

/* How often SIGTERM or SIGINT came. */
unsigned signals_stops(void);
/* true: SIGHUP came since the last call. */
bool signals_take_reopen(void);
/* Wakes the main thread at this monotonic time; UINT64_MAX: never. Replaces the last one. */
void signals_alarm(uint64_t mono_ns);
