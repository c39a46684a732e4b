/* SPDX-License-Identifier: MIT */
#include "harbor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/log/log.h"

struct held {
	uint64_t quiet_until_ns;
	unsigned count;	 /* lines that are held */
	char line[400];	 /* the last of them */
	char node[64];	 /* whom it is about */
	char others[96]; /* the names of those before, as many as fit */
};

static struct held all[REPORT_KINDS];

/* The line that was the last one becomes one of the others. */
static void count_other(struct held *h)
{
	size_t used = strlen(h->others), size = sizeof(h->others);
	const char *comma = used ? ", " : "";

	if (h->count && used + strlen(comma) + strlen(h->node) + sizeof(", ...") <= size)
		snprintf(h->others + used, size - used, "%s%s", comma, h->node);
	else if (h->count && used && strcmp(h->others + used - 3, "...") != 0)
		snprintf(h->others + used, size - used, ", ...");
}

static void hold(struct held *h, const char *node, const char *format, va_list ap)
{
	count_other(h);
	vsnprintf(h->line, sizeof(h->line), format, ap);
	snprintf(h->node, sizeof(h->node), "%s", node);
	h->count++;
}

void report(enum report_kind kind, const char *node, uint64_t now, const char *format, ...)
{
	struct held *h = &all[kind];
	va_list ap;

	va_start(ap, format);
	if (now >= h->quiet_until_ns && !h->count) {
		h->quiet_until_ns = now + REPORT_QUIET_NS;
		log_vprintf(LOG_LEVEL_WARNING, 0, format, ap);
	} else {
		hold(h, node, format, ap);
	}
	va_end(ap);
}

static void write_held(struct held *h)
{
	if (h->count > 1)
		log_warning("%s (and so it is with %u more: %s)", h->line, h->count - 1, h->others);
	else if (h->count)
		log_warning("%s", h->line);
	h->count = 0;
	h->others[0] = 0;
}

uint64_t report_tick(uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < REPORT_KINDS; i++) {
		struct held *h = &all[i];

		if (h->count && now >= h->quiet_until_ns) {
			write_held(h);
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
		write_held(&all[i]);
		all[i].quiet_until_ns = 0;
	}
}
