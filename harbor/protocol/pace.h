/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pace: how many attempts of a node to connect are under way at a time, over all peers. Of many
 * nodes that start together each has more to do for all the others than it gets done in time, and
 * an attempt that is given up was work for nothing. The attempts themselves say how many: each that
 * was answered in time allows one more, up to max, and those that take longer than PACE_SLOW_NS
 * halve it.
 *
 * Pure. Threads: none of its own; its owner's.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_SLOW_NS UINT64_C(1000000000)

struct pace {
	unsigned max;	    /* the owner sets it */
	unsigned allowed;   /* just now */
	unsigned young;	    /* under way, and the next ones wait for their end */
	uint64_t slowed_ns; /* allowed was halved */
};

/* Begins with as many as there may be, unless `allowed` is set. */
void pace_begin(struct pace *s);
/* Returns whether another attempt may begin. */
bool pace_may_try(const struct pace *s);
/* An attempt that began at tried_ns and was answered has ended, one way or the other. */
void pace_learn(struct pace *s, uint64_t tried_ns, uint64_t now);
