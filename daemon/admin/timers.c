/* SPDX-License-Identifier: MIT */
/* harborctl timers: pending ones by the service that waits for them. */
#include "daemon/admin/timers.h"

#include "core/base/clock.h"
#include "core/ds/best.h"
#include "core/ds/table.h"
#include "core/sched/timeout.h"
#include "daemon/admin/listing.h"
#include "daemon/admin/naming.h"

/* So many are looked at: more would hold up those who arm timers. */
#define LOOKED_MAX (UINT64_C(1) << 20)

static const char keys[] = "--sort takes one of: timers next_seconds longest_seconds";

struct waiter {
	uint32_t handle; /* first: the key of the table */
	uint64_t timers, next_ns, longest_ns;
};

struct row {
	struct best_entry entry;
	struct waiter waiter;
};

struct look {
	struct table waiters;
	struct waiter own; /* of the node itself */
	uint32_t owner;
	uint64_t looked;
};

static bool note(const struct timer *t, void *ud)
{
	uint64_t deadline = t->entry.tick * TIMER_TICK_NS;
	struct look *l = ud;
	uint32_t handle = service_timeout_owner(t);
	struct waiter *w = &l->own;

	if (l->looked == LOOKED_MAX)
		return true;
	l->looked++;
	if (l->owner && handle != l->owner)
		return false;
	if (handle)
		w = table_add(&l->waiters, handle);
	if (!w->timers++ || deadline < w->next_ns)
		w->next_ns = deadline;
	if (deadline > w->longest_ns)
		w->longest_ns = deadline;
	return false;
}

static double figure(const struct waiter *w, unsigned sort)
{
	/* soonest first: that is who will be busy */
	const double figures[] = { (double)w->timers, -(double)w->next_ns, (double)w->longest_ns };

	return figures[sort];
}

static void add(struct best *rows, const struct waiter *w, unsigned sort)
{
	struct row row = { .entry.key = figure(w, sort), .waiter = *w };

	if (w->timers)
		best_add(rows, &row.entry);
}

/* One that is due already is a worker's next work. */
static uint64_t until(uint64_t deadline, uint64_t now)
{
	return deadline > now ? deadline - now : 0;
}

static void write_row(struct json *j, const struct naming *names, const struct waiter *w,
		      uint64_t now)
{
	json_object(j, NULL);
	json_uint(j, "timers", w->timers);
	json_seconds(j, "next_seconds", until(w->next_ns, now));
	json_seconds(j, "longest_seconds", until(w->longest_ns, now));
	if (w->handle) {
		naming_json(names, j, w->handle, NULL);
	} else {
		json_null(j, "handle");
		json_string(j, "name", "");
		json_string(j, "service", "harbord");
	}
	json_object_end(j);
}

static void write_rows(struct json *j, struct best *rows, const struct look *l)
{
	uint64_t now = clock_mono_ns(), left = l->waiters.count + (l->own.timers != 0);
	struct naming names;

	naming_init(&names);
	json_object(j, NULL);
	json_array(j, "timers");
	for (size_t i = 0; i < rows->count; i++)
		write_row(j, &names, &((const struct row *)best_at(rows, i))->waiter, now);
	json_array_end(j);
	json_uint(j, "left_off", left - rows->count);
	json_object_end(j);
	naming_fini(&names);
}

enum result run_timers(struct request *r)
{
	struct look l = { .waiters = table_of(sizeof(struct waiter)) };
	const struct waiter *w;
	struct listing wanted;
	const char *why = listing_parse(r, keys, &wanted);
	struct best rows;

	if (why)
		return request_fail(r, why);
	l.owner = wanted.owner;
	timer_look(note, &l);
	rows = best_of(wanted.limit, sizeof(struct row));
	add(&rows, &l.own, wanted.sort);
	for (size_t at = 0; (w = table_next(&l.waiters, &at));)
		add(&rows, w, wanted.sort);
	best_sort(&rows);
	write_rows(&r->j, &rows, &l);
	best_fini(&rows);
	table_fini(&l.waiters);
	return DONE;
}
