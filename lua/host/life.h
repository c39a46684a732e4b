/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a service ends, and what its launcher hears when its birth fails.
 *
 * Threads: the worker that runs the service.
 */
#include "lua/host/host.h"

/* Ends the service: what skynet.exit does but for the last yield. Callers that still wait hear
 * `why`, a constant. */
void life_end(struct host *h, const char *why);
/* The file of the service did not load. Between turns. */
void life_load_failed(struct host *h, const char *text);
/* The task of skynet.start came to an end of which the start function knows nothing: the service
 * ends, and who launched it is told. Between turns. */
void life_start_failed(struct host *h, const char *text);
