/* SPDX-License-Identifier: MIT */
/* Long mailboxes: see overload.h. Both the refusal and the report are bounded in rate, for a
 * flood of messages must not become one of lines; and the report looks at the oldest messages
 * only, for it runs in the middle of the overload that it tells of. */
#include "core/actor/overload.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/actor/handle.h"
#include "core/base/must.h"

#define SAY_NS NS_PER_SEC
/* So many messages are looked at, oldest first, for so many kinds at a time. */
#define LOOK_MAX 1024u
#define KINDS 8u
#define WHO_MAX 128

static atomic_uint_least64_t reports; /* relaxed: a statistic */

uint64_t overload_reports(void)
{
	return atomic_load_explicit(&reports, memory_order_relaxed);
}

void overload_set_bound(struct service *s, unsigned max, enum overload_policy policy)
{
	must(policy == OVERLOAD_REFUSE || policy == OVERLOAD_WARN);
	mailbox_set_bound(&s->mailbox, max, policy == OVERLOAD_WARN);
}

/* "lua", or its number; and the sender: its handle and, if it lives here, what it is. */
static void describe(char ret[WHO_MAX], uint32_t source, uint8_t type)
{
	const char *kind = msg_type_name(type);
	struct service *s = service_grab(source);
	char number[16];

	snprintf(number, sizeof(number), "type %u", type);
	snprintf(ret, WHO_MAX, "%s from :%08x%s%.64s", kind ? kind : number, source,
		 s && s->args ? " " : "", s && s->args ? s->args : "");
	if (s)
		service_unref(s);
}

/* ---- the bound ---- */

/* A flood must not become one of lines. */
static bool may_say(struct service *s)
{
	uint64_t now = clock_mono_ns();
	/* relaxed: a lone number */
	uint64_t last = atomic_load_explicit(&s->refusal_said_ns, memory_order_relaxed);

	return (!last || now - last >= SAY_NS) &&
	       atomic_compare_exchange_strong_explicit(&s->refusal_said_ns, &last, now,
						       memory_order_relaxed, memory_order_relaxed);
}

static void say_full(struct service *s, const struct msg *m, bool refused)
{
	char who[WHO_MAX];

	if (!may_say(s))
		return;
	describe(who, m->source, m->type);
	log_event_of(service_handle(s), mailbox_long, NULL,
		     "The mailbox is full (%u messages): %s is %s (%llu so far)",
		     mailbox_bound(&s->mailbox), who, refused ? "refused" : "counted",
		     (unsigned long long)mailbox_refused(&s->mailbox));
}

static bool counts(const struct msg *m)
{
	return m->source != 0 && !msg_is_answer(m) && m->type != PTYPE_SYSTEM &&
	       m->type != PTYPE_DEBUG;
}

bool overload_admit(struct service *s, struct msg *m)
{
	must_slow(mailbox_bound(&s->mailbox) || !(m->flags & MSG_COUNTED));
	if (!counts(m))
		return true;
	switch (mailbox_admit(&s->mailbox, m)) {
	case MAILBOX_FITS:
		return true;
	case MAILBOX_OVER:
		say_full(s, m, false);
		return true;
	case MAILBOX_FULL:
		break;
	}
	say_full(s, m, true);
	return false;
}

/* ---- the report ---- */

struct kind {
	uint32_t source;
	uint8_t type;
	unsigned n; /* of a message of this kind, less those of other kinds that had no place */
};

/* The kind of more than a KINDS-th of the messages is among those left (Misra and Gries). */
static void tally(struct kind *kinds, const struct msg *m)
{
	struct kind *empty = NULL;

	for (unsigned i = 0; i < KINDS; i++) {
		if (kinds[i].n && kinds[i].source == m->source && kinds[i].type == m->type) {
			kinds[i].n++;
			return;
		}
		if (!kinds[i].n)
			empty = &kinds[i];
	}
	if (empty) {
		*empty = (struct kind){ m->source, m->type, 1 };
		return;
	}
	for (unsigned i = 0; i < KINDS; i++)
		kinds[i].n--;
}

static const struct kind *most(const struct kind *kinds)
{
	const struct kind *best = kinds;

	for (unsigned i = 1; i < KINDS; i++)
		if (kinds[i].n > best->n)
			best = &kinds[i];
	return best;
}

void overload_report(struct service *s, unsigned length)
{
	struct kind kinds[KINDS] = { { 0 } };
	uint64_t now = clock_mono_ns();
	const struct kind *best;
	unsigned looked = 0, n = 0;
	char who[WHO_MAX];

	/* a mailbox that swings about the threshold is told of once in a while, one that grows each
	 * time */
	if (length < 2 * s->overload_said && now - s->overload_said_ns < SAY_NS)
		return;
	atomic_fetch_add_explicit(&reports, 1, memory_order_relaxed);
	s->overload_said = length;
	s->overload_said_ns = now;
	for (const struct msg *m = s->mailbox.local; m && looked < LOOK_MAX; m = m->next, looked++)
		tally(kinds, m);
	best = most(kinds);
	looked = 0;
	for (const struct msg *m = s->mailbox.local; m && looked < LOOK_MAX; m = m->next, looked++)
		n += m->source == best->source && m->type == best->type;
	describe(who, best->source, best->type);
	log_event_of(service_handle(s), mailbox_long, NULL,
		     "May overload, message queue length = %u (of %u looked at, %u: %s)", length,
		     looked, n, who);
}
