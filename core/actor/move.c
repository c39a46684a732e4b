/* SPDX-License-Identifier: MIT */
/* What applies to a node that nothing moves from: see move.h. */
#include "core/actor/move.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/log/log.h"

static int relay_nowhere(struct msg *m)
{
	msg_drop(m);
	return 0;
}

static bool find_nothing(struct msg *m)
{
	(void)m;
	return false;
}

static void adopt_nothing(uint32_t service, const uint32_t *old, unsigned n, unsigned attempt)
{
	(void)attempt;
	(void)service;
	(void)old;
	(void)n;
}

static void leave_nowhere(uint32_t old, uint32_t to)
{
	(void)old;
	(void)to;
}

static void finish_nothing(uint32_t old)
{
	(void)old;
}

static uint32_t same(uint32_t old)
{
	return old;
}

static void tell_nobody(bool on)
{
	(void)on;
}

static unsigned no_targets(uint8_t ids[256])
{
	(void)ids;
	return 0;
}

static void no_drainers(uint64_t bits[4])
{
	memset(bits, 0, 4 * sizeof(*bits));
}

static unsigned no_node(const char *name)
{
	(void)name;
	return 0;
}

static void no_names(uint32_t handle, void (*f)(const char *name, uint32_t of, void *ud), void *ud)
{
	(void)handle;
	(void)f;
	(void)ud;
}

static bool is_settled(uint32_t old)
{
	(void)old;
	return true;
}

static void call_alone(unsigned id, char ret_text[MOVE_CALLED_MAX])
{
	snprintf(ret_text, MOVE_CALLED_MAX, "harbor %u", id);
}

static const struct move_ops nothing = {
	.relay = relay_nowhere,
	.find = find_nothing,
	.adopted = adopt_nothing,
	.left = leave_nowhere,
	.finish = finish_nothing,
	.finished = is_settled,
	.now = same,
	.settled = is_settled,
	.draining = tell_nobody,
	.targets = no_targets,
	.drainers = no_drainers,
	.node = no_node,
	.called = call_alone,
	.names = no_names,
};

static const struct move_ops *current = &nothing; /* constant while services run */
static atomic_bool drained;			  /* the same */
static atomic_bool draining;			  /* relaxed: a lone value */

void move_set(const struct move_ops *ops)
{
	current = ops ? ops : &nothing;
}

const struct move_ops *move_get(void)
{
	return current;
}

bool move_is_draining(void)
{
	return atomic_load_explicit(&draining, memory_order_relaxed);
}

bool move_set_draining(bool on)
{
	if (atomic_exchange_explicit(&draining, on, memory_order_relaxed) == on)
		return false;
	if (on)
		log_event(drain_begun, NULL, "draining: the node takes nothing new");
	else
		log_event(drain_undone, NULL, "draining: no more, the node takes new work again");
	current->draining(on);
	return true;
}

bool move_is_drained(void)
{
	return move_is_draining() && atomic_load_explicit(&drained, memory_order_relaxed);
}

void move_set_drained(bool on)
{
	if (!atomic_exchange_explicit(&drained, on, memory_order_relaxed) && on)
		log_event(drain_ended, NULL, "drained: nothing is left that can move");
}
