/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A profiler that samples: so many times a second each worker that is in a turn shows where it is
 * (moment.h), in a signal handler of its own. Equal stacks are counted. Off it costs nothing: there
 * is no thread, no hook and no flag that anybody looks at. One profile at a time.
 *
 * Threads: all from any thread, under one lock.
 * Limits:  SAMPLER_SECONDS_MAX, SAMPLER_HZ_MAX, SAMPLER_STACKS_MAX different stacks: samples beyond
 *          are counted. A profile is kept until the next one begins.
 */
#include <stdbool.h>
#include <stdint.h>

#define SAMPLER_SECONDS_MAX 300u
#define SAMPLER_HZ_MAX 1000u
#define SAMPLER_STACKS_MAX 5000u

/* Begins a profile of one service of this node, or of all (0), whose number is *ret_number. Returns
 * 0, -EBUSY if another one is under way, or why no thread can be started. */
int sampler_start(uint32_t handle, unsigned seconds, unsigned hz, unsigned *ret_number);

struct sampler_sums {
	uint64_t samples;  /* of stacks */
	uint64_t ticks;	   /* looks at all workers */
	uint64_t left_out; /* samples that found no place, or a worker that did not come in time */
	double seconds;
};

enum sampler_state { SAMPLER_UNKNOWN, SAMPLER_RUNS, SAMPLER_DONE };
/* Tells each stack of the profile of that number, "outermost;...;innermost", if it is done. */
enum sampler_state sampler_take(unsigned number, struct sampler_sums *ret,
				void (*f)(const char *stack, uint32_t samples, void *ud), void *ud);
/* Ends what is under way. The node stops. */
void sampler_end(void);
/* Before the workers are there. */
void sampler_init(void);
