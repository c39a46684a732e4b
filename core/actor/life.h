/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Birth and end of services.
 *
 * A service is launched on the thread that asks for it. Whoever retires one takes its handle and
 * names away at once; the rest happens on the worker that runs it: what waits in its mailbox is
 * answered with errors, and its instance is released.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/service.h"

/* After clock_init and before the first launch. */
void service_init(const struct service_hooks *hooks);

/* Creates a service of module `name` and runs its init on the calling thread. Returns its
 * handle, or 0 when the module is missing or init failed (both are logged). Any thread. */
uint32_t service_launch(const char *module, const char *args);

/* Removes the handle and its names at once; the rest happens on the owner (see above). false: no
 * such service. Any thread. */
bool service_retire(uint32_t handle);
/* Retires every service (ABORT); the node ends when the last is gone. Any thread. */
void service_retire_all(void);
/* How many services there are. Any thread. */
unsigned service_count(void);

/* Calls the module's signal function in this thread; false: no such service or no function. */
bool service_signal(uint32_t handle, int sig);

/* The handle that hears about every EXIT and KILL (command MONITOR), 0 = none. */
uint32_t service_exit_monitor(void);
void service_set_exit_monitor(uint32_t handle);

/* The last act of the worker that owns a retired service: releases its instance, and tells
 * everybody who waits in its mailbox `why`. The service is gone afterwards. */
void service_teardown(struct service *s, const char *why);

/* Releases the instance, if there is one: the service's own code is gone, its mailbox and handle
 * are not. The owner. */
void service_release_instance(struct service *s);
