/* SPDX-License-Identifier: MIT */
/* Environment of the node: see env.h. Values are never changed or freed before env_fini, so they can
 * be handed out without a copy. */
#include "core/base/env.h"

#include <errno.h>
#include <pthread.h>

#include "core/ds/map.h"
#include "core/base/mem.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* LOCK_ENV */
static struct map values;

const char *env_get(const char *key)
{
	struct map_item *i;
	const char *value;

	pthread_rwlock_rdlock(&lock);
	i = map_find(&values, key);
	value = i ? i->text : NULL;
	pthread_rwlock_unlock(&lock);
	return value;
}

int env_set(const char *key, const char *value)
{
	struct map_item *i;

	pthread_rwlock_wrlock(&lock);
	i = map_add(&values, key);
	if (i)
		i->text = mem_strdup(value);
	pthread_rwlock_unlock(&lock);
	return i ? 0 : -EEXIST;
}

void env_foreach(void (*f)(const char *key, const char *value, void *ud), void *ud)
{
	pthread_rwlock_rdlock(&lock);
	for (size_t i = 0; i < values.count; i++)
		f(values.items[i].key, values.items[i].text, ud);
	pthread_rwlock_unlock(&lock);
}

void env_fini(void)
{
	pthread_rwlock_wrlock(&lock);
	map_fini(&values);
	pthread_rwlock_unlock(&lock);
}
