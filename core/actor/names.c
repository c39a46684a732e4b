/* SPDX-License-Identifier: MIT */
/* Local names: see names.h. Few services have a name and every service ends, so a counter of names
 * per low handle bits tells most removals that there is nothing to look for. */
#include "core/actor/names.h"

#include <errno.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/must.h"
#include "core/ds/map.h"

#define BUCKETS 4096u

static struct rwlock lock = RWLOCK_INIT(names);
static struct map names;
/* Written under the lock; read before it: the remover's own registrations come before. */
static atomic_uint owned[BUCKETS];

int names_register(const char *name, uint32_t handle)
{
	struct map_item *i;

	must(name && handle);
	rwlock_write(&lock);
	i = map_add(&names, name);
	if (i) {
		i->number = handle;
		i->stamp = clock_wall_ns();
		/* release, paired with the acquire in names_remove_handle */
		atomic_fetch_add_explicit(&owned[handle % BUCKETS], 1, memory_order_release);
	}
	rwlock_release(&lock);
	return i ? 0 : -EEXIST;
}

uint32_t names_find(const char *name)
{
	struct map_item *i;
	uint32_t handle;

	rwlock_read(&lock);
	i = map_find(&names, name);
	handle = i ? i->number : 0;
	rwlock_release(&lock);
	return handle;
}

void names_remove_handle(uint32_t handle)
{
	if (atomic_load_explicit(&owned[handle % BUCKETS], memory_order_acquire) == 0)
		return;
	rwlock_write(&lock);
	for (size_t i = names.count; i-- > 0;)
		if (names.items[i].number == handle) {
			map_remove(&names, &names.items[i]);
			atomic_fetch_sub_explicit(&owned[handle % BUCKETS], 1,
						  memory_order_release);
		}
	rwlock_release(&lock);
}

void names_foreach(void (*f)(const char *name, uint32_t handle, uint64_t since, void *ud), void *ud)
{
	rwlock_read(&lock);
	for (size_t i = 0; i < names.count; i++)
		f(names.items[i].key, names.items[i].number, names.items[i].stamp, ud);
	rwlock_release(&lock);
}

void names_fini(void)
{
	rwlock_write(&lock);
	map_fini(&names);
	for (unsigned i = 0; i < BUCKETS; i++)
		atomic_store_explicit(&owned[i], 0, memory_order_relaxed); /* under the lock */
	rwlock_release(&lock);
}
