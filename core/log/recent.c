/* SPDX-License-Identifier: MIT */
/* The last lines: the writer does not free what it has written but puts it here, so they cost no
 * copy. */
#include "core/log/recent.h"

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/ds/list.h"

static struct lock lock = LOCK_INIT(recent);
/* [lock] */
static LIST_OF(struct line) lines;
static size_t bytes;
static uint64_t last;

/* The beginning of a long line, with how much is missing. */
static struct line *shorten(struct line *l_take)
{
	struct log_record r = l_take->r;
	struct line *l;

	r.size = RECENT_LINE_MAX;
	l = line_create(&r);
	mem_free(l_take);
	return l;
}

static void drop_first_locked(void)
{
	struct line *l = list_take(&lines, next);

	lock_held(&lock);
	bytes -= l->bytes;
	mem_free(l);
}

void recent_keep(struct line *l)
{
	if (l->r.size > RECENT_LINE_MAX)
		l = shorten(l);
	lock_take(&lock);
	l->number = ++last;
	l->next = NULL;
	bytes += l->bytes;
	list_append(&lines, l, next);
	while (bytes > RECENT_BYTES)
		drop_first_locked();
	lock_release(&lock);
}

uint64_t recent_read(uint64_t after, recent_fn f, void *ud)
{
	const struct line *l;
	uint64_t missing;

	lock_take(&lock);
	l = lines.first;
	missing = l && l->number > after + 1 ? l->number - after - 1 : 0;
	for (; l; l = l->next)
		if (l->number > after && !f(ud, l))
			break;
	lock_release(&lock);
	return missing;
}

uint64_t recent_last(void)
{
	uint64_t n;

	lock_take(&lock);
	n = last;
	lock_release(&lock);
	return n;
}

void recent_clear(void)
{
	lock_take(&lock);
	while (!list_is_empty(&lines))
		drop_first_locked();
	lock_release(&lock);
}
