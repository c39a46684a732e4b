/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A poller for tests: a pipe in the place of the network. Counts what the scheduler does with it
 * and checks that one thread at a time is inside. Include after cmocka.h.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/sched/poller.h"

static struct {
	int event;	     /* interrupt(): ends a wait */
	int input;	     /* what "the network" has to say */
	atomic_uint inside;  /* threads in poll: at most 1 */
	atomic_uint waiting; /* of these: in a poll with a timeout */
	atomic_uint polls, inputs;
	atomic_uint slow_ms; /* a poll without a timeout takes so long */
	void (*on_input)(void);
} wire = { .event = -1, .input = -1 };

static void wire_poll(void *ud, uint64_t timeout_ns)
{
	struct pollfd p[2] = { { .fd = wire.event, .events = POLLIN },
			       { .fd = wire.input, .events = POLLIN } };
	int ms = timeout_ns == UINT64_MAX ? -1 : (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
	unsigned slow = atomic_load_explicit(&wire.slow_ms, memory_order_relaxed);
	uint64_t n;

	(void)ud;
	if (atomic_fetch_add_explicit(&wire.inside, 1, memory_order_acq_rel) != 0)
		abort(); /* the poll right is not one */
	atomic_fetch_add_explicit(&wire.polls, 1, memory_order_relaxed);
	if (timeout_ns == 0 && slow)
		poll(NULL, 0, (int)slow);
	if (timeout_ns)
		atomic_fetch_add_explicit(&wire.waiting, 1, memory_order_relaxed);
	(void)poll(p, 2, ms);
	if (timeout_ns)
		atomic_fetch_sub_explicit(&wire.waiting, 1, memory_order_relaxed);
	if (p[0].revents && read(wire.event, &n, 8) != 8)
		abort();
	if (p[1].revents && read(wire.input, &n, 8) == 8) {
		atomic_fetch_add_explicit(&wire.inputs, 1, memory_order_release);
		if (wire.on_input)
			wire.on_input();
	}
	atomic_fetch_sub_explicit(&wire.inside, 1, memory_order_acq_rel);
}

static void wire_interrupt(void *ud)
{
	(void)ud;
	if (write(wire.event, &(uint64_t){ 1 }, 8) != 8)
		abort();
}

static const struct poller_ops wire_ops = { wire_poll, wire_interrupt };

/* Something arrives from outside. */
static inline void wire_input(void)
{
	if (write(wire.input, &(uint64_t){ 1 }, 8) != 8)
		abort();
}

/* Before the workers start. */
static inline void wire_init(void)
{
	wire.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wire.input = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	atomic_store(&wire.polls, 0);
	atomic_store(&wire.inputs, 0);
	atomic_store(&wire.slow_ms, 0);
	wire.on_input = NULL;
	sched_set_poller(&wire_ops, NULL);
}

/* After they have ended. */
static inline void wire_fini(void)
{
	sched_set_poller(NULL, NULL);
	close(wire.event);
	close(wire.input);
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
