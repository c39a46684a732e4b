/* SPDX-License-Identifier: MIT */
/* Events: see event.h. A ring is made when its kind first happens: most never do. */
#include "core/log/event.h"

#include <stdio.h>
#include <string.h>

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"

static const struct {
	const char *name, *id;
	enum log_level level;
} kinds[LOG_EVENTS] = {
	{ "", "", LOG_LEVEL_INFO },
#define EVENT(name, level, id, meaning) { #name, id, LOG_LEVEL_##level },
#include "core/log/events.def"
#undef EVENT
};

static struct lock lock = LOCK_INIT(events);
/* [lock] */
static struct ring {
	struct event *events; /* EVENT_KEPT of them; NULL: it never happened */
	uint64_t added;	      /* number n is in place n % EVENT_KEPT */
} rings[LOG_EVENTS];
static uint64_t numbers, pushed_out;

const char *event_name(enum log_event kind)
{
	must((unsigned)kind < LOG_EVENTS);
	return kinds[kind].name;
}

const char *event_id(enum log_event kind)
{
	must((unsigned)kind < LOG_EVENTS);
	return kinds[kind].id;
}

enum log_level event_level(enum log_event kind)
{
	must((unsigned)kind < LOG_EVENTS);
	return kinds[kind].level;
}

enum log_event event_parse(const char *name)
{
	for (unsigned i = LOG_EVENT_none + 1; i < LOG_EVENTS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (enum log_event)i;
	return LOG_EVENT_none;
}

static bool is_old(const struct event *e, uint64_t now)
{
	return now - e->mono_ns > EVENT_AGE_NS;
}

/* The place for the next event of that kind. */
static struct event *room_locked(struct ring *r, uint64_t now)
{
	struct event *e;

	lock_held(&lock);
	if (!r->events)
		r->events = mem_zalloc(EVENT_KEPT * sizeof(*r->events));
	e = &r->events[r->added % EVENT_KEPT];
	if (r->added >= EVENT_KEPT && !is_old(e, now))
		pushed_out++;
	r->added++;
	return e;
}

void event_add(enum log_event kind, uint32_t source, const char *peer, const char *text,
	       size_t size)
{
	uint64_t now = clock_mono_ns();
	size_t n = size < EVENT_TEXT ? size : EVENT_TEXT - 1;
	struct event *e;

	must(kind > LOG_EVENT_none && kind < LOG_EVENTS);
	lock_take(&lock);
	e = room_locked(&rings[kind], now);
	*e = (struct event){ .number = ++numbers,
			     .wall_ns = clock_wall_ns(),
			     .mono_ns = now,
			     .kind = kind,
			     .source = source };
	snprintf(e->peer, sizeof(e->peer), "%s", peer ? peer : "");
	memcpy(e->text, text, n);
	e->text[n] = 0;
	lock_release(&lock);
}

/* ---- reading ---- */

struct wish {
	uint64_t after, since_ns, now;
};

static bool is_wanted(const struct event *e, const struct wish *w)
{
	return e->number > w->after && e->wall_ns >= w->since_ns && !is_old(e, w->now);
}

/* The first of a ring that is wanted; NULL: none. */
static const struct event *first_locked(const struct ring *r, const struct wish *w)
{
	uint64_t i = r->added > EVENT_KEPT ? r->added - EVENT_KEPT : 0;

	lock_held(&lock);
	for (; i < r->added; i++)
		if (is_wanted(&r->events[i % EVENT_KEPT], w))
			return &r->events[i % EVENT_KEPT];
	return NULL;
}

bool event_next(uint64_t after, uint64_t since_ns, struct event *ret)
{
	const struct wish w = { after, since_ns, clock_mono_ns() };
	const struct event *best = NULL;

	lock_take(&lock);
	for (unsigned k = 0; k < LOG_EVENTS; k++) {
		const struct event *e = first_locked(&rings[k], &w);

		if (e && (!best || e->number < best->number))
			best = e;
	}
	if (best)
		*ret = *best;
	lock_release(&lock);
	return best;
}

uint64_t event_pushed_out(void)
{
	uint64_t n;

	lock_take(&lock);
	n = pushed_out;
	lock_release(&lock);
	return n;
}

uint64_t event_last(void)
{
	uint64_t n;

	lock_take(&lock);
	n = numbers;
	lock_release(&lock);
	return n;
}
