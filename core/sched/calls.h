/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What somebody outside wants a worker to do at once, wherever it is: see sched_call_worker.
 */
struct service;

enum worker_call {
	WORKER_LOOK,   /* show what the service in turn does */
	WORKER_SAMPLE, /* show where it is */
	WORKER_DUMP,   /* show everything, for the process crashes */
	WORKER_CALLS,
};
