/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poller: one epoll set, and an eventfd that ends its sleep. It knows descriptors and the ids
 * that they are registered with, and nothing about sockets.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_EVENTS_MAX 128

/* Returns 0 or -errno. Before any other thread starts. */
int poller_init(void);
/* After every other thread has ended. */
void poller_fini(void);

/* epoll_ctl; id > 0 is what poller_wait reports for fd. Returns 0 or -errno. Any thread. */
int poller_control(int op, int fd, uint32_t events, int id);

/* [loop] From the first call to the second this thread is the loop. */
void poller_enter(void);
void poller_leave(void);
/* Returns true on the thread that is the loop. */
bool poller_here(void);

/* [loop] Waits at most timeout_ns (UINT64_MAX: for ever) until a descriptor is ready or somebody
 * interrupts. Returns how many entries of ret, which has room for POLLER_EVENTS_MAX, are filled:
 * data.u64 is the id of the descriptor. */
int poller_wait(struct epoll_event *ret, uint64_t timeout_ns);
/* Makes a waiting poller_wait return soon, or else the next one return at once. Any thread. */
void poller_interrupt(void);

/* For tests: do as on a kernel without epoll_pwait2. */
void poller_set_coarse(bool coarse);
