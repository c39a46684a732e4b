/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a line of the log looks: texts of several kinds, and JSON. The time of a text is local wall
 * clock, that of JSON is UTC.
 *
 * Pure. Threads: any.
 */
#include <stdbool.h>
#include "core/base/json.h"
#include "core/log/log.h"

enum logformat {
	LOGFORMAT_FULL,	 /* "2026-11-23 09:31:41.123 info    [:00000002 bootstrap] text" */
	LOGFORMAT_PLAIN, /* "[:00000002] text", what skynet writes on stdout */
	LOGFORMAT_DATED, /* "23/11/26 09:31:41.12 [:00000002] text", what it writes into a file */
	LOGFORMAT_JSON,	 /* one object: logformat_json */
	LOGFORMAT_KMSG,	 /* "<6>[:00000002 bootstrap] text", what journald reads on a stream */
	LOGFORMAT_LEVEL, /* "<6>" before what LOGFORMAT_FULL is: for a file of a service manager */
};

/* "full", "plain", "dated", "json"; NULL, and what is unknown, is full. */
enum logformat logformat_parse(const char *name);

/* What stands before the text of a line that is no JSON; with colour for the level, where the
 * format shows that. The length. */
#define LOGFORMAT_PREFIX_MAX (80 + LOG_NAME_MAX)
size_t logformat_prefix(char *ret, const struct log_record *r, enum logformat format, bool colour);

/* Returns the text without the colours that programs have put into it (ESC [ ... m), which only a
 * terminal shows as such: the text itself if there are none, else a copy in ret_copy (mem_free). */
const char *logformat_uncoloured(const char *text, size_t *size, char **ret_copy);

/* The numbers of syslog(3): 7, 6, 4, 3. */
int logformat_priority(enum log_level level);

/* The members of a line, into an object that is open: time, level, node (unless NULL), service and
 * service_name, event, peer, caller, session, trace, file, line, function, message; what is not
 * known is left out. */
void logformat_json(struct json *j, const struct log_record *r, const char *node);
/* A member with a time in UTC, "2026-11-23T09:31:41.123456Z": texts of them sort as the times. */
void logformat_json_time(struct json *j, const char *key, uint64_t wall_ns);
