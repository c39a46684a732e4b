/* SPDX-License-Identifier: MIT */
/* Mailbox: see mailbox.h for roles, invariants and ordering (labels M1 to M3).
 *
 * Senders push on a stack; the owner takes the whole stack with one exchange and turns it round. So
 * a push is one CAS, also the one that finds the service idle, and the owner's cost is one exchange
 * a batch. The count in the pointer's unused bits makes the length free.
 */
#include "core/actor/mailbox.h"

#include "core/base/must.h"
#include "core/ds/stack.h"

_Static_assert(sizeof(uintptr_t) == 8, "the inbox word needs 16 spare bits above a pointer");

#define POINTER_BITS 48
#define POINTER_MASK ((((uintptr_t)1) << POINTER_BITS) - 1)
#define COUNT_MAX ((uintptr_t)0xffff)

/* Words that are no pointers: messages are 16-byte aligned. */
#define CLOSED ((uintptr_t)0)
#define EMPTY MAILBOX_EMPTY
#define IS_MESSAGES(word) ((word) > EMPTY)

static struct msg *word_top(uintptr_t word)
{
	return (struct msg *)(word & POINTER_MASK);
}

static unsigned word_count(uintptr_t word)
{
	return (unsigned)(word >> POINTER_BITS);
}

static void open_as(struct mailbox *mb, uintptr_t word)
{
	mb->local = NULL;
	mb->overload_at = MAILBOX_OVERLOAD;
	/* relaxed: statistics */
	atomic_store_explicit(&mb->local_length, 0, memory_order_relaxed);
	mailbox_set_bound(mb, 0, false);
	/* A late sender may count what he pushes into the next life of the slot: then this is one
	 * off, no more. */
	atomic_store_explicit(&mb->counted, 0, memory_order_relaxed);
	atomic_store_explicit(&mb->refused, 0, memory_order_relaxed);
	/* release: pairs with M1 of a late sender that still knows this slot. Once, for it may push
	 * at once. */
	atomic_store_explicit(&mb->inbox, word, memory_order_release);
}

void mailbox_open(struct mailbox *mb)
{
	open_as(mb, MAILBOX_IDLE);
}

void mailbox_open_owned(struct mailbox *mb)
{
	open_as(mb, EMPTY);
}

enum mailbox_push mailbox_push(struct mailbox *mb, struct msg *m)
{
	must_slow(((uintptr_t)m & ~POINTER_MASK) == 0 && (uintptr_t)m > EMPTY);
	/* relaxed: the CAS below decides */
	uintptr_t old = atomic_load_explicit(&mb->inbox, memory_order_relaxed);
	uintptr_t new;

	do {
		uintptr_t count;

		if (old == CLOSED) {
			/* acquire: the release is mailbox_close's, or that of the next life; for
			 * the sender destroys what the service has looked at, a timeout */
			(void)atomic_load_explicit(&mb->inbox, memory_order_acquire);
			return MAILBOX_CLOSED;
		}
		if (!IS_MESSAGES(old)) {
			m->next = NULL;
			count = 1;
		} else {
			m->next = word_top(old);
			count = word_count(old);
			if (count < COUNT_MAX)
				count++;
		}
		new = count << POINTER_BITS | (uintptr_t)m;
		/* M1 */
	} while (!atomic_compare_exchange_weak_explicit(&mb->inbox, &old, new, memory_order_acq_rel,
							memory_order_relaxed));
	return old == MAILBOX_IDLE ? MAILBOX_WOKEN : MAILBOX_PUSHED;
}

/* relaxed, all of the bound: numbers, by which nothing is published */
enum mailbox_room mailbox_admit(struct mailbox *mb, struct msg *m)
{
	int bound = (int)mailbox_bound(mb);

	must_slow(!(m->flags & MSG_COUNTED));
	if (atomic_fetch_add_explicit(&mb->counted, 1, memory_order_relaxed) < bound || !bound) {
		m->flags |= MSG_COUNTED;
		return MAILBOX_FITS;
	}
	atomic_fetch_add_explicit(&mb->refused, 1, memory_order_relaxed);
	if (atomic_load_explicit(&mb->only_count, memory_order_relaxed)) {
		m->flags |= MSG_COUNTED;
		return MAILBOX_OVER;
	}
	atomic_fetch_sub_explicit(&mb->counted, 1, memory_order_relaxed);
	return MAILBOX_FULL;
}

void mailbox_uncount(struct mailbox *mb, struct msg *m)
{
	must_slow(m->flags & MSG_COUNTED);
	m->flags &= (uint8_t)~MSG_COUNTED;
	atomic_fetch_sub_explicit(&mb->counted, 1, memory_order_relaxed);
}

void mailbox_set_bound(struct mailbox *mb, unsigned bound, bool only_count)
{
	atomic_store_explicit(&mb->only_count, only_count, memory_order_relaxed);
	atomic_store_explicit(&mb->bound, bound < INT32_MAX ? bound : INT32_MAX,
			      memory_order_relaxed);
}

uint64_t mailbox_refused(const struct mailbox *mb)
{
	return atomic_load_explicit(&mb->refused, memory_order_relaxed);
}

unsigned mailbox_length(const struct mailbox *mb)
{
	/* relaxed: a statistic */
	uintptr_t word = atomic_load_explicit(&mb->inbox, memory_order_relaxed);

	return word_count(word) + atomic_load_explicit(&mb->local_length, memory_order_relaxed);
}

struct msg *mailbox_pop(struct mailbox *mb)
{
	struct msg *m = mb->local;
	uintptr_t word;
	unsigned n;

	if (!m) {
		/* relaxed: only saves the exchange; rest() looks again */
		if (atomic_load_explicit(&mb->inbox, memory_order_relaxed) == EMPTY)
			return NULL;
		/* M2; messages: an owner's inbox is neither MAILBOX_IDLE nor CLOSED */
		word = atomic_exchange_explicit(&mb->inbox, EMPTY, memory_order_acquire);
		m = stack_turn_round_counted(word_top(word), next, &n);
	} else {
		n = atomic_load_explicit(&mb->local_length, memory_order_relaxed);
	}
	mb->local = m->next;
	/* relaxed: the owner is the only writer, others read a statistic */
	atomic_store_explicit(&mb->local_length, n - 1, memory_order_relaxed);
	m->next = NULL;
	return m;
}

bool mailbox_rest(struct mailbox *mb)
{
	uintptr_t empty = EMPTY;

	if (mb->local)
		return false;
	mb->overload_at = MAILBOX_OVERLOAD;
	/* M3; relaxed on failure: the owner goes on to pop, which acquires */
	return atomic_compare_exchange_strong_explicit(&mb->inbox, &empty, MAILBOX_IDLE,
						       memory_order_acq_rel, memory_order_relaxed);
}

struct msg *mailbox_close(struct mailbox *mb)
{
	/* acquire as M2; release so that a sender that sees CLOSED is ordered after the owner */
	uintptr_t word = atomic_exchange_explicit(&mb->inbox, CLOSED, memory_order_acq_rel);
	struct msg *rest = IS_MESSAGES(word) ? stack_turn_round(word_top(word), next) : NULL;
	struct msg *list = mb->local;
	struct msg **tail = &list;

	while (*tail)
		tail = &(*tail)->next;
	*tail = rest;
	mb->local = NULL;
	atomic_store_explicit(&mb->local_length, 0, memory_order_relaxed);
	return list;
}

/* Of what was taken, and without a look at the inbox: that would call its line back from who
 * pushes, for each message. */
unsigned mailbox_overload(struct mailbox *mb)
{
	unsigned n = mailbox_taken(mb) + 1; /* and the one in hand */

	if (likely(n < mb->overload_at))
		return 0;
	while (mb->overload_at <= n)
		mb->overload_at *= 2;
	return n;
}
