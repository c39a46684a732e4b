/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poller: some loops, each of which is an epoll set, and an eventfd that ends its sleep. It
 * knows descriptors and the ids that they are registered with, and nothing about sockets.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_EVENTS_MAX 128
#define POLLER_LOOPS_MAX 64
/* The main loop: closures (post.h), timers, and what C owners have run there. */
#define POLLER_MAIN 0u

/* Opens so many loops. Returns 0 or -errno. Before any other thread starts. */
int poller_init(unsigned loops);
/* After every other thread has ended. */
void poller_fini(void);

unsigned poller_loops(void);

/* epoll_ctl on a loop; id > 0 is what poller_wait reports for fd. Returns 0 or -errno. Any
 * thread. */
int poller_control(unsigned loop, int op, int fd, uint32_t events, int id);

/* [loop] From the first call to the second this thread is that loop. */
void poller_enter(unsigned loop);
void poller_leave(void);
/* Returns true on the thread that is that loop. */
bool poller_here(unsigned loop);

/* [loop] Waits at most timeout_ns (UINT64_MAX: for ever) until a descriptor is ready or somebody
 * interrupts. Returns how many entries of ret, which has room for POLLER_EVENTS_MAX, are filled:
 * data.u64 is the id of the descriptor. */
int poller_wait(struct epoll_event *ret, uint64_t timeout_ns);
/* Makes a waiting poller_wait of that loop return soon, or else the next one return at once.
 * Returns true when one waited and gets up. Any thread. */
bool poller_interrupt(unsigned loop);

/* For tests: do as on a kernel without epoll_pwait2. */
void poller_set_coarse(bool coarse);
