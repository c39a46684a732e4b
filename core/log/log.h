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

/* Numbers grow with severity; the names in configurations are debug, info, warning, error. */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_record {
	enum log_level level;
	uint32_t source; /* handle, 0 = the node */
	uint64_t wall_ns;
	const char *text; /* may hold newlines and NULs; not NUL-terminated */
	size_t size;
	const char *name; /* of the source, for people; "" if it has none */
};

/* A sink writes one record; called by one thread at a time. reopen: after SIGHUP (may be NULL). */
struct log_sink {
	void (*write)(void *ud, const struct log_record *r);
	void (*flush)(void *ud);
	void (*reopen)(void *ud);
};

#define LOG_BURST 200u
#define LOG_WINDOW_NS UINT64_C(1000000000)
#define LOG_BUFFER_BYTES (4u << 20)

/* With its NUL: a longer name is cut. */
#define LOG_NAME_MAX 32
/* The function that writes the name of a source (never 0) into ret, "" if it knows none. It is
 * called by the thread that logs, without any lock, when the record is made: the source may be gone
 * when the record is written. NULL, as at first: no record has a name. Set while one thread
 * runs. */
typedef void (*log_namer)(uint32_t source, char ret[LOG_NAME_MAX]);
void log_set_namer(log_namer namer);

/* The built-in sink: stderr, "2026-11-23 09:31:41.123 info  [:00000002 bootstrap] text". */
void log_set_sink(const struct log_sink *sink, void *ud);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

int log_start(void);
/* Writes everything out and ends the writer thread. Lines after it still reach the sink. */
void log_stop(void);
/* Waits until all that was written before this call reached the sink. */
void log_flush(void);
/* Asks the sink to reopen its file (log rotation). Any thread, not from a signal handler. */
void log_reopen(void);

void log_write(enum log_level level, uint32_t source, const char *text, size_t size);
void log_printf(enum log_level level, uint32_t source, const char *fmt, ...) printf_like(3, 4);
void log_vprintf(enum log_level level, uint32_t source, const char *fmt, va_list ap);

/* For must_set_last_words: one line to the sink before the process ends, past the buffer, if nobody
 * is in the sink; what waits in the buffer is lost. The built-in sink gets none: stderr has the
 * line already. */
void log_last_words(const char *text, size_t size);

/* The node's own lines. */
#define log_debug(...) log_printf(LOG_LEVEL_DEBUG, 0, __VA_ARGS__)
#define log_info(...) log_printf(LOG_LEVEL_INFO, 0, __VA_ARGS__)
#define log_warning(...) log_printf(LOG_LEVEL_WARNING, 0, __VA_ARGS__)
#define log_error(...) log_printf(LOG_LEVEL_ERROR, 0, __VA_ARGS__)

/* "info" <-> level; log_level_parse: -1 if unknown. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name);
uint64_t log_dropped(void);
