/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Figures as Prometheus reads them: the text exposition format, version 0.0.4.
 *
 *   exposition_family(t, "harbord_timers", EXPOSITION_GAUGE, "Timers that are armed.");
 *   exposition_count(t, "harbord_timers", "", timer_count());
 *
 * Names follow Prometheus' conventions: base units (_seconds, _bytes), and _total for what only
 * grows. Labels are text that exposition_label has made. Pure; no thread of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/text.h"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

/* Room for three labels with values of 127 bytes at most. */
#define EXPOSITION_LABELS 800u
#define EXPOSITION_VALUE 127u

/* The lines HELP and TYPE; the samples of this name follow. help is a sentence without backslashes
 * and line breaks. */
void exposition_family(struct text *t, const char *name, enum exposition_type type,
		       const char *help);
/* Appends a label to labels, which is a string, "" at first. A longer value is cut. */
void exposition_label(char labels[EXPOSITION_LABELS], const char *name, const char *value);
/* One sample. */
void exposition_count(struct text *t, const char *name, const char *labels, uint64_t value);
void exposition_seconds(struct text *t, const char *name, const char *labels, uint64_t ns);

/* A family of which each row of a table has a sample: a uint64_t in the row. */
struct exposition_figure {
	const char *name, *help;
	enum exposition_type type;
	enum exposition_unit {
		EXPOSITION_PLAIN,
		EXPOSITION_NS,	     /* shown in seconds */
		EXPOSITION_MEASURED, /* so is it, and 0 is none: the row has no sample */
	} unit;
	size_t offset;
};

struct exposition_table {
	const struct exposition_figure *figures;
	unsigned figure_count, row_count;
	const void *rows;
	size_t row_size;
	/* Appends the labels of a row. Returns false: it has no samples. */
	bool (*label)(const void *row, unsigned index, char labels[EXPOSITION_LABELS]);
};

/* All families, each with its samples. */
void exposition_table(struct text *t, const struct exposition_table *table);

/* A family with one sample. */
void exposition_counter(struct text *t, const char *name, uint64_t value, const char *help);
void exposition_gauge(struct text *t, const char *name, uint64_t value, const char *help);
