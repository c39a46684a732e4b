/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a service manager hears from us (sd_notify(3)), and what it told us in the environment.
 *
 * The environment variables are taken away before any thread, Lua service or child program could
 * see them, so nobody else can speak for the node.
 *
 * Threads:  notify_init first, alone; then any.
 * Failure:  never fatal; the first failed datagram is logged.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/base.h"

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_* and removes them. Sockets that were
 * passed become net/inherit.h's. */
void notify_init(void);
void notify_fini(void);
/* true: somebody listens. */
bool notify_active(void);
/* The manager's watchdog time, 0 = it has none for us. */
uint64_t notify_watchdog_ns(void);

/* Gives the service manager a copy of the descriptor, to be passed to the next life of this process
 * under this name. Returns false: there is none, or it does not take it. Waits at most a second for
 * it to read. */
bool notify_store(const char *name, int fd);
/* It drops what it has under the name. */
void notify_unstore(const char *name);
/* Before the process ends because something is broken: the manager calls it a failure of the
 * watchdog, and restarts what is to be restarted then. Any thread, whatever it holds. */
void notify_broken(void);
/* Waits until it has read all that it was sent, at most that long. Returns whether it has. */
bool notify_barrier(uint64_t patience_ns);

/* One datagram of VARIABLE=value lines; nothing without a listener. notify_send waits for a manager
 * that is slow to read, a second at most; notify_printf is for what may be lost then. */
void notify_send(const char *lines);
void notify_printf(const char *fmt, ...) printf_like(1, 2);
