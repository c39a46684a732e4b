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
	uint64_t number; /* among the last lines (tail.h) */
	size_t bytes;	 /* of the whole allocation */
	struct log_record r;
	char tail[]; /* the text, then the strings */
};

/* Copies what the record points to. Free it with mem_free. */
struct line *line_create(const struct log_record *r);
