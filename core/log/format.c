/* SPDX-License-Identifier: MIT */
/*
 * Lines of the log: see logformat.h. The broken-down time of a second is kept, since most lines
 * share theirs with the line before.
 */
#include "core/log/format.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

#define COLOUR_OFF "\033[0m"

enum logformat logformat_parse(const char *name)
{
	static const char *const names[] = {
		[LOGFORMAT_FULL] = "full",
		[LOGFORMAT_PLAIN] = "plain",
		[LOGFORMAT_DATED] = "dated",
		[LOGFORMAT_JSON] = "json",
	};

	for (unsigned i = 0; name && i < array_len(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum logformat)i;
	return LOGFORMAT_FULL;
}

int logformat_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_DEBUG:
		return 7;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_WARNING:
		return 4;
	case LOG_LEVEL_ERROR:
		return 3;
	}
	return 3;
}

/* ---- text ---- */

static const struct tm *local_time(uint64_t wall_ns)
{
	static _Thread_local time_t cached = -1;
	static _Thread_local struct tm tm;
	time_t seconds = (time_t)(wall_ns / NS_PER_SEC);

	if (seconds != cached) {
		localtime_r(&seconds, &tm);
		cached = seconds;
	}
	return &tm;
}

/* "" is the terminal's own. */
static const char *colour_of(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_DEBUG:
		return "\033[2m";
	case LOG_LEVEL_INFO:
		return "";
	case LOG_LEVEL_WARNING:
		return "\033[33m";
	case LOG_LEVEL_ERROR:
		return "\033[1;31m";
	}
	return "";
}

static size_t full(char *ret, size_t size, const struct log_record *r, bool colour)
{
	const char *on = colour ? colour_of(r->level) : "";
	size_t n = strftime(ret, size, "%Y-%m-%d %H:%M:%S", local_time(r->wall_ns));

	n += (size_t)snprintf(ret + n, size - n, ".%03u %s%-7s%s [:%08x%s%s] ",
			      (unsigned)(r->wall_ns % NS_PER_SEC / NS_PER_MS), on,
			      log_level_name(r->level), *on ? COLOUR_OFF : "", r->source,
			      *r->name ? " " : "", r->name);
	return n;
}

static size_t with_level(char *ret, const struct log_record *r)
{
	size_t n = (size_t)snprintf(ret, LOGFORMAT_PREFIX_MAX, "<%d>",
				    logformat_priority(r->level));

	return n + full(ret + n, LOGFORMAT_PREFIX_MAX - n, r, false);
}

static size_t dated(char *ret, const struct log_record *r)
{
	size_t n = strftime(ret, LOGFORMAT_PREFIX_MAX, "%d/%m/%y %H:%M:%S", local_time(r->wall_ns));

	n += (size_t)snprintf(ret + n, LOGFORMAT_PREFIX_MAX - n, ".%02u [:%08x] ",
			      (unsigned)(r->wall_ns % NS_PER_SEC / NS_PER_CS), r->source);
	return n;
}

size_t logformat_prefix(char *ret, const struct log_record *r, enum logformat format, bool colour)
{
	switch (format) {
	case LOGFORMAT_PLAIN:
		return (size_t)snprintf(ret, LOGFORMAT_PREFIX_MAX, "[:%08x] ", r->source);
	case LOGFORMAT_DATED:
		return dated(ret, r);
	case LOGFORMAT_KMSG:
		return (size_t)snprintf(ret, LOGFORMAT_PREFIX_MAX, "<%d>[:%08x%s%s] ",
					logformat_priority(r->level), r->source,
					*r->name ? " " : "", r->name);
	case LOGFORMAT_LEVEL:
		return with_level(ret, r);
	case LOGFORMAT_FULL:
	case LOGFORMAT_JSON:
		break;
	}
	return full(ret, LOGFORMAT_PREFIX_MAX, r, colour);
}

/* ---- colours ---- */

#define ESC '\x1b'

/* Returns how long the colour at p is, 0: there is none. */
static size_t colour_at(const char *p, const char *end)
{
	const char *q = p + 2;

	if (end - p < 3 || p[0] != ESC || p[1] != '[')
		return 0;
	while (q < end && (isdigit((unsigned char)*q) || *q == ';'))
		q++;
	return q < end && *q == 'm' ? (size_t)(q + 1 - p) : 0;
}

const char *logformat_uncoloured(const char *text, size_t *size, char **ret_copy)
{
	const char *p = text, *end = text + *size;
	char *to;

	*ret_copy = NULL;
	if (!memchr(text, ESC, *size))
		return text;
	to = *ret_copy = mem_alloc(*size);
	while (p < end) {
		size_t skip = colour_at(p, end);

		if (skip)
			p += skip;
		else
			*to++ = *p++;
	}
	*size = (size_t)(to - *ret_copy);
	return *ret_copy;
}

/* ---- JSON ---- */

void logformat_json_time(struct json *j, const char *key, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
	char day[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	json_printf(j, key, "%s.%06uZ", day, (unsigned)(wall_ns % NS_PER_SEC / NS_PER_US));
}

static void add_if(struct json *j, const char *key, const char *value)
{
	if (value && *value)
		json_string(j, key, value);
}

void logformat_json(struct json *j, const struct log_record *r, const char *node)
{
	const struct log_about *a = &r->about;
	cleanup(mem_freep) char *copy = NULL;
	size_t size = r->size;
	const char *text = logformat_uncoloured(r->text, &size, &copy);

	logformat_json_time(j, "time", r->wall_ns);
	json_string(j, "level", log_level_name(r->level));
	add_if(j, "node", node);
	if (r->source)
		json_handle(j, "service", r->source);
	add_if(j, "service_name", r->name);
	add_if(j, "event", event_name(a->event));
	add_if(j, "peer", a->peer);
	if (a->caller)
		json_handle(j, "caller", a->caller);
	if (a->session)
		json_int(j, "session", a->session);
	add_if(j, "trace", a->trace);
	add_if(j, "file", a->file);
	if (a->line)
		json_uint(j, "line", a->line);
	add_if(j, "function", a->func);
	json_stringn(j, "message", text, size);
}
