/* SPDX-License-Identifier: MIT */
/* The figures of services and of calls between them, by title: see metrics.h. */
#include "daemon/state/metrics_services.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/actor/calls.h"
#include "core/actor/handle.h"
#include "core/actor/service.h"
#include "core/actor/tally.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "daemon/state/exposition.h"

/* What is known of the services of one title. */
struct sum {
	uint64_t messages, cpu_ns, errors, refused, launched; /* these only grow */
	uint64_t services, mailbox, mailbox_longest, memory_bytes;
};

/* What was shown last of what only grows: a service that died while we looked is not missed again
 * (tally.h). */
static struct lock lock = LOCK_INIT(metrics);
static struct sum shown[TALLIES_MAX];

static uint64_t get(const atomic_uint_least64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void add_living(struct service *s, void *ud)
{
	struct sum *sum = (struct sum *)ud + s->tally;
	unsigned length = mailbox_length(&s->mailbox);

	sum->messages += get(&s->messages);
	sum->cpu_ns += get(&s->cpu_ns);
	sum->errors += get(&s->errors);
	sum->refused += mailbox_refused(&s->mailbox);
	sum->services++;
	sum->mailbox += length;
	sum->mailbox_longest = max_u64(sum->mailbox_longest, length);
	sum->memory_bytes += atomic_load_explicit(&s->memory, memory_order_relaxed);
}

static void add_dead(struct sum *sum, struct tally *t)
{
	/* acquire: who is among the dead is not found among the living (Y2 in tally.c) */
	(void)atomic_load_explicit(&t->ended, memory_order_acquire);
	sum->messages += get(&t->messages);
	sum->cpu_ns += get(&t->cpu_ns);
	sum->errors += get(&t->errors);
	sum->refused += get(&t->refused);
	sum->launched += get(&t->launched);
}

static void grow(uint64_t *last, uint64_t *now)
{
	*last = *now = max_u64(*last, *now);
}

/* Nothing goes back. */
static void remember(struct sum *sums, unsigned n)
{
	lock_take(&lock);
	for (unsigned i = 0; i < n; i++) {
		grow(&shown[i].messages, &sums[i].messages);
		grow(&shown[i].cpu_ns, &sums[i].cpu_ns);
		grow(&shown[i].errors, &sums[i].errors);
		grow(&shown[i].refused, &sums[i].refused);
	}
	lock_release(&lock);
}

static const struct exposition_figure figures[] = {
#define FIGURE(name, type, unit, member, help)                                      \
	{                                                                           \
		"harbord_service" name, help, EXPOSITION_##type, EXPOSITION_##unit, \
			offsetof(struct sum, member)                                \
	}
	FIGURE("_messages_total", COUNTER, PLAIN, messages,
	       "Messages that services of this title have taken."),
	FIGURE("_cpu_seconds_total", COUNTER, NS, cpu_ns, "Time that they have spent on them."),
	FIGURE("_errors_total", COUNTER, PLAIN, errors, "Errors in them that nobody caught."),
	FIGURE("_messages_refused_total", COUNTER, PLAIN, refused,
	       "Messages that their full mailboxes refused."),
	FIGURE("_launches_total", COUNTER, PLAIN, launched, "How many have been launched."),
	FIGURE("s", GAUGE, PLAIN, services, "How many there are."),
	FIGURE("_mailbox_messages", GAUGE, PLAIN, mailbox, "Messages that wait for them."),
	FIGURE("_mailbox_longest_messages", GAUGE, PLAIN, mailbox_longest,
	       "Messages that wait for the one for which most do."),
	FIGURE("_memory_bytes", GAUGE, PLAIN, memory_bytes, "Memory of their Lua states."),
#undef FIGURE
};

static bool label_title(const void *row, unsigned index, char labels[EXPOSITION_LABELS])
{
	const struct sum *sum = row;

	if (!sum->launched) /* the title of no service, but of another node */
		return false;
	exposition_label(labels, "service", tally_at(index)->name);
	return true;
}

void metrics_write_services(struct text *t)
{
	struct sum *sums = mem_zalloc(TALLIES_MAX * sizeof(*sums));
	unsigned n = tally_count();

	for (unsigned i = 0; i < n; i++)
		add_dead(&sums[i], tally_at(i));
	service_foreach(add_living, sums);
	remember(sums, n);
	exposition_table(t, &(struct exposition_table){ .figures = figures,
							.figure_count = array_len(figures),
							.rows = sums,
							.row_size = sizeof(*sums),
							.row_count = n,
							.label = label_title });
	mem_free(sums);
}

/* ---- calls ---- */

#define LATENCY "harbord_call_latency_seconds"

static void label_pair(const struct calls_pair *p, char labels[EXPOSITION_LABELS])
{
	labels[0] = 0;
	exposition_label(labels, "caller", tally_at(p->caller)->name);
	exposition_label(labels, "callee", tally_at(p->callee)->name);
}

/* All that was measured is in the buckets, so their sum is the count: what a thread adds meanwhile
 * is in both or in none. */
static void write_latency(const struct calls_pair *p, void *ud)
{
	char labels[EXPOSITION_LABELS];
	struct text *t = ud;

	label_pair(p, labels);
	for (unsigned bit = CALLS_FIRST_BIT; bit <= CALLS_LAST_BIT; bit++)
		text_printf(t, LATENCY "_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n", labels,
			    (double)(UINT64_C(1) << bit) / CALLS_UNITS_PER_US / 1e6,
			    calls_below(p, bit));
	text_printf(t, LATENCY "_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels, calls_measured(p));
	exposition_seconds(t, LATENCY "_sum", labels, calls_ns(p->sum));
	exposition_count(t, LATENCY "_count", labels, calls_measured(p));
}

static void write_errors(const struct calls_pair *p, void *ud)
{
	char labels[EXPOSITION_LABELS];

	label_pair(p, labels);
	exposition_count(ud, "harbord_call_errors_total", labels, p->errors);
}

void metrics_write_calls(struct text *t)
{
	exposition_family(t, LATENCY, EXPOSITION_HISTOGRAM,
			  "From a call to its answer, by the titles of caller and callee.");
	calls_foreach(write_latency, t);
	exposition_family(t, "harbord_call_errors_total", EXPOSITION_COUNTER, "Calls that failed.");
	calls_foreach(write_errors, t);
}
