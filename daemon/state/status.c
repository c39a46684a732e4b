/* SPDX-License-Identifier: MIT */
/* The status line: state, role, peers, services, sockets, and what is wrong. */
#include <stdio.h>
#include <string.h>

#include "core/base/must.h"
#include "core/base/text.h"
#include "core/sched/monitor.h"
#include "core/sched/sched.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/move.h"
#include "core/actor/service.h"
#include "core/actor/title.h"
#include "daemon/state/inforce.h"
#include "daemon/state/info.h"
#include "daemon/state/notify.h"
#include "daemon/state/page.h"
#include "daemon/state/status.h"
#include "harbor/harbor.h"
#include "net/info.h"

/* [main] */
static char last[STATUS_MAX];
static uint64_t sent_ns, looked_ns;
static enum phase last_phase;

struct peers {
	unsigned up, known;
};

static void count_peer(const struct harbor_node_info *n, void *ud)
{
	struct peers *p = ud;

	/* nobody waits for one that has left */
	if (strcmp(n->state, "self") == 0 || strcmp(n->state, "left") == 0)
		return;
	p->known++;
	p->up += strcmp(n->state, "up") == 0;
}

static const char *role(void)
{
	return !info_get()->master ? "member" : harbor_is_master() ? "master" : "candidate";
}

static void add_cluster(struct text *l)
{
	struct peers p = { 0 };

	harbor_foreach_node(count_peer, &p);
	if (phase_get() >= PHASE_STARTING)
		text_printf(l, ", harbor %u", service_harbor());
	text_printf(l, ", %s, %u/%u peers up", role(), p.up, p.known);
	if (move_is_draining())
		text_printf(l, move_is_drained() ? ", drained" : ", drains");
	if (harbor_state() == HARBOR_MASTER_LOST)
		text_printf(l, ", master lost");
}

/* The first worker that does not come back, by the service that holds it. */
static void add_stuck(struct text *l, unsigned stuck)
{
	uint64_t now = clock_mono_ns();

	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle && v.turn_began_ns && now > v.turn_began_ns + MONITOR_CHECK_NS) {
			char name[LOG_NAME_MAX] = "";
			struct service *s = service_grab(v.handle);

			if (s)
				title_of_line(s->args, name);
			if (s)
				service_unref(s);
			text_printf(l, "; %u of %u workers stuck, service :%08x %s", stuck,
				    sched_workers(), v.handle, name);
			return;
		}
	}
}

size_t status_line(char *ret_text, size_t size)
{
	cleanup(text_fini) struct text l = { 0 };
	enum phase phase = phase_get();
	char reason[REASON_MAX], error[INFORCE_ERROR_MAX], page[PAGE_WHY];
	char unsaved[HARBOR_UNSAVED_MAX];
	unsigned stuck, waiting;
	size_t n;

	must(size > 0);
	text_printf(&l, "%s", phase_name(phase));
	if (phase > PHASE_BOOT && info_get()->cluster)
		add_cluster(&l);
	if (phase >= PHASE_STARTING)
		text_printf(&l, ", %u services, %u sockets", service_count(), net_count());
	stuck = monitor_stuck();
	if (stuck)
		add_stuck(&l, stuck);
	waiting = inforce_waiting();
	if (waiting)
		text_printf(&l, "; %u changes wait for a restart", waiting);
	inforce_error(error);
	if (*error)
		text_printf(&l, "; reload refused: %s", error);
	page_error(page);
	if (*page)
		text_printf(&l, "; no page: %s", page);
	if (phase > PHASE_BOOT && info_get()->cluster && harbor_is_unsaved(unsaved))
		text_printf(&l, "; the registry cannot be saved: %s", unsaved);
	reason_get(reason);
	if (*reason)
		text_printf(&l, "; %s", reason);
	/* a cut at the end may have left part of a character */
	n = l.size < size ? l.size : size - 1;
	while (n && n == size - 1 && (l.bytes[n - 1] & 0x80))
		n--;
	memcpy(ret_text, l.bytes, n);
	ret_text[n] = 0;
	return n;
}

void status_again(void)
{
	last[0] = 0;
	looked_ns = 0;
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
