/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker: a thread that runs one service after the other, and what a service's code may ask of
 * the worker that it runs on.
 */
#include <signal.h>
#include <stdbool.h>

struct service;

/* The service has mail and no owner: queue it. Any thread. */
void sched_ready(struct service *s);

/* Work to do on this worker at the end of the current turn, e.g. flushing a link that several sends
 * of the turn have filled. false: not on a worker, do it yourself now. */
struct turn_hook {
	void (*run)(struct turn_hook *h);
	struct turn_hook *next;
};
bool sched_at_turn_end(struct turn_hook *h);

/* true: this thread is a worker. */
bool sched_on_worker(void);

/* What sched_interrupt_worker runs, per service implementation (lua/ installs it). */
void sched_set_interrupt(void (*f)(struct service *s));

/* The thread, with its struct worker; and the handler of the signal that interrupts it. */
void *worker_main(void *worker);
void worker_on_interrupt(int sig, siginfo_t *info, void *context);
