/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is wanted of a long list: its first rows by some figure. The node sorts and cuts, so that a
 * hundred thousand rows cost neither the way to harborctl nor its reader.
 *
 *   [--sort KEY] [--limit N] [--owner ADDRESS] [--interval SECONDS]
 *
 * Threads: as struct request. Limits: LISTING_MAX rows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/admin/request.h"

#define LISTING_ROWS 40u
#define LISTING_MAX 10000u
#define LISTING_INTERVAL_MAX_NS (5 * UINT64_C(1000000000))

struct listing {
	unsigned sort; /* index of the key */
	size_t limit;
	uint32_t owner; /* 0: of all */
	uint64_t interval_ns;
};

/* Reads the options. keys: of --sort, as what is said when it is none of them, constant:
 * "--sort takes one of: KEY KEY ..."; the first is the default; NULL: nothing is sorted. Returns
 * NULL, or what is wrong, constant. */
const char *listing_parse(const struct request *r, const char *keys, struct listing *ret);
