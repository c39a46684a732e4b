/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Handle storage: which service has which handle, without a lock for whoever only looks.
 *
 * The table is an array of pointers, slot = index & (capacity - 1), doubled when three quarters are
 * taken; old arrays are kept until the end (their sum is less than the current one), so
 * a reader may hold any of them. A struct service is recycled but never unmapped (slab.h). A reader
 * therefore needs no lock: it loads the array, loads the slot, compares the handle, and pushes.
 * What can go wrong in between is harmless: the service is gone (its mailbox is closed, or zeros,
 * which is the same) or another one lives there now (its owner sees that msg->dest is not its own
 * handle and bounces the message).
 *
 * Ordering  T1 store(table) release / load(table) acquire: the new array is filled.
 *           T2 store(slot) release / load(slot) acquire: the service is set up.
 *           R1 refs: acquire-release on the last decrement, so that recycling comes after every
 *              use.
 * Limits    2^24 - 1 services. An index is given out again only after the counter went round.
 * Lives     Indices 1 to 3 belong to the same three services in every life of a node: the logger,
 *           the bootstrap service, `.daemon`. All others come from the counter, which in a cluster
 *           goes on where the node's last life ended (handle_begin): a handle of an earlier life
 *           finds nobody.
 */
#include <stdatomic.h>
#include "core/base/base.h"
#include "core/actor/service.h"

#define HANDLE_INDEX_MAX 0xffffffu
/* The first index that the counter gives out, and how many there are before it comes round. */
#define HANDLE_FIRST 4u
#define HANDLE_RING (HANDLE_INDEX_MAX - HANDLE_FIRST + 1)
/* remote_ops.births is told each time that so many indices are used up. */
#define HANDLE_BIRTHS_STEP 256u

struct handle_table {
	struct handle_table *older;
	uint32_t capacity;
	_Atomic(struct service *) slots[];
};

extern _Atomic(struct handle_table *) handle_table;
extern atomic_uint handle_harbor_bits; /* harbor id << 24 */

/* Start and stop of the table. harbor: id of this node, 0 = single node. */
void handle_init(unsigned harbor);
void handle_fini(void);
/* Where the next handle is looked for, 1 .. 2^24 - 1, for tests of the wrap-around. */
void handle_set_next(uint32_t index);
/* The very next service gets this index if it is free; the counter does not move. For the boot. */
void handle_set_once(uint32_t index);
/* The counter begins at this index, HANDLE_FIRST .. HANDLE_INDEX_MAX, and goes round from there.
 * Once, before the first ordinary service. */
void handle_begin(uint32_t index);
/* Indices that the counter has used up in this life. Any thread. */
uint64_t handle_births(void);
/* The harbor id of this node. An `auto` node learns it before its first service is launched: only
 * then may it be set. */
void handle_set_harbor(unsigned harbor);

/* Memory for a service: as its last service left it, or zeros. Any thread. */
struct service *handle_alloc(void);
/* Gives memory that no service uses back to the system. Any thread. */
void handle_trim(void);

/* Gives s a handle and makes it findable. 0: the table is full. Any thread. */
uint32_t handle_register(struct service *s);
/* true: this call took it out. Any thread. */
bool handle_unregister(uint32_t handle);

/* ---- references ---- */

/* A reference to a live service, or NULL. Give it back with service_unref. Any thread. */
struct service *service_grab(uint32_t handle);
void service_unref(struct service *s);

/* Calls f for every live service (a snapshot; holds a reference around each call). Any thread. */
void service_foreach(void (*f)(struct service *s, void *ud), void *ud);

/* The harbor id of this node, 0 = single node. Any thread. */
unsigned service_harbor(void);

/* relaxed: written before the first service exists; the launch orders it for everybody else */
static inline uint32_t handle_local_bits(void)
{
	return atomic_load_explicit(&handle_harbor_bits, memory_order_relaxed);
}

/* Whether the handle is one of this node's; 0 is. Any thread. */
static inline bool handle_is_local(uint32_t handle)
{
	return (handle & ~HANDLE_INDEX_MAX) == handle_local_bits() || handle <= HANDLE_INDEX_MAX;
}

/* The service of a local handle, or NULL. Without a reference: fit to push into, see above. Any
 * thread. */
static inline struct service *handle_lookup(uint32_t handle)
{
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_acquire); /* T1 */
	struct service *s;

	if (unlikely(!t))
		return NULL;
	s = atomic_load_explicit(&t->slots[handle & HANDLE_INDEX_MAX & (t->capacity - 1)],
				 memory_order_acquire); /* T2 */
	/* acquire: a recycled slot's new handle comes after its set-up */
	if (!s || atomic_load_explicit(&s->handle, memory_order_acquire) != handle)
		return NULL;
	return s;
}
