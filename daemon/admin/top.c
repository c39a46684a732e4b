/* SPDX-License-Identifier: MIT */
/*
 * harborctl top: rates, from two looks at all services with an interval between them. Nothing is
 * kept between two requests, so nobody who does not ask pays, and whoever asks sees what is now.
 * Both looks are the loop's.
 */
#include "daemon/admin/top.h"

#include <time.h>

#include "core/actor/handle.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/ds/best.h"
#include "core/ds/table.h"
#include "core/sched/monitor.h"
#include "core/sched/sched.h"
#include "daemon/admin/listing.h"
#include "daemon/admin/naming.h"
#include "daemon/state/info.h"
#include "daemon/state/process.h"
#include "net/post.h"
#include "net/timer.h"

/* Requests under way at once; each holds a sample of up to so many services. */
#define TOPS_MAX 8u
#define SAMPLES_MAX (1u << 20)

static const char keys[] = "--sort takes one of: cpu_percent messages_per_second "
			   "mailbox_messages memory_bytes turn_seconds "
			   "memory_bytes_per_second messages_refused errors_per_second";

struct sample {
	uint32_t handle; /* first: the key of the table */
	uint64_t messages, cpu_ns, errors;
	size_t memory;
};

struct row {
	struct best_entry entry;
	uint32_t handle;
	double cpu_percent, messages_rate, memory_rate, errors_rate;
	uint64_t mailbox, turn_ns, refused;
	size_t memory;
};

struct top {
	struct asker who; /* answer NULL: free */
	struct listing wanted;
	struct net_timer *timer;
	struct table before;
	uint64_t began_ns, process_ns;
	/* of the second look */
	struct best rows;
	uint64_t now_ns, services, messages, mailbox;
	size_t memory;
};

/* [loop] */
static struct top tops[TOPS_MAX];

/* ---- looks ---- */

/* Relaxed loads, here and below: statistics of services that run meanwhile. */
static uint64_t turn_ns(const struct service *s, uint64_t now)
{
	uint64_t began = atomic_load_explicit(&s->turn_began_ns, memory_order_relaxed);

	return began && now > began ? now - began : 0;
}

/* A turn that lasts counts, too: whoever never ends it is whom one looks for. */
static uint64_t cpu_ns(const struct service *s, uint64_t now)
{
	return atomic_load_explicit(&s->cpu_ns, memory_order_relaxed) + turn_ns(s, now);
}

static uint64_t messages_of(const struct service *s)
{
	return atomic_load_explicit(&s->messages, memory_order_relaxed);
}

static uint64_t errors_of(const struct service *s)
{
	return atomic_load_explicit(&s->errors, memory_order_relaxed);
}

static size_t memory_of(const struct service *s)
{
	return atomic_load_explicit(&s->memory, memory_order_relaxed);
}

static void first_look(struct service *s, void *ud)
{
	struct top *t = ud;
	struct sample *to;

	if (t->before.count == SAMPLES_MAX)
		return;
	to = table_add(&t->before, service_handle(s));
	to->messages = messages_of(s);
	to->cpu_ns = cpu_ns(s, t->began_ns);
	to->errors = errors_of(s);
	to->memory = memory_of(s);
}

static double per_second(double now, double before, double seconds)
{
	return (now - before) / seconds;
}

static double figure(const struct row *r, unsigned sort)
{
	const double figures[] = { r->cpu_percent,     r->messages_rate,   (double)r->mailbox,
				   (double)r->memory,  (double)r->turn_ns, r->memory_rate,
				   (double)r->refused, r->errors_rate };

	return figures[sort];
}

/* A service that was not there at the first look has done all of it since. */
static void second_look(struct service *s, void *ud)
{
	static const struct sample none;
	struct top *t = ud;
	double seconds = (double)(t->now_ns - t->began_ns) / 1e9;
	const struct sample *found = table_find(&t->before, service_handle(s));
	const struct sample *b = found ? found : &none;
	uint64_t cpu = cpu_ns(s, t->now_ns), messages = messages_of(s);
	struct row r = {
		.handle = service_handle(s),
		.cpu_percent = cpu > b->cpu_ns
				       ? per_second((double)cpu, (double)b->cpu_ns, seconds) / 1e7
				       : 0,
		.messages_rate = per_second((double)messages, (double)b->messages, seconds),
		/* that of a new service is no growth */
		.memory_rate = found ? per_second((double)memory_of(s), (double)b->memory, seconds)
				     : 0,
		.errors_rate = per_second((double)errors_of(s), (double)b->errors, seconds),
		.mailbox = mailbox_length(&s->mailbox),
		.turn_ns = turn_ns(s, t->now_ns),
		.refused = mailbox_refused(&s->mailbox),
		.memory = memory_of(s),
	};

	t->services++;
	t->messages += messages - b->messages;
	t->mailbox += r.mailbox;
	t->memory += r.memory;
	r.entry.key = figure(&r, t->wanted.sort);
	best_add(&t->rows, &r.entry);
}

/* ---- the answer ---- */

static uint64_t process_cpu_ns(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* One place behind the point is what a person reads. */
static void add_rate(struct json *j, const char *key, double value)
{
	json_double(j, key, (double)(int64_t)(value * 10 + (value < 0 ? -0.5 : 0.5)) / 10);
}

static void add_row(struct json *j, const struct naming *names, const struct row *r)
{
	json_object(j, NULL);
	json_string(j, "node", info_get()->node);
	add_rate(j, "cpu_percent", r->cpu_percent);
	add_rate(j, "messages_per_second", r->messages_rate);
	json_uint(j, "mailbox_messages", r->mailbox);
	json_uint(j, "messages_refused", r->refused);
	add_rate(j, "errors_per_second", r->errors_rate);
	json_uint(j, "memory_bytes", r->memory);
	json_int(j, "memory_bytes_per_second", (int64_t)r->memory_rate);
	json_seconds(j, "turn_seconds", r->turn_ns > MONITOR_CHECK_NS / 100 ? r->turn_ns : 0);
	naming_json(names, j, r->handle, NULL);
	json_object_end(j);
}

static void add_node(struct json *j, const struct top *t)
{
	double seconds = (double)(t->now_ns - t->began_ns) / 1e9;
	uint64_t all, resident;

	process_memory(&all, &resident);
	json_object(j, NULL);
	json_string(j, "node", info_get()->node);
	json_double(j, "interval_seconds", (double)(uint64_t)(seconds * 1000) / 1000);
	add_rate(j, "cpu_percent",
		 per_second((double)process_cpu_ns(), (double)t->process_ns, seconds) / 1e7);
	json_uint(j, "workers", sched_workers());
	json_uint(j, "services", t->services);
	add_rate(j, "messages_per_second", (double)t->messages / seconds);
	json_uint(j, "mailbox_messages", t->mailbox);
	json_uint(j, "memory_bytes", t->memory);
	json_uint(j, "resident_bytes", resident);
	json_object_end(j);
}

static void answer(struct top *t)
{
	struct naming names;
	struct json j;

	json_init(&j);
	naming_init(&names);
	json_object(&j, NULL);
	json_array(&j, "nodes");
	add_node(&j, t);
	json_array_end(&j);
	json_array(&j, "services");
	for (size_t i = 0; i < t->rows.count; i++)
		add_row(&j, &names, best_at(&t->rows, i));
	json_array_end(&j);
	json_uint(&j, "left_off", t->services - t->rows.count);
	json_object_end(&j);
	naming_fini(&names);
	asker_answer(&t->who, &j);
	json_fini(&j);
}

static void end(void *ud)
{
	struct top *t = ud;

	t->now_ns = clock_mono_ns();
	t->rows = best_of(t->wanted.limit, sizeof(struct row));
	service_foreach(second_look, t);
	best_sort(&t->rows);
	answer(t);
	best_fini(&t->rows);
	table_fini(&t->before);
	net_timer_destroy(t->timer);
	*t = (struct top){ 0 };
}

/* ---- the request ---- */

struct order {
	struct asker who;
	struct listing wanted;
};

static struct top *room(void)
{
	for (unsigned i = 0; i < TOPS_MAX; i++)
		if (!tops[i].who.answer)
			return &tops[i];
	return NULL;
}

static void begin(void *arg)
{
	struct order o = *(struct order *)arg;
	struct top *t = room();

	mem_free(arg);
	if (!t) {
		asker_refuse(&o.who, "too many ask for rates: try again");
		return;
	}
	*t = (struct top){ .who = o.who,
			   .wanted = o.wanted,
			   .before = table_of(sizeof(struct sample)),
			   .began_ns = clock_mono_ns(),
			   .process_ns = process_cpu_ns() };
	service_foreach(first_look, t);
	t->timer = net_timer_create(end, t);
	net_timer_set(t->timer, t->began_ns + o.wanted.interval_ns);
}

enum result run_top(struct request *r)
{
	struct order *o = mem_zalloc(sizeof(*o));
	const char *why = listing_parse(r, keys, &o->wanted);

	if (why) {
		mem_free(o);
		return request_fail(r, why);
	}
	o->who = *r->who;
	post_or_discard(begin, o, mem_free);
	return LATER;
}
