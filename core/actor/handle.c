/* SPDX-License-Identifier: MIT */
/* Handle storage: see handle.h. Whoever changes the table holds the lock; readers never do,
 * which is why a table that was outgrown is kept, and a struct service is never unmapped. */
#include "core/actor/handle.h"

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/actor/remote.h"
#include "core/base/must.h"
#include "core/ds/slab.h"

#define INITIAL_CAPACITY 256u

_Atomic(struct handle_table *) handle_table;
atomic_uint handle_harbor_bits;

static struct {
	struct lock lock; /* the table for writers, and what is below */
	uint32_t count;
	uint32_t next_index, first_index;
	uint32_t once; /* 0 = none */
	/* Written under the lock; relaxed, for who only looks wants a number that is nearly right.
	 */
	atomic_uint_least64_t births;
} H = { .lock = LOCK_INIT(handles) };

static struct slab_pool services = SLAB_POOL(struct service, free_next);

static struct handle_table *table_create(uint32_t capacity, struct handle_table *older)
{
	struct handle_table *t = mem_zalloc(sizeof(*t) + capacity * sizeof(t->slots[0]));

	t->capacity = capacity;
	t->older = older;
	return t;
}

void handle_init(unsigned harbor)
{
	handle_set_harbor(harbor);
	H.next_index = H.first_index = 1;
	H.once = 0;
	H.count = 0;
	atomic_store_explicit(&H.births, 0, memory_order_relaxed);
	atomic_store_explicit(&handle_table, table_create(INITIAL_CAPACITY, NULL),
			      memory_order_release);
}

void handle_fini(void)
{
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_acquire);

	while (t) {
		struct handle_table *older = t->older;

		mem_free(t);
		t = older;
	}
	atomic_store_explicit(&handle_table, NULL, memory_order_release);
	slab_fini(&services);
}

void handle_set_next(uint32_t index)
{
	must(index >= 1 && index <= HANDLE_INDEX_MAX);
	lock_take(&H.lock);
	H.next_index = index;
	lock_release(&H.lock);
}

void handle_set_once(uint32_t index)
{
	must(index >= 1 && index <= HANDLE_INDEX_MAX);
	lock_take(&H.lock);
	H.once = index;
	lock_release(&H.lock);
}

void handle_begin(uint32_t index)
{
	must(index >= HANDLE_FIRST && index <= HANDLE_INDEX_MAX);
	lock_take(&H.lock);
	H.next_index = index;
	H.first_index = HANDLE_FIRST;
	lock_release(&H.lock);
}

uint64_t handle_births(void)
{
	return atomic_load_explicit(&H.births, memory_order_relaxed);
}

void handle_set_harbor(unsigned harbor)
{
	must(harbor <= 255);
	atomic_store_explicit(&handle_harbor_bits, (uint32_t)harbor << 24, memory_order_relaxed);
}

unsigned service_harbor(void)
{
	return handle_local_bits() >> 24;
}

struct service *handle_alloc(void)
{
	struct service *s = slab_alloc(&services);

	if (!s)
		mem_exhausted(sizeof(*s));
	return s;
}

void handle_trim(void)
{
	slab_trim(&services);
}

static void grow_locked(struct handle_table *old)
{
	struct handle_table *t = table_create(old->capacity * 2, old);

	lock_held(&H.lock);
	for (uint32_t i = 0; i < old->capacity; i++) {
		/* relaxed: slots change under the lock only */
		struct service *s = atomic_load_explicit(&old->slots[i], memory_order_relaxed);

		if (s)
			atomic_store_explicit(&t->slots[service_handle(s) & (t->capacity - 1)], s,
					      memory_order_relaxed);
	}
	atomic_store_explicit(&handle_table, t, memory_order_release); /* T1 */
}

static uint32_t next_index_locked(void)
{
	uint32_t index = H.once;

	lock_held(&H.lock);
	if (index) {
		H.once = 0;
		return index;
	}
	index = H.next_index;
	H.next_index = index == HANDLE_INDEX_MAX ? H.first_index : index + 1;
	/* relaxed: the lock orders the writers */
	atomic_fetch_add_explicit(&H.births, 1, memory_order_relaxed);
	return index;
}

uint32_t handle_register(struct service *s)
{
	uint64_t before, after;
	uint32_t handle = 0;

	must(atomic_load_explicit(&s->refs, memory_order_relaxed) > 0);
	lock_take(&H.lock);
	before = handle_births();
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_relaxed);

	if (H.count >= t->capacity / 4 * 3 && t->capacity < HANDLE_INDEX_MAX) {
		grow_locked(t);
		t = atomic_load_explicit(&handle_table, memory_order_relaxed);
	}
	for (uint32_t tries = 0; tries <= t->capacity && H.count < HANDLE_INDEX_MAX; tries++) {
		uint32_t index = next_index_locked();
		_Atomic(struct service *) *slot = &t->slots[index & (t->capacity - 1)];

		if (atomic_load_explicit(slot, memory_order_relaxed))
			continue;
		handle = handle_local_bits() | index;
		atomic_store_explicit(&s->handle, handle, memory_order_release);
		atomic_store_explicit(slot, s, memory_order_release); /* T2 */
		H.count++;
		break;
	}
	after = handle_births();
	lock_release(&H.lock);
	if (unlikely(before / HANDLE_BIRTHS_STEP != after / HANDLE_BIRTHS_STEP))
		remote_get()->births();
	return handle;
}

bool handle_unregister(uint32_t handle)
{
	bool found = false;

	lock_take(&H.lock);
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_relaxed);
	_Atomic(struct service *) *slot = &t->slots[handle & HANDLE_INDEX_MAX & (t->capacity - 1)];
	struct service *s = atomic_load_explicit(slot, memory_order_relaxed);

	if (s && service_handle(s) == handle) {
		/* Every older array as well, or a recycled struct would be found under two
		 * slots. */
		for (; t; t = t->older) {
			slot = &t->slots[handle & HANDLE_INDEX_MAX & (t->capacity - 1)];
			if (atomic_load_explicit(slot, memory_order_relaxed) == s)
				atomic_store_explicit(slot, NULL, memory_order_release);
		}
		H.count--;
		found = true;
	}
	lock_release(&H.lock);
	return found;
}

/* ---- references ---- */

struct service *service_grab(uint32_t handle)
{
	struct service *s = handle_lookup(handle);
	unsigned refs;

	if (!s)
		return NULL;
	refs = atomic_load_explicit(&s->refs, memory_order_relaxed); /* the CAS decides */
	do {
		if (refs == 0)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(
		&s->refs, &refs, refs + 1, memory_order_acq_rel, memory_order_relaxed)); /* R1 */
	/* It may have been recycled before we had the reference. */
	if (atomic_load_explicit(&s->handle, memory_order_acquire) != handle) {
		service_unref(s);
		return NULL;
	}
	return s;
}

void service_unref(struct service *s)
{
	must_slow(atomic_load_explicit(&s->refs, memory_order_relaxed) > 0);
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) /* R1 */
		return;
	/* Only now: people who list services read them, and hold no more than a reference. */
	mem_free(s->args);
	mem_free(s->command_result);
	s->args = s->command_result = NULL;
	atomic_store_explicit(&s->handle, 0, memory_order_release);
	slab_free(&services, s);
}

void service_foreach(void (*f)(struct service *s, void *ud), void *ud)
{
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_acquire);

	must(f);
	for (uint32_t i = 0; t && i < t->capacity; i++) {
		/* T2 */
		struct service *s = atomic_load_explicit(&t->slots[i], memory_order_acquire);
		uint32_t handle = s ? atomic_load_explicit(&s->handle, memory_order_acquire) : 0;

		s = handle ? service_grab(handle) : NULL;
		if (s) {
			f(s, ud);
			service_unref(s);
		}
	}
}
