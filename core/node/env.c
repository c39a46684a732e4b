/* SPDX-License-Identifier: MIT */
/* Environment of the node: see env.h. Values are never changed or freed before env_fini, so they
 * can be handed out without a copy. */
#include "core/node/env.h"
#include "core/base/lock.h"

#include <errno.h>

#include "core/ds/map.h"
#include "core/base/mem.h"
#include "core/base/must.h"

static struct rwlock lock = RWLOCK_INIT(env);
static struct map values;

const char *env_get(const char *key)
{
	struct map_item *i;
	const char *value;

	rwlock_read(&lock);
	i = map_find(&values, key);
	value = i ? i->text : NULL;
	rwlock_release(&lock);
	return value;
}

int env_set(const char *key, const char *value)
{
	struct map_item *i;

	must(key && value);
	rwlock_write(&lock);
	i = map_add(&values, key);
	if (i)
		i->text = mem_strdup(value);
	rwlock_release(&lock);
	return i ? 0 : -EEXIST;
}

void env_foreach(void (*f)(const char *key, const char *value, void *ud), void *ud)
{
	rwlock_read(&lock);
	for (size_t i = 0; i < values.count; i++)
		f(values.items[i].key, values.items[i].text, ud);
	rwlock_release(&lock);
}

void env_fini(void)
{
	rwlock_write(&lock);
	map_fini(&values);
	rwlock_release(&lock);
}
