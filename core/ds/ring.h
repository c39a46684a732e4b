/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Ring: a queue of values in an array that grows, oldest first.
 *
 *   RING_OF(struct due) dues;             zeros are an empty ring
 *   ring_push(&dues, 8, value);           8: the places to begin with, a power of two
 *   if (ring_take(&dues, &value)) ...
 *   ring_fini(&dues);
 *
 * Threads:   none of its own.
 * Ownership: the ring frees its array and nothing in it. An address of ring_at is good until the
 *            next push.
 * Limits:    memory; the array never shrinks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "core/base/mem.h"

/* size: places, 0 or a power of two */
#define RING_FIELDS(type)                    \
	{                                    \
		type *items;                 \
		unsigned first, count, size; \
	}
#define RING_OF(type) struct RING_FIELDS(type)

/* The address of the entry of this index; 0 is the oldest. */
#define ring_at(ring, index) (&(ring)->items[((ring)->first + (index)) & ((ring)->size - 1)])

/* The entry becomes the last one. */
#define ring_push(ring, places, ...)                                                          \
	do {                                                                                  \
		__typeof__(ring) ring_p_ = (ring);                                            \
                                                                                              \
		if (ring_p_->count == ring_p_->size) {                                        \
			ring_p_->items = ring_grow(ring_p_->items, sizeof(*ring_p_->items),   \
						   ring_p_->first, &ring_p_->size, (places)); \
			ring_p_->first = 0;                                                   \
		}                                                                             \
		*ring_at(ring_p_, ring_p_->count) = (__VA_ARGS__);                            \
		ring_p_->count++;                                                             \
	} while (0)

/* Takes the first entry out, to *ret. Returns false, and *ret is as it was: the ring is empty. */
#define ring_take(ring, ret)                                                         \
	__extension__({                                                              \
		__typeof__(ring) ring_t_ = (ring);                                   \
		bool there_ = ring_t_->count > 0;                                    \
                                                                                     \
		if (there_) {                                                        \
			*(ret) = *ring_at(ring_t_, 0);                               \
			ring_t_->first = (ring_t_->first + 1) & (ring_t_->size - 1); \
			ring_t_->count--;                                            \
		}                                                                    \
		there_;                                                              \
	})

#define ring_fini(ring) mem_free((ring)->items)

/* For ring_push: an array of twice the size, with the entries of a full ring in order. */
static inline void *ring_grow(void *items, size_t entry, unsigned first, unsigned *size,
			      unsigned places)
{
	unsigned old = *size, front = old - first;
	char *bigger;

	*size = old ? old * 2 : places;
	bigger = mem_alloc(*size * entry);
	if (items) {
		memcpy(bigger, (char *)items + first * entry, front * entry);
		memcpy(bigger + front * entry, items, first * entry);
	}
	mem_free(items);
	return bigger;
}
