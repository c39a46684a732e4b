/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sorted: finds a key in an array that is sorted by text keys. The entries are the user's; a
 * function says what their keys are, and the compiler puts it into the loop.
 *
 * Threads: none of its own; the user locks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Returns the key of the entry of this index; the array is not empty. */
typedef const char *sorted_key(const void *entries, size_t index);

/* Returns where the key is among n entries, or, with *ret_found false, where it would be. */
static inline size_t sorted_place(const void *entries, size_t n, sorted_key *key_of,
				  const char *key, bool *ret_found)
{
	size_t low = 0, high = n;

	*ret_found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(key_of(entries, mid), key);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
