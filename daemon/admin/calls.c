/* SPDX-License-Identifier: MIT */
/* Who calls whom: the pairs of core/actor/calls.h, the busiest first. */
#include "daemon/admin/calls.h"

#include <stdlib.h>
#include <string.h>

#include "core/actor/calls.h"
#include "core/actor/send.h"
#include "core/actor/tally.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

struct pairs {
	struct calls_pair *items;
	size_t n, capacity;
	const char *title; /* only pairs with this one; NULL: all */
};

static const char *title_of(unsigned tally)
{
	return tally_at(tally)->name;
}

static void note_pair(const struct calls_pair *p, void *ud)
{
	struct pairs *l = ud;

	if (l->title && strcmp(title_of(p->caller), l->title) != 0 &&
	    strcmp(title_of(p->callee), l->title) != 0)
		return;
	if (l->n == l->capacity) {
		l->capacity = l->capacity ? l->capacity * 2 : 16;
		l->items = mem_realloc(l->items, l->capacity * sizeof(*l->items));
	}
	l->items[l->n++] = *p;
}

static int busiest_first(const void *a, const void *b)
{
	uint64_t x = calls_measured(a), y = calls_measured(b);

	return (x < y) - (x > y);
}

static double seconds(uint64_t units)
{
	return (double)calls_ns(units) / 1e9;
}

static void add_pair(struct json *j, const struct calls_pair *p)
{
	uint64_t calls = calls_measured(p);

	json_object(j, NULL);
	json_string(j, "caller", title_of(p->caller));
	json_string(j, "callee", title_of(p->callee));
	json_uint(j, "calls", calls);
	json_uint(j, "errors", p->errors);
	json_double(j, "mean_seconds", calls ? seconds(p->sum / calls) : 0);
	json_double(j, "p50_seconds", seconds(calls_quantile(p, 0.5)));
	json_double(j, "p99_seconds", seconds(calls_quantile(p, 0.99)));
	json_double(j, "max_seconds", seconds(p->max));
	json_object_end(j);
}

/* A title, or the address of a service, which stands for its title. */
static const char *wanted(const char *word)
{
	uint32_t handle = *word == ':' || *word == '.' ? service_find(word) : 0;

	return handle ? title_of(tally_of_handle(handle)) : word;
}

enum result run_calls(struct request *r)
{
	struct pairs l = { .title = r->n ? wanted(r->args[0]) : NULL };

	calls_foreach(note_pair, &l);
	if (l.n)
		qsort(l.items, l.n, sizeof(*l.items), busiest_first);
	json_object(&r->j, NULL);
	json_array(&r->j, "calls");
	for (size_t i = 0; i < l.n; i++)
		add_pair(&r->j, &l.items[i]);
	json_array_end(&r->j);
	json_object_end(&r->j);
	mem_free(l.items);
	return DONE;
}
