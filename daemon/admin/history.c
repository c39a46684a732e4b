/* SPDX-License-Identifier: MIT */
/* Events and lines, piece by piece: see history.h. */
#include "daemon/admin/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/event.h"
#include "core/log/recent.h"
#include "core/log/format.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

struct wish {
	uint64_t after;	   /* the number of the last one that is known */
	uint64_t since_ns; /* on the wall clock */
	uint64_t last;	   /* so many at most, the newest */
};

/* Which life of the node a cursor is of: when somebody first asked, and its process. */
static uint64_t life(void)
{
	/* relaxed: a lone number; who comes first chooses it, the loop or `.daemon` */
	static atomic_uint_least64_t chosen;
	uint64_t none = 0;

	(void)atomic_compare_exchange_strong_explicit(&chosen, &none,
						      clock_wall_ns() / NS_PER_US << 16 ^
							      (uint64_t)getpid(),
						      memory_order_relaxed, memory_order_relaxed);
	return atomic_load_explicit(&chosen, memory_order_relaxed);
}

static unsigned own_id(void)
{
	return info_get()->cluster ? harbor_id() : 0;
}

/* ---- the question ---- */

/* The number behind "ID:LIFE:" of this node; 0: it is not there, or not of this life. */
static uint64_t find_cursor(const char *p)
{
	unsigned id;
	uint64_t of_life, number;

	for (; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (sscanf(p, "%u:%" SCNx64 ":%" SCNu64, &id, &of_life, &number) == 3 &&
		    id == own_id() && of_life == life())
			return number;
	return 0;
}

static bool read_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *ret < UINT32_MAX;
}

static bool read_wish(const struct request *r, struct wish *ret)
{
	uint64_t seconds = 0, now = clock_wall_ns();

	*ret = (struct wish){ .last = UINT64_MAX };
	for (unsigned i = 0; i < r->n; i += 2) {
		const char *value = i + 1 < r->n ? r->args[i + 1] : "";

		if (strcmp(r->args[i], "--after") == 0)
			ret->after = find_cursor(value);
		else if (strcmp(r->args[i], "--last") == 0 && read_number(value, &ret->last))
			continue;
		else if (strcmp(r->args[i], "--since") == 0 && read_number(value, &seconds))
			ret->since_ns = seconds < now / NS_PER_SEC ? now - seconds * NS_PER_SEC : 0;
		else
			return false;
	}
	return true;
}

/* ---- the answer ---- */

static void begin(struct json *j, const char *list)
{
	json_object(j, NULL);
	json_string(j, "node", info_get()->node);
	json_uint(j, "harbor", own_id());
	json_uint(j, "clock_time_seconds", clock_wall_ns() / NS_PER_SEC);
	json_array(j, list);
}

static void end(struct json *j, uint64_t number, bool more, uint64_t missing)
{
	json_array_end(j);
	json_printf(j, "cursor", "%u:%" PRIx64 ":%" PRIu64, own_id(), life(), number);
	json_bool(j, "more", more);
	json_uint(j, "missing", missing);
	json_object_end(j);
}

static void add_event(struct json *j, const struct event *e)
{
	json_object(j, NULL);
	logformat_json_time(j, "time", e->wall_ns);
	json_string(j, "node", info_get()->node);
	json_string(j, "event", event_name(e->kind));
	json_string(j, "peer", e->peer);
	if (e->source)
		json_handle(j, "handle", e->source);
	json_string(j, "message", e->text);
	json_object_end(j);
}

/* So that `last` of those that are wanted are left. */
static uint64_t skip_events(const struct wish *w)
{
	uint64_t at = w->after, n = 0;
	struct event e;

	while (event_next(at, w->since_ns, &e)) {
		at = e.number;
		n++;
	}
	for (at = w->after; n > w->last && event_next(at, w->since_ns, &e); n--)
		at = e.number;
	return at;
}

enum result run_events(struct request *r)
{
	struct wish w;
	struct event e;
	uint64_t at;
	bool more = false;

	if (!read_wish(r, &w))
		return request_fail(r, "usage: events [--after CURSORS] [--since SECONDS] "
				       "[--last N]");
	at = w.last == UINT64_MAX ? w.after : skip_events(&w);
	begin(&r->j, "events");
	while (!more && event_next(at, w.since_ns, &e)) {
		add_event(&r->j, &e);
		at = e.number;
		more = r->j.text.size > HISTORY_BYTES;
	}
	end(&r->j, at, more, 0);
	return DONE;
}

struct reading {
	struct json *j;
	const struct wish *wish;
	uint64_t at, skip, wanted;
	bool more;
};

static bool is_wanted(const struct reading *r, const struct line *l)
{
	return l->r.wall_ns >= r->wish->since_ns;
}

static bool count_line(void *ud, const struct line *l)
{
	struct reading *r = ud;

	r->wanted += is_wanted(r, l);
	return true;
}

static bool add_line(void *ud, const struct line *l)
{
	struct reading *r = ud;

	r->more = r->j->text.size > HISTORY_BYTES;
	if (r->more)
		return false;
	r->at = l->number;
	if (!is_wanted(r, l))
		return true;
	if (r->skip) {
		r->skip--;
		return true;
	}
	json_object(r->j, NULL);
	logformat_json(r->j, &l->r, info_get()->node);
	json_object_end(r->j);
	return true;
}

enum result run_logs(struct request *r)
{
	struct wish w;
	struct reading reading = { .j = &r->j, .wish = &w };
	uint64_t missing;

	if (!read_wish(r, &w))
		return request_fail(r,
				    "usage: logs [--after CURSORS] [--since SECONDS] [--last N]");
	reading.at = w.after;
	if (w.last != UINT64_MAX)
		(void)recent_read(w.after, count_line, &reading);
	reading.skip = reading.wanted > w.last ? reading.wanted - w.last : 0;
	begin(&r->j, "lines");
	missing = recent_read(w.after, add_line, &reading);
	end(&r->j, reading.at, reading.more, w.after ? missing : 0);
	return DONE;
}
