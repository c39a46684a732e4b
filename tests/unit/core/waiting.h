/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A poller for tests: pipes in the place of the network, one for each loop. Counts what the
 * scheduler does with it and checks that one thread at a time is inside of each. Include after
 * cmocka.h.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/sched/poller.h"

#define WIRE_LOOPS 3

struct wire_loop {
	int event;	    /* interrupt(): ends a wait */
	int input;	    /* what "the network" has to say */
	atomic_uint inside; /* threads in poll: at most 1 */
};

static struct {
	struct wire_loop loop[WIRE_LOOPS];
	atomic_uint inside;  /* threads in poll */
	atomic_uint waiting; /* of these: in a poll with a timeout */
	atomic_uint polls, inputs;
	atomic_uint waits;   /* polls with a timeout so far */
	atomic_uint slow_ms; /* a poll without a timeout takes so long */
	void (*on_input)(void);
} wire;

static void wire_wait(struct wire_loop *l, uint64_t timeout_ns)
{
	struct pollfd p[2] = { { .fd = l->event, .events = POLLIN },
			       { .fd = l->input, .events = POLLIN } };
	int ms = timeout_ns == UINT64_MAX ? -1 : (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
	uint64_t n;

	if (timeout_ns) {
		atomic_fetch_add_explicit(&wire.waits, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&wire.waiting, 1, memory_order_relaxed);
	}
	(void)poll(p, 2, ms);
	if (timeout_ns)
		atomic_fetch_sub_explicit(&wire.waiting, 1, memory_order_relaxed);
	if (p[0].revents && read(l->event, &n, 8) != 8)
		abort();
	if (p[1].revents && read(l->input, &n, 8) == 8) {
		atomic_fetch_add_explicit(&wire.inputs, 1, memory_order_release);
		if (wire.on_input)
			wire.on_input();
	}
}

static void wire_poll(void *ud, unsigned loop, uint64_t timeout_ns)
{
	struct wire_loop *l = &wire.loop[loop];
	unsigned slow = atomic_load_explicit(&wire.slow_ms, memory_order_relaxed);

	(void)ud;
	if (atomic_fetch_add_explicit(&l->inside, 1, memory_order_acq_rel) != 0)
		abort(); /* the poll right is not one */
	atomic_fetch_add_explicit(&wire.inside, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&wire.polls, 1, memory_order_relaxed);
	if (timeout_ns == 0 && slow)
		poll(NULL, 0, (int)slow);
	wire_wait(l, timeout_ns);
	atomic_fetch_sub_explicit(&wire.inside, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&l->inside, 1, memory_order_acq_rel);
}

static bool wire_interrupt(void *ud, unsigned loop)
{
	(void)ud;
	if (write(wire.loop[loop].event, &(uint64_t){ 1 }, 8) != 8)
		abort();
	return true;
}

static inline void wire_input_at(unsigned loop)
{
	if (write(wire.loop[loop].input, &(uint64_t){ 1 }, 8) != 8)
		abort();
}

/* Something arrives from outside. */
static inline void wire_input(void)
{
	wire_input_at(0);
}

/* Before the workers start. */
static inline void wire_init_loops(unsigned loops)
{
	static struct poller_ops ops = { .poll = wire_poll, .interrupt = wire_interrupt };

	for (unsigned i = 0; i < WIRE_LOOPS; i++) {
		wire.loop[i].event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		wire.loop[i].input = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	atomic_store(&wire.polls, 0);
	atomic_store(&wire.waits, 0);
	atomic_store(&wire.inputs, 0);
	atomic_store(&wire.slow_ms, 0);
	wire.on_input = NULL;
	ops.loops = loops;
	sched_set_poller(&ops, NULL);
}

static inline void wire_init(void)
{
	wire_init_loops(1);
}

/* After they have ended. */
static inline void wire_fini(void)
{
	sched_set_poller(NULL, NULL);
	for (unsigned i = 0; i < WIRE_LOOPS; i++) {
		close(wire.loop[i].event);
		close(wire.loop[i].input);
	}
}

/* Waits until the condition holds; the test fails after 10 s. */
#define eventually(condition)                                                   \
	do {                                                                    \
		uint64_t end_ = clock_mono_ns() + 10 * NS_PER_SEC;              \
		while (!(condition)) {                                          \
			if (clock_mono_ns() > end_)                             \
				fail_msg("waited in vain for: %s", #condition); \
			nanosleep(&(struct timespec){ 0, 200000 }, NULL);       \
		}                                                               \
	} while (0)
