/* SPDX-License-Identifier: MIT */
/*
 * Bounds of what waits to be written: a socket's, and the node's for all sockets of services.
 *
 * The total is one number that each change of a queue adds its difference to. Two sockets that grow
 * at the same moment may pass the bound by one item each; that is no harm.
 */
#include "net/limits.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/must.h"

/* A line a second says that sockets are closed; how many it was is counted. */
#define SAY_NS NS_PER_SEC

/* [any] relaxed: lone numbers; who meets a change half made has one old and one new bound */
static struct {
	atomic_uint_least64_t queue, total;
	atomic_uint policy, window;
} limits = { .queue = NET_QUEUE_DEFAULT };

/* [any] relaxed, all of them: lone numbers, nothing is published with them */
static struct {
	atomic_uint_least64_t queued;
	atomic_uint_least64_t closed_full, refused, accepts_refused;
	atomic_uint_least64_t said_ns;
} sum;

static void count(atomic_uint_least64_t *number)
{
	atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

static uint64_t get(atomic_uint_least64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

void net_set_limits(const struct net_limits *l)
{
	must(l->policy < NET_POLICY_KEEP);
	atomic_store_explicit(&limits.queue, l->queue ? l->queue : NET_QUEUE_DEFAULT,
			      memory_order_relaxed);
	atomic_store_explicit(&limits.total, l->total, memory_order_relaxed);
	atomic_store_explicit(&limits.policy, l->policy, memory_order_relaxed);
	atomic_store_explicit(&limits.window, l->window, memory_order_relaxed);
}

void limits_init(struct bound *ret)
{
	*ret = (struct bound){
		.limit = get(&limits.queue),
		.policy = (enum net_policy)atomic_load_explicit(&limits.policy,
								memory_order_relaxed),
	};
}

uint32_t limits_window(void)
{
	return atomic_load_explicit(&limits.window, memory_order_relaxed);
}

void limits_set(struct bound *b, uint64_t bytes, enum net_policy policy)
{
	b->limit = bytes ? bytes : get(&limits.queue);
	if (policy != NET_POLICY_KEEP)
		b->policy = policy;
}

void limits_account(struct bound *b, uint64_t memory)
{
	if (memory == b->counted)
		return;
	/* wraps round when it is less, which is what a sum needs */
	atomic_fetch_add_explicit(&sum.queued, memory - b->counted, memory_order_relaxed);
	b->counted = memory;
}

bool limits_exhausted(void)
{
	/* so near to the bound that a write of some size would not fit */
	uint64_t total = get(&limits.total);

	return total && get(&sum.queued) + total / 16 >= total;
}

enum limits_verdict limits_check(const struct bound *b, const struct sendq *out, bool of_service,
				 size_t size)
{
	uint64_t cost = sendq_cost(size), after = out->memory + cost, total = get(&limits.total);

	if (unlikely(after > b->limit) && (!of_service || !sendq_empty(out)))
		return LIMITS_SOCKET_FULL;
	if (of_service && after > NET_LOW_MARK && total &&
	    unlikely(get(&sum.queued) + cost > total))
		return LIMITS_NODE_FULL;
	return LIMITS_OK;
}

char *limits_explain(enum limits_verdict v, const struct bound *b, const struct sendq *out,
		     size_t size, char *ret_text, size_t text_size)
{
	bool all = v == LIMITS_NODE_FULL;
	const char *what = "queue is full (its own limit)";

	if (all)
		what = "queues of all sockets are full (net.write_total)";
	else if (b->limit == get(&limits.queue))
		what = "queue is full (net.write_queue)";
	snprintf(ret_text, text_size,
		 "the write %s: %llu bytes wait, %zu more pass the limit of %llu", what,
		 (unsigned long long)(all ? get(&sum.queued) : out->memory), size,
		 (unsigned long long)(all ? get(&limits.total) : b->limit));
	return ret_text;
}

void limits_count_refused(void)
{
	count(&sum.refused);
}

void limits_count_accept_refused(void)
{
	count(&sum.accepts_refused);
}

uint64_t limits_count_closed(void)
{
	uint64_t now = clock_mono_ns(), last = get(&sum.said_ns);

	count(&sum.closed_full);
	if (last && now - last < SAY_NS)
		return 0;
	if (!atomic_compare_exchange_strong_explicit(&sum.said_ns, &last, now, memory_order_relaxed,
						     memory_order_relaxed))
		return 0; /* another thread is saying it */
	return get(&sum.closed_full);
}

void limits_get_stats(struct net_stats *ret)
{
	*ret = (struct net_stats){ .queued = get(&sum.queued),
				   .queued_max = get(&limits.total),
				   .closed_full = get(&sum.closed_full),
				   .refused = get(&sum.refused),
				   .accepts_refused = get(&sum.accepts_refused) };
}
