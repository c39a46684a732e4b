/* SPDX-License-Identifier: MIT */
/* Refused memory: see memory.h. */
#include "lua/host/memory.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "lua/host/host.h"

#define SAY_NS NS_PER_SEC

struct amount {
	char text[16];
};

static struct amount amount_of(size_t bytes)
{
	struct amount a;

	if (bytes < 1024)
		snprintf(a.text, sizeof(a.text), "%zu bytes", bytes);
	else if (bytes < (size_t)1 << 20)
		snprintf(a.text, sizeof(a.text), "%.4g KiB", (double)bytes / 1024);
	else
		snprintf(a.text, sizeof(a.text), "%.4g MiB", (double)bytes / (1 << 20));
	return a;
}

void memory_describe(const struct host *h, char ret[MEMORY_TEXT_MAX])
{
	const struct refusal *r = &h->refusal;

	if (h->memory_limit)
		snprintf(ret, MEMORY_TEXT_MAX, "memory limit %s reached (in use %s, wanted %s)",
			 amount_of(h->memory_limit).text, amount_of(r->in_use).text,
			 amount_of(r->growth).text);
	else
		snprintf(ret, MEMORY_TEXT_MAX,
			 "the system has no memory left (in use %s, wanted %s)",
			 amount_of(r->in_use).text, amount_of(r->growth).text);
}

void memory_refused(struct host *h, const void *p, size_t growth)
{
	struct refusal *r = &h->refusal;
	bool again = r->p == p && r->growth == growth;
	char text[MEMORY_TEXT_MAX];
	uint64_t now;

	r->p = p;
	r->growth = growth;
	r->in_use = h->memory;
	if (!again)
		return;
	now = clock_mono_ns();
	if (r->said_ns && now - r->said_ns < SAY_NS)
		return;
	r->said_ns = now;
	memory_describe(h, text);
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "%s", text);
}
