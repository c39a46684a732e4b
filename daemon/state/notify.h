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

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_* and removes them. */
void notify_init(void);
void notify_fini(void);
/* true: somebody listens. */
bool notify_active(void);
/* The manager's watchdog time, 0 = it has none for us. */
uint64_t notify_watchdog_ns(void);

/* One datagram of VARIABLE=value lines; nothing without a listener. */
void notify_send(const char *lines);
void notify_printf(const char *fmt, ...) printf_like(1, 2);
