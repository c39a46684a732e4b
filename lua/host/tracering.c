/* SPDX-License-Identifier: MIT */
/* The last events of traces: see tracering.h. */
#include "lua/host/tracering.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"

static struct lock lock = LOCK_INIT(traces);
static struct trace_record *ring; /* [lock] NULL: there never was an event */
static uint64_t end;		  /* [lock] */

void tracering_add(const struct trace_record *r)
{
	struct trace_record *to;

	lock_take(&lock);
	if (!ring)
		ring = mem_alloc(TRACERING_EVENTS * sizeof(*ring));
	to = &ring[end % TRACERING_EVENTS];
	*to = *r;
	to->number = ++end;
	to->mono_ns = clock_mono_ns();
	lock_release(&lock);
}

/* A copy, so that f may do anything but trace. */
static struct trace_record *copy(uint64_t *ret_first, uint64_t *ret_end)
{
	struct trace_record *r = NULL;

	lock_take(&lock);
	*ret_end = end;
	*ret_first = end > TRACERING_EVENTS ? end - TRACERING_EVENTS : 0;
	if (end) {
		r = mem_alloc(TRACERING_EVENTS * sizeof(*r));
		memcpy(r, ring, (end < TRACERING_EVENTS ? end : TRACERING_EVENTS) * sizeof(*r));
	}
	lock_release(&lock);
	return r;
}

void tracering_find(const char *tag, void (*f)(const struct trace_record *r, void *ud), void *ud)
{
	uint64_t first, last;
	cleanup(mem_freep) struct trace_record *all = copy(&first, &last);

	for (uint64_t i = first; i < last; i++) {
		const struct trace_record *r = &all[i % TRACERING_EVENTS];

		if (!tag || strcmp(r->tag, tag) == 0)
			f(r, ud);
	}
}
