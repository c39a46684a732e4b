/* SPDX-License-Identifier: MIT */
/* A turn: see turn.h. T3: see life.c. */
#include "core/actor/turn.h"

#include <string.h>

#include "core/actor/life.h"
#include "core/actor/overload.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/must.h"

/* A turn ends after so long; then the others get theirs. While many messages wait it may last
 * longer: as long as senders are faster than their receiver, memory fills and leaves the caches. */
#define TURN_NS (50 * NS_PER_US)
#define TURN_LONG_NS (250 * NS_PER_US)
#define TURN_BACKLOG 256u

static uint64_t turn_cycles, turn_long_cycles; /* constant after turn_init */

void turn_init(void)
{
	turn_cycles = clock_cycles_in(TURN_NS);
	turn_long_cycles = clock_cycles_in(TURN_LONG_NS);
}

/* began_cycles: 0 at first. Most turns are one message, and these read no clock for it. */
static inline bool turn_is_over(const struct service *s, uint64_t began_ns, uint64_t *began_cycles)
{
	uint64_t spent, cycles = clock_cycles();

	if (!*began_cycles)
		*began_cycles = cycles - clock_cycles_in(clock_mono_ns() - began_ns);
	spent = cycles - *began_cycles;
	return unlikely(spent > turn_cycles) &&
	       (spent > turn_long_cycles || mailbox_taken(&s->mailbox) < TURN_BACKLOG);
}

/* A message with a flag for us. false: it is not to be delivered. */
static noinline bool take_special(struct service *s, struct msg *m)
{
	if (m->flags & MSG_POISON)
		return false;
	if (m->flags & MSG_ORDER) {
		((const struct service_order *)msg_payload(m))->obey(s, m);
		return false;
	}
	if (m->flags & MSG_COUNTED)
		mailbox_uncount(&s->mailbox, m);
	if (m->flags & MSG_MARK)
		msg_taken(m);
	return true;
}

static inline void note(struct turn *t, const struct msg *m)
{
	t->size = m->size;
	memcpy(t->first, msg_payload(m), TURN_FIRST);
	atomic_store_explicit(&t->source, m->source, memory_order_relaxed);
	atomic_store_explicit(&t->session, m->session, memory_order_relaxed);
	atomic_store_explicit(&t->type, m->type, memory_order_relaxed);
	atomic_store_explicit(&t->progress,
			      atomic_load_explicit(&t->progress, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

bool service_run(struct service *s, struct turn *turn, uint64_t *now)
{
	const uint32_t handle = service_handle(s);
	const uint64_t began = *now;
	uint64_t messages = 0, began_cycles = 0;
	bool more = true, first = true;

	must_slow(!service_running && *now);
	service_running = s;
	/* relaxed, all of the statistics: the owner is the only writer */
	atomic_store_explicit(&s->turn_began_ns, began, memory_order_relaxed);
	for (;;) {
		struct msg *m;

		if (unlikely(atomic_load_explicit(&s->retired, memory_order_acquire))) { /* T3 */
			/* Not now: whoever was just answered goes first, and an idle worker may do
			 * it. */
			if (!first)
				break;
			*now = clock_mono_ns();
			service_teardown(s, "service ended");
			more = false;
			goto out;
		}
		if (!first && mailbox_waits(&s->mailbox) && turn_is_over(s, began, &began_cycles))
			break;
		first = false;
		m = mailbox_pop(&s->mailbox);
		if (!m) {
			uint64_t t = clock_mono_ns();

			atomic_store_explicit(
				&s->cpu_ns,
				atomic_load_explicit(&s->cpu_ns, memory_order_relaxed) + (t - *now),
				memory_order_relaxed);
			atomic_store_explicit(
				&s->messages,
				atomic_load_explicit(&s->messages, memory_order_relaxed) + messages,
				memory_order_relaxed);
			messages = 0;
			atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
			*now = t;
			if (mailbox_rest(&s->mailbox)) {
				more = false;
				goto out; /* not ours any more */
			}
			atomic_store_explicit(&s->turn_began_ns, t, memory_order_relaxed);
			continue;
		}
		if (unlikely(m->flags & (MSG_POISON | MSG_ORDER | MSG_COUNTED | MSG_MARK)) &&
		    !take_special(s, m))
			continue;
		if (unlikely(m->dest != handle)) {
			/* for an earlier service of this slot */
			service_reject(m, SEND_NO_SERVICE_TEXT);
			continue;
		}
		unsigned length = mailbox_overload(&s->mailbox);

		if (unlikely(length))
			overload_report(s, length);
		note(turn, m);
		messages++;
		if (likely(s->on_message != NULL))
			s->on_message(s, s->ud, m);
		else
			service_reject(m, SERVICE_NO_CALLBACK);
	}
	{
		uint64_t t = clock_mono_ns();

		atomic_store_explicit(&s->cpu_ns,
				      atomic_load_explicit(&s->cpu_ns, memory_order_relaxed) +
					      (t - *now),
				      memory_order_relaxed);
		atomic_store_explicit(&s->messages,
				      atomic_load_explicit(&s->messages, memory_order_relaxed) +
					      messages,
				      memory_order_relaxed);
		atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
		*now = t;
	}
out:
	service_running = NULL;
	return more;
}
