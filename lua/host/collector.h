/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which mode the garbage collector of a service runs in, unless its program chose one.
 *
 * Threads: the worker that runs the service, between turns.
 */
#include "lua/host/host.h"

/* A service with more is collected step by step; the first warning of its memory comes there,
 * too. */
#define COLLECTOR_LARGE_HEAP ((size_t)32 << 20)

/* The file of the service has run. The start comes next and settles; only a large one sees the
 * collector before that. */
void collector_start(struct host *h);
/* The start function has returned, or waits for the first time: what loading and starting left
 * behind goes, the stacks that they have grown too, and the collector changes to the mode it stays
 * in. Again when the heap has become large. */
void collector_settle(struct host *h);
