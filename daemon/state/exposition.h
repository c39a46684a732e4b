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

/* A family with one sample. */
void exposition_counter(struct text *t, const char *name, uint64_t value, const char *help);
void exposition_gauge(struct text *t, const char *name, uint64_t value, const char *help);
