/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The loop: what its files share, and the way in for tests.
 */
#include <stdbool.h>
#include <stdint.h>

/* One turn of the loop: posted closures, ready sockets, posted closures. Waits at most timeout_ns
 * (UINT64_MAX: for ever). It is what the scheduler calls with the poll right; a test without
 * workers calls it from one thread. */
void net_poll(uint64_t timeout_ns);
/* Makes a waiting net_poll return soon. Any thread. */
void net_interrupt(void);

/* true: called from inside net_poll. */
bool poller_here(void);

int poller_init(void);
void poller_fini(void);
/* epoll_ctl with the id as data. 0 or -errno. Any thread. */
int poller_control(int op, int fd, uint32_t events, int id);

/* For tests: do as on a kernel without epoll_pwait2. */
void poller_set_coarse(bool coarse);

/* post.c: like net_post, with a function that frees arg when the loop ends before it came. */
void post_internal(void (*f)(void *arg), void *arg, void (*discard)(void *arg));
/* [loop] Runs what was posted, also what these post, within bounds. false: there was nothing. */
bool post_run(void);
/* Drops everything. After the loop has ended. */
void post_fini(void);

/* janitor.c: looks after closing sockets and resting listeners. Any thread. */
void janitor_wake_in(uint64_t delay_ns);
void janitor_init(void);
void janitor_fini(void);
#define JANITOR_CLOSING_NS UINT64_C(60000000000)
#define JANITOR_BACKOFF_NS UINT64_C(100000000)
#define JANITOR_HASTE_NS UINT64_C(2000000000)
/* For tests: how long a closing socket may stand still. */
void janitor_set_closing_ns(uint64_t ns);
