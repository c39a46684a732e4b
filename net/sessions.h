/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The table of sessions on its way from one life of the process to the next: bytes in memory, in
 * the order of the machine that wrote them.
 *
 *   "harbor-sessions 1\n"
 *   for each   u64 cookie of the socket | u32 length of the name | u32 length of the data
 *              | the listener's name | data
 *
 * Pure; any bytes are legal input.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/text.h"

struct session {
	uint64_t cookie;	     /* SO_COOKIE */
	const char *listener, *data; /* within the table, not NUL-terminated */
	size_t listener_size, data_size;
};

/* Begins the table with its first line. */
void sessions_begin(struct text *table);
void sessions_add(struct text *table, const struct session *s);
/* Whether this is such a table, of a version that is known here. */
bool sessions_is_known(const char *table, size_t size);
/* Reads the next one, from *at on, which is 0 at first. Returns false at the end, or where it is
 * no table. */
bool sessions_next(const char *table, size_t size, size_t *at, struct session *ret);
