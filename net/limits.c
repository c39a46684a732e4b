/* SPDX-License-Identifier: MIT */
/*
 * Bounds of what waits to be written: a socket's, and the node's for all sockets of services.
 *
 * The total is one number that each change of a queue adds its difference to. Two sockets that grow at the
 * same moment may pass the bound by one item each; that is no harm.
 */
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "net/janitor.h"
#include "net/socket.h"

/* A line a second says that sockets are closed; how many it was is counted. */
#define SAY_NS NS_PER_SEC

static struct net_limits limits = { .queue = NET_QUEUE_DEFAULT }; /* constant once threads run */

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
	limits = *l;
	if (!limits.queue)
		limits.queue = NET_QUEUE_DEFAULT;
}

void limits_apply(struct socket *s)
{
	s->limit = limits.queue;
	s->policy = limits.policy;
}

void limits_account(struct socket *s)
{
	uint64_t now = s->owner ? s->out.memory : 0;

	if (now == s->counted)
		return;
	/* wraps round when it is less, which is what a sum needs */
	atomic_fetch_add_explicit(&sum.queued, now - s->counted, memory_order_relaxed);
	s->counted = now;
}

bool limits_exhausted(void)
{
	/* so near to the bound that a write of some size would not fit */
	return limits.total && get(&sum.queued) + limits.total / 16 >= limits.total;
}

const char *limits_check(const struct socket *s, size_t size)
{
	uint64_t cost = sendq_cost(size), after = s->out.memory + cost;

	if (unlikely(after > s->limit) && (!s->owner || !sendq_empty(&s->out)))
		return "the write queue is full (net.write_queue)";
	if (s->owner && after > NET_LOW_MARK && limits.total &&
	    unlikely(get(&sum.queued) + cost > limits.total))
		return "the write queues of all sockets are full (net.write_total)";
	return NULL;
}

/* At a bounded rate: a flood of clients must not become a flood of lines. */
static void say(struct socket *s, const char *what)
{
	uint64_t now = clock_mono_ns(), last = get(&sum.said_ns);
	char peer[ADDR_TEXT_MAX] = "";

	if (last && now - last < SAY_NS)
		return;
	if (!atomic_compare_exchange_strong_explicit(&sum.said_ns, &last, now, memory_order_relaxed,
						     memory_order_relaxed))
		return; /* another thread is saying it */
	if (s->fd >= 0)
		socket_address(s, true, peer, sizeof(peer));
	log_printf(LOG_LEVEL_WARNING, s->owner,
		   "socket %d (%s) is closed: %s, %llu bytes wait for a peer that does not read "
		   "(%llu such sockets so far)",
		   socket_id(s), peer, what, (unsigned long long)s->out.bytes,
		   (unsigned long long)get(&sum.closed_full));
}

void limits_enforce(struct socket *s, const char *what)
{
	s->refused++;
	if (!s->owner)
		return; /* a C owner knows by the result */
	count(&sum.refused);
	if (limits_exhausted()) /* what waits on closing sockets has to make room */
		janitor_wake_in(JANITOR_BACKOFF_NS);
	if (s->policy == NET_POLICY_ERROR) {
		if (sendq_refused(&s->out))
			event_warning(s, (unsigned)((s->out.bytes + 1023) / 1024));
		return;
	}
	count(&sum.closed_full);
	say(s, what);
	event_error(s, what);
	event_shutdown(s);
}

bool net_set_bound(int id, uint64_t bytes, enum net_policy policy)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return false;
	s->limit = bytes ? bytes : limits.queue;
	if (policy != NET_POLICY_KEEP)
		s->policy = policy;
	socket_unlock(s);
	return true;
}

bool net_bound(int id, uint64_t *ret_bytes, enum net_policy *ret_policy)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return false;
	*ret_bytes = s->limit;
	*ret_policy = s->policy;
	socket_unlock(s);
	return true;
}

void net_set_limit(int id, uint64_t bytes)
{
	(void)net_set_bound(id, bytes, NET_POLICY_KEEP);
}

void limits_accept_refused(void)
{
	count(&sum.accepts_refused);
}

void net_get_stats(struct net_stats *ret)
{
	*ret = (struct net_stats){ .sockets = net_count(),
				   .queued = get(&sum.queued),
				   .queued_max = limits.total,
				   .closed_full = get(&sum.closed_full),
				   .refused = get(&sum.refused),
				   .accepts_refused = get(&sum.accepts_refused) };
}
