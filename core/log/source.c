/* SPDX-License-Identifier: MIT */
/* Levels and names of sources: see source.h.
 *
 * `least` is the lowest level of all, exceptions included: what is below it nobody wants, and that
 * is nearly all that is asked. */
#include "core/log/source.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/lock.h"
#include "core/base/must.h"

/* Relaxed everywhere: lone values, and a line that is made while they change may follow the old
 * ones or the new ones. Without exceptions `least` is the level of all. */
static atomic_int level_of_all = LOG_LEVEL_INFO, least = LOG_LEVEL_INFO;
static atomic_bool some; /* exceptions */

static struct lock lock = LOCK_INIT(levels);
/* [lock] */
static struct log_exception exceptions[LOG_LEVELS_MAX];
static size_t count;

static log_namer find_name;

static const char *const level_names[] = { "debug", "info", "warning", "error" };

const char *log_level_name(enum log_level level)
{
	return (size_t)level < array_len(level_names) ? level_names[level] : "?";
}

int log_level_parse(const char *name)
{
	for (size_t i = 0; i < array_len(level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			return (int)i;
	return -1;
}

void log_set_namer(log_namer namer)
{
	find_name = namer;
}

void log_name_of(uint32_t source, char ret[LOG_NAME_MAX])
{
	*ret = 0;
	if (source && find_name)
		find_name(source, ret);
}

/* ---- levels ---- */

static void find_least_locked(void)
{
	int l = atomic_load_explicit(&level_of_all, memory_order_relaxed);

	lock_held(&lock);
	for (size_t i = 0; i < count; i++)
		if ((int)exceptions[i].level < l)
			l = (int)exceptions[i].level;
	atomic_store_explicit(&least, l, memory_order_relaxed);
	atomic_store_explicit(&some, count > 0, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
	must((size_t)level < array_len(level_names));
	lock_take(&lock);
	atomic_store_explicit(&level_of_all, (int)level, memory_order_relaxed);
	find_least_locked();
	lock_release(&lock);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&level_of_all, memory_order_relaxed);
}

static struct log_exception *find_locked(uint32_t handle, const char *name)
{
	lock_held(&lock);
	for (size_t i = 0; i < count; i++)
		if (exceptions[i].handle == handle &&
		    (handle || strcmp(exceptions[i].name, name) == 0))
			return &exceptions[i];
	return NULL;
}

bool log_except(const struct log_exception *e)
{
	struct log_exception *to;

	must((size_t)e->level < array_len(level_names));
	lock_take(&lock);
	to = find_locked(e->handle, e->name);
	if (!to && count < LOG_LEVELS_MAX)
		to = &exceptions[count++];
	if (to)
		*to = *e;
	find_least_locked();
	lock_release(&lock);
	return to;
}

bool log_except_no_more(const struct log_exception *e)
{
	struct log_exception *old;

	lock_take(&lock);
	old = find_locked(e->handle, e->name);
	if (old)
		*old = exceptions[--count];
	find_least_locked();
	lock_release(&lock);
	return old;
}

size_t log_exceptions(struct log_exception ret[LOG_LEVELS_MAX])
{
	size_t n;

	lock_take(&lock);
	n = count;
	memcpy(ret, exceptions, n * sizeof(*ret));
	lock_release(&lock);
	return n;
}

/* With exceptions, for a level that somebody may want. */
static noinline int level_of(uint32_t source)
{
	char name[LOG_NAME_MAX];
	struct log_exception *e;
	int level;

	log_name_of(source, name);
	lock_take(&lock);
	e = source ? find_locked(source, "") : NULL;
	if (!e && *name)
		e = find_locked(0, name);
	level = e ? (int)e->level : atomic_load_explicit(&level_of_all, memory_order_relaxed);
	lock_release(&lock);
	return level;
}

bool log_wants(enum log_level level, uint32_t source)
{
	if ((int)level < atomic_load_explicit(&least, memory_order_relaxed))
		return false;
	return !atomic_load_explicit(&some, memory_order_relaxed) || (int)level >= level_of(source);
}
