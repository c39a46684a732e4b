/* SPDX-License-Identifier: MIT */
/* Which loop a socket belongs to: see spread.h. Two that are made at the same moment may both go to
 * the loop that has the fewest; that is no harm. */
#include "net/spread.h"

#include <stdalign.h>
#include <stdatomic.h>

#include "core/base/base.h"
#include "core/base/must.h"
#include "net/poller.h"

/* relaxed, all of them: lone numbers, nothing is published with them */
static struct {
	atomic_uint next; /* where to begin: among equals each loop has its turn */
	alignas(CACHE_LINE) atomic_uint count[POLLER_LOOPS_MAX];
} kinds[SPREAD_CONNECTED + 1];

static unsigned get(atomic_uint *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

static unsigned choose(enum spread_kind kind, unsigned loops)
{
	unsigned loop = atomic_fetch_add_explicit(&kinds[kind].next, 1, memory_order_relaxed);
	unsigned best = loop %= loops;

	for (unsigned i = 1; i < loops; i++) {
		loop = loop + 1 < loops ? loop + 1 : 0;
		if (get(&kinds[kind].count[loop]) < get(&kinds[kind].count[best]))
			best = loop;
	}
	return best;
}

unsigned spread_enter(enum spread_kind kind)
{
	unsigned loops = poller_loops(), loop;

	must(kind != SPREAD_NOT);
	if (loops == 1)
		return POLLER_MAIN;
	loop = choose(kind, loops);
	atomic_fetch_add_explicit(&kinds[kind].count[loop], 1, memory_order_relaxed);
	return loop;
}

void spread_leave(enum spread_kind kind, unsigned loop)
{
	if (kind != SPREAD_NOT && poller_loops() > 1)
		atomic_fetch_sub_explicit(&kinds[kind].count[loop], 1, memory_order_relaxed);
}
