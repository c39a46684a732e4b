/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One line of the log on its way from who made it to the sink, and among the last lines after that:
 * one allocation, which owns all that its record points to.
 *
 * Threads: whoever holds it.
 */
#include "core/log/record.h"

struct line {
	struct line *next;
	uint64_t number; /* among the last lines (recent.h) */
	size_t bytes;	 /* of the whole allocation */
	struct log_record r;
	char tail[]; /* the text, then the strings */
};

/* How large a line of this record is. */
size_t line_bytes(const struct log_record *r);
/* Makes a line of it at `to`, where there is room for it, aligned as for any object; with a copy of
 * what the record points to. Returns the line. */
struct line *line_put(void *to, const struct log_record *r);
/* The same, to be freed with mem_free. */
struct line *line_create(const struct log_record *r);
