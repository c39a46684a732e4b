/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The loops: one turn takes what epoll reports, and in the main loop what threads have posted, and
 * gives each to the file that knows what to do. It is the top of the folder: it calls everybody,
 * nobody calls it but the scheduler.
 *
 * A loop runs on whichever thread holds its poll right (core/sched/poll.h), normally an idle
 * worker. What is marked [loop] in this folder runs there, one thread at a time: what is for a
 * socket in the loop that this belongs to, all else in the main loop. Sockets of services are
 * spread over all loops (spread.h); what a loop does to one is guarded by that socket's lock, so
 * loops need no order among themselves. The functions of C owners, closures (post.h) and timers
 * (timer.h) run in the main loop alone, and so need no lock against each other.
 */
#include <stdint.h>

/* Opens so many loops, 1 to POLLER_LOOPS_MAX and not more than there will be workers, and plugs
 * them into the scheduler: after node_init, before node_start. Returns 0 or -errno. */
int net_init(unsigned loops);
/* After the workers have ended (node_stop): closes everything without telling anybody. Closures
 * that were posted and did not run are dropped. */
void net_fini(void);

/* One turn of the main loop: posted closures, ready sockets, posted closures. It waits at most
 * timeout_ns (UINT64_MAX: for ever). For a test without workers, from one thread. */
void net_poll(uint64_t timeout_ns);
