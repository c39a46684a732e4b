/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The loop: one turn takes what threads have posted and what epoll reports, and gives each to the
 * file that knows what to do. It is the top of the folder: it calls everybody, nobody calls it but
 * the scheduler.
 *
 * The loop runs on whichever thread holds the scheduler's poll right (core/sched/poll.h), normally
 * an idle worker. What is marked [loop] in this folder runs there, one at a time, so state that
 * only the loop touches needs no lock.
 */
#include <stdint.h>

/* Opens epoll and plugs the loop into the scheduler: after node_init, before node_start. Returns 0
 * or -errno. */
int net_init(void);
/* After the workers have ended (node_stop): closes everything without telling anybody. Closures
 * that were posted and did not run are dropped. */
void net_fini(void);

/* One turn: posted closures, ready sockets, posted closures. It waits at most timeout_ns
 * (UINT64_MAX: for ever). The scheduler calls it with the poll right; a test without workers calls
 * it from one thread. */
void net_poll(uint64_t timeout_ns);
