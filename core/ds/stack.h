/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stack: many threads push, one at a time takes everything, oldest first. Lock-free, linked through
 * a pointer in the entries.
 *
 *   _Atomic(struct post *) posted;                NULL: empty
 *   stack_push(&posted, post, next);              any thread
 *   post = stack_take_all(&posted, next);         a list through `next`, in the order of the pushes
 *
 * Ordering     push: CAS release <-> take: exchange acquire: who takes sees what was written to the
 *              entries before the push.
 * Progress     a push fails only if another succeeded; taking is wait-free. No ABA: everything is
 *              taken, so a push depends on no entry.
 * Not given    order between different threads beyond the order of their CAS.
 *
 * Where the push is part of a longer argument (harbor/link/link.c), only the taking is of use, and
 * where the word holds more than a pointer (core/actor/mailbox.c), only stack_turn_round.
 */
#include <stdatomic.h>
#include <stddef.h>

#define stack_push(stack, entry, link)                                                             \
	do {                                                                                       \
		__typeof__(entry) entry_ = (entry);                                                \
                                                                                                   \
		/* relaxed: only a value to begin the CAS with */                                  \
		entry_->link = atomic_load_explicit(stack, memory_order_relaxed);                  \
		while (!atomic_compare_exchange_weak_explicit(                                     \
			stack, &entry_->link, entry_, memory_order_release, memory_order_relaxed)) \
			;                                                                          \
	} while (0)

/* Turns a list round: from newest first to oldest first. Returns the oldest, and by ret_count how
 * many there are. */
#define stack_turn_round_counted(newest, link, ret_count)             \
	__extension__({                                               \
		__typeof__(newest) entry_ = (newest), oldest_ = NULL; \
		unsigned count_ = 0;                                  \
                                                                      \
		while (entry_) {                                      \
			__typeof__(newest) next_ = entry_->link;      \
                                                                      \
			entry_->link = oldest_;                       \
			oldest_ = entry_;                             \
			entry_ = next_;                               \
			count_++;                                     \
		}                                                     \
		*(ret_count) = count_;                                \
		oldest_;                                              \
	})

#define stack_turn_round(newest, link)                               \
	__extension__({                                              \
		unsigned ignored_;                                   \
                                                                     \
		stack_turn_round_counted((newest), link, &ignored_); \
	})

#define stack_take_all(stack, link) \
	stack_turn_round(atomic_exchange_explicit(stack, NULL, memory_order_acquire), link)
