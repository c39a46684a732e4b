/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Walks over one packet or message of a data base's server. What does not fit makes the reader
 * `bad`; from then on it reads zeros and nothing, so a caller looks once, at the end.
 *
 * Pure. Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_reader {
	const uint8_t *at, *end;
	bool bad;
};

/* Steps over n bytes; returns where they begin, NULL: they are not there. */
static inline const uint8_t *db_skip(struct db_reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (r->bad || n > (size_t)(r->end - r->at)) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return p;
}
