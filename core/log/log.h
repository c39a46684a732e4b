/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Log: records from any thread, one writer.
 *
 * log_write formats on the calling thread and appends to a bounded buffer; a writer thread hands
 * the lines to the sink. Before log_start and after log_stop lines go to the sink at once, so
 * none is lost at start or stop. A caller never blocks on a slow sink: when the buffer is full the
 * line is counted, and the count is written as a line of its own when there is room again.
 *
 * The same text from the same source at the same level more than LOG_BURST times in LOG_WINDOW_NS
 * is held back and reported as "... repeated N times".
 *
 * Threads: any. Time stamps are wall clock, taken when the record is made (they never drift).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/base.h"
#include "core/log/event.h"
#include "core/log/record.h"
#include "core/log/source.h"

/* A sink writes one record; called by one thread at a time. reopen: its file was renamed; returns 0
 * or -errno, and may be NULL. */
struct log_sink {
	void (*write)(void *ud, const struct log_record *r);
	void (*flush)(void *ud);
	int (*reopen)(void *ud);
};

#define LOG_BURST 200u
#define LOG_WINDOW_NS UINT64_C(1000000000)
#define LOG_BUFFER_BYTES (4u << 20)

/* The built-in sink: stderr, "2026-11-23 09:31:41.123 info  [:00000002 bootstrap] text". */
void log_set_sink(const struct log_sink *sink, void *ud);

int log_start(void);
/* Writes everything out and ends the writer thread. Lines after it still reach the sink. */
void log_stop(void);
/* Waits until all that was written before this call reached the sink. */
void log_flush(void);
/* Asks the sink to reopen its file (log rotation). Any thread, not from a signal handler. */
void log_reopen(void);
/* The same, and waits for it: what is logged from now on goes into the new file, and nothing more
 * comes into the old one. Any thread but the sink's. 0 or the sink's -errno. */
int log_reopen_now(void);

/* The sink cannot write a line: it is counted (log_dropped). error: an errno, 0 = lines come faster
 * than they are written. The sink's own thread. */
void log_count_lost(int error);

/* What stands where it is used, for the functions below. */
#define LOG_HERE .file = __FILE__, .line = __LINE__, .func = __func__

/* about: NULL = nothing is known. A line with an event becomes one of the list (event.h). */
void log_write(const struct log_about *about, enum log_level level, uint32_t source,
	       const char *text, size_t size);
void log_vwrite(const struct log_about *about, enum log_level level, uint32_t source,
		const char *fmt, va_list ap);
void log_writef(const struct log_about *about, enum log_level level, uint32_t source,
		const char *fmt, ...) printf_like(4, 5);

/* A line with the place of this call. */
#define log_printf(level, source, ...) \
	log_writef(&(const struct log_about){ LOG_HERE }, level, source, __VA_ARGS__)
/* The same at the level of an event; who: the node or address that it is about, or NULL. */
#define log_event_of(source, name, who, ...)                                                      \
	log_writef(&(const struct log_about){ LOG_HERE, .event = LOG_EVENT_##name, .peer = who }, \
		   event_level(LOG_EVENT_##name), source, __VA_ARGS__)

/* For must_set_last_words: one line to the sink before the process ends, past the buffer, if nobody
 * is in the sink; what waits in the buffer is lost. The built-in sink gets none: stderr has the
 * line already. */
void log_last_words(const char *text, size_t size);

/* The node's own lines. */
#define log_debug(...) log_printf(LOG_LEVEL_DEBUG, 0, __VA_ARGS__)
#define log_info(...) log_printf(LOG_LEVEL_INFO, 0, __VA_ARGS__)
#define log_warning(...) log_printf(LOG_LEVEL_WARNING, 0, __VA_ARGS__)
#define log_error(...) log_printf(LOG_LEVEL_ERROR, 0, __VA_ARGS__)
#define log_event(name, who, ...) log_event_of(0, name, who, __VA_ARGS__)

/* Lines that were made and did not get to where the sink writes. */
uint64_t log_dropped(void);
/* When that was so last, monotonic; 0: never. */
uint64_t log_dropped_ns(void);
/* Why that one: an errno, or 0, as log_count_lost was told. */
int log_dropped_errno(void);
