/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * "Did you mean": the nearest of some candidates to a word that somebody misspelt.
 *
 *     struct nearest n = nearest_begin(word);
 *     for each candidate: if (nearest_is_better(&n, candidate)) best = candidate;
 *
 * A change, a missing letter, one too many, and two that changed places count one each. Short words
 * may differ in one, long ones in three: what is farther away is another word and no suggestion.
 * Threads: none of its own. Limits: words of NEAREST_MAX bytes and more are far from everything.
 */
#include <stdbool.h>

#define NEAREST_MAX 64u

struct nearest {
	const char *word;  /* the caller's */
	unsigned distance; /* only what is nearer than this is better */
};

struct nearest nearest_begin(const char *word);
/* Whether the candidate is nearer to the word than all before, and near at all. */
bool nearest_is_better(struct nearest *n, const char *candidate);
