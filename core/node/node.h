/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The node: the order in which everything in core starts and stops, as two lists (node.c). It
 * stands above all other rooms, so it is who hands each of them what it needs of those above.
 */
#include <stdbool.h>
#include <stdint.h>

struct node_config {
	unsigned threads;  /* 0 = as many as the process may use */
	unsigned harbor;   /* 0 = single node */
	const char *cpath; /* templates for C services, NULL = none */
};

/* Handle table, environment, modules, timers: everything that needs no thread. 0 or -errno. */
int node_init(const struct node_config *c);
/* Workers and overseer. */
int node_start(void);
/* Blocks until the last service is gone, or somebody called node_wake. The main thread. */
void node_wait(void);
/* Makes node_wait return; async-signal-safe. */
void node_wake(void);
/* Ends every service, waits for their teardown at most timeout_ns, joins the threads, frees all.
 * false: a worker is stuck in a callback and was left running; nothing was freed, the caller should
 * leave by _exit. The main thread. */
bool node_stop(uint64_t timeout_ns);
/* Ends every service, and so the node (skynet.abort). Any thread. */
void node_abort(void);
/* Whether somebody called it. Any thread. */
bool node_aborted(void);
bool node_is_empty(void);
