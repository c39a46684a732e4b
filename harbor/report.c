/* SPDX-License-Identifier: MIT */
#include "harbor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/log/log.h"

/* Each of them is in the list of events at once, whatever becomes of its line. */
static const enum log_event events[REPORT_KINDS] = {
	[REPORT_LINK_LOST] = LOG_EVENT_link_lost,
	[REPORT_TIRED] = LOG_EVENT_link_lost,
	[REPORT_OUT_OF_REACH] = LOG_EVENT_node_lost,
	[REPORT_GONE] = LOG_EVENT_node_lost,
};

struct held {
	uint64_t quiet_until_ns;
	unsigned count;	 /* lines that are held */
	char line[400];	 /* the last of them */
	char node[64];	 /* whom it is about */
	char others[96]; /* the names of those before, as many as fit */
};

static struct held all[REPORT_KINDS];

/* memcpy, for gcc with sanitizers takes a snprintf from one field into another for an overlap. */
static void append(char *text, size_t size, const char *more)
{
	size_t used = strlen(text), n = strnlen(more, size - used - 1);

	memcpy(text + used, more, n);
	text[used + n] = 0;
}

/* The line that was the last one becomes one of the others. */
static void count_other(struct held *h)
{
	size_t used = strlen(h->others), size = sizeof(h->others);
	const char *comma = used ? ", " : "";

	if (!h->count)
		return;
	if (used + strlen(comma) + strlen(h->node) + sizeof(", ...") <= size) {
		append(h->others, size, comma);
		append(h->others, size, h->node);
	} else if (used && strcmp(h->others + used - 3, "...") != 0) {
		append(h->others, size, ", ...");
	}
}

static void hold(struct held *h, const char *node, const char *line)
{
	count_other(h);
	snprintf(h->line, sizeof(h->line), "%s", line);
	snprintf(h->node, sizeof(h->node), "%s", node);
	h->count++;
}

/* others: how many more it is about, whose names are in all[kind]. */
static void write_line(enum report_kind kind, const char *node, const char *line, unsigned others)
{
	const struct log_about about = { LOG_HERE, .event = events[kind], .listed = true,
					 .peer = node };

	if (others)
		log_writef(&about, LOG_LEVEL_WARNING, 0, "%s (and so it is with %u more: %s)", line,
			   others, all[kind].others);
	else
		log_write(&about, LOG_LEVEL_WARNING, 0, line, strlen(line));
}

void report(enum report_kind kind, const char *node, uint64_t now, const char *format, ...)
{
	struct held *h = &all[kind];
	char line[sizeof(h->line)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	event_add(events[kind], 0, node, line, strlen(line));
	if (now >= h->quiet_until_ns && !h->count) {
		h->quiet_until_ns = now + REPORT_QUIET_NS;
		write_line(kind, node, line, 0);
	} else {
		hold(h, node, line);
	}
}

static void write_held(enum report_kind kind)
{
	struct held *h = &all[kind];

	if (h->count)
		write_line(kind, h->node, h->line, h->count - 1);
	h->count = 0;
	h->others[0] = 0;
}

uint64_t report_tick(uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < REPORT_KINDS; i++) {
		struct held *h = &all[i];

		if (h->count && now >= h->quiet_until_ns) {
			write_held((enum report_kind)i);
			h->quiet_until_ns = now + REPORT_QUIET_NS;
		} else if (h->count && h->quiet_until_ns < next) {
			next = h->quiet_until_ns;
		}
	}
	return next;
}

void report_flush(void)
{
	for (unsigned i = 0; i < REPORT_KINDS; i++) {
		write_held((enum report_kind)i);
		all[i].quiet_until_ns = 0;
	}
}
