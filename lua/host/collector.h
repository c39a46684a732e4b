/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which mode the garbage collector of a service runs in, unless its program chose one, and what is
 * collected while nothing happens.
 *
 * A large service is collected step by step as it allocates, and begins a new cycle only when it
 * has twice the memory that was in use. One that has nothing to do would keep what its last work
 * left behind for good. So a while after a message to a large service the host looks whether it has
 * become quiet, and if so goes through its heap in slices with pauses between them. A service in
 * which that frees little is looked at more and more seldom. One to which no message comes is left
 * alone.
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
/* It is not held any more. The service's owner, or nobody else has the service. */
void collector_let_go(struct host *h);
/* A large service has handled a message. */
void collector_worked(struct host *h);
/* A look is due (WAIT_QUIET). Between turns. */
void collector_look(struct host *h);
