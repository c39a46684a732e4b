/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Calls: how long the callers of services wait, by who calls whom.
 *
 * A pair is the tally of the caller and that of the callee (tally.h). Each thread has figures of
 * its own, which only it writes; a reader adds them up.
 *
 * Latencies are counted in buckets, four to each factor of two, so a quantile is right to an eighth
 * of its value. The bounds of each fourth are powers of two in microseconds.
 *
 * A caller that calls often measures some of its calls only (struct calls_sampler), for two
 * readings of the clock are a tenth of a call within a node. What is measured then stands for those
 * that were not: the counts of one caller add up to what it has called, their division among its
 * callees is an estimate, and a maximum is that of the measured ones. Below a thousand calls a
 * second each is measured. Failures are always counted.
 *
 * Threads:  any; a sampler belongs to its caller.
 * Limits:   CALLS_PAIRS_MAX pairs; what is beyond goes to the pair other, other.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/base.h"
#include "core/base/clock.h"

#define CALLS_PAIRS_MAX 512u

/* Latencies are in units of 1/1024 us. The first bucket ends at an eighth of a microsecond, the
 * last that has an end at 2^26 us, 67 seconds. */
#define CALLS_UNITS_PER_US 1024u
#define CALLS_FIRST_BIT 7u
#define CALLS_LAST_BIT 36u
#define CALLS_BUCKETS ((CALLS_LAST_BIT - CALLS_FIRST_BIT) * 4 + 2)

static inline uint64_t calls_ns(uint64_t units)
{
	return units / CALLS_UNITS_PER_US * NS_PER_US +
	       units % CALLS_UNITS_PER_US * NS_PER_US / CALLS_UNITS_PER_US;
}

/* ---- the caller ---- */

/* Zeros are a caller that has not called yet. */
struct calls_sampler {
	uint16_t skip;	   /* calls until the next one that is measured, with that one */
	uint16_t stride;   /* what skip was at first */
	uint32_t period;   /* calls from one that is measured to the next, on average */
	uint64_t until_ns; /* after that the next one is measured, whatever skip says */
	uint64_t last;	   /* cycles at the last one */
};

/* The call that begins is measured, and the next one to be is chosen. */
uint64_t calls_measure(struct calls_sampler *c, uint64_t now_ns);

/* A call begins; now_ns is the monotonic time, a little late. Returns 0: it is not measured; or its
 * beginning, to be kept until it ends. */
static inline uint64_t calls_begin(struct calls_sampler *c, uint64_t now_ns)
{
	if (likely(c->skip > 1 && now_ns < c->until_ns)) {
		c->skip--;
		return 0;
	}
	return calls_measure(c, now_ns);
}

/* A call has ended. begun is what calls_begin returned, caller and callee are numbers of tallies.
 * One that was not measured only has to be told of if it failed. */
void calls_end(unsigned caller, unsigned callee, uint64_t begun, bool failed);

/* ---- who looks ---- */

struct calls_pair {
	unsigned caller, callee; /* numbers of tallies */
	uint64_t errors;
	uint64_t sum, max; /* units */
	uint64_t buckets[CALLS_BUCKETS];
};

/* Calls f for each pair that there is; nothing is locked. */
void calls_foreach(void (*f)(const struct calls_pair *p, void *ud), void *ud);
/* Returns the latency, in units, that this part (0 to 1) of the calls have at most; at most the
 * maximum. 0: there are none. */
uint64_t calls_quantile(const struct calls_pair *p, double part);
/* Returns how many calls the buckets hold, each with its weight. */
uint64_t calls_measured(const struct calls_pair *p);
/* Returns how many calls took less than 2^bit units, for bits from CALLS_FIRST_BIT to
 * CALLS_LAST_BIT. */
uint64_t calls_below(const struct calls_pair *p, unsigned bit);

/* The bucket of a latency, for tests. */
unsigned calls_bucket(uint64_t units);
