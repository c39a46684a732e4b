/* SPDX-License-Identifier: MIT */
/* The status line: state, role, peers, services, sockets, and what is wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/sched/monitor.h"
#include "core/sched/sched.h"
#include "core/actor/service.h"
#include "daemon/node/info.h"
#include "daemon/admin/json.h"
#include "daemon/node/notify.h"
#include "daemon/node/status.h"
#include "harbor/harbor.h"
#include "net/net.h"

/* [main] */
static char last[STATUS_MAX];
static uint64_t sent_ns, looked_ns;
static enum phase last_phase;

struct line {
	char *text;
	size_t n, size;
};

static void add(struct line *l, const char *fmt, ...) printf_like(2, 3);

static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, l->size - l->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n = l->n + (size_t)n < l->size ? l->n + (size_t)n : l->size - 1;
}

struct peers {
	unsigned up, known;
};

static void count_peer(const struct harbor_node_info *n, void *ud)
{
	struct peers *p = ud;

	if (strcmp(n->state, "self") == 0)
		return;
	p->known++;
	p->up += strcmp(n->state, "up") == 0;
}

static void add_cluster(struct line *l)
{
	struct peers p = { 0 };

	harbor_foreach_node(count_peer, &p);
	if (phase_get() >= PHASE_STARTING)
		add(l, ", harbor %u", service_harbor());
	add(l, ", %s, %u/%u peers up", info_get()->master ? "master" : "member", p.up, p.known);
	if (harbor_state() == HARBOR_MASTER_LOST)
		add(l, ", master lost");
}

/* The first worker that does not come back, by the service that holds it. */
static void add_stuck(struct line *l, unsigned stuck)
{
	uint64_t now = clock_mono_ns();

	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle && v.turn_began_ns && now > v.turn_began_ns + MONITOR_CHECK_NS) {
			add(l, "; %u of %u workers stuck, service :%08x", stuck, sched_workers(), v.handle);
			return;
		}
	}
}

size_t status_line(char *ret_text, size_t size)
{
	struct line l = { .text = ret_text, .size = size };
	enum phase phase = phase_get();
	char reason[REASON_MAX];
	unsigned stuck;

	*ret_text = 0;
	add(&l, "%s", phase_name(phase));
	if (phase > PHASE_BOOT && info_get()->cluster)
		add_cluster(&l);
	if (phase >= PHASE_STARTING)
		add(&l, ", %u services, %u sockets", service_count(), net_count());
	stuck = monitor_stuck();
	if (stuck)
		add_stuck(&l, stuck);
	reason_get(reason);
	if (*reason)
		add(&l, "; %s", reason);
	/* a cut at the end may have left part of a character */
	while (l.n && l.n == size - 1 && (ret_text[l.n - 1] & 0x80))
		ret_text[--l.n] = 0;
	return l.n;
}

uint64_t status_tick(uint64_t now)
{
	char line[STATUS_MAX];

	if (!notify_active())
		return UINT64_MAX;
	/* a change of phase is told at once, anything else waits for the next look */
	if (sent_ns && phase_get() == last_phase) {
		if (now < looked_ns + STATUS_GAP_NS)
			return looked_ns + STATUS_GAP_NS;
	}
	looked_ns = now;
	status_line(line, sizeof(line));
	if (!sent_ns || now >= sent_ns + STATUS_REFRESH_NS || strcmp(line, last) != 0) {
		notify_printf("STATUS=%s", line);
		memcpy(last, line, sizeof(last));
		last_phase = phase_get();
		sent_ns = now;
	}
	return now + STATUS_LOOK_NS;
}
