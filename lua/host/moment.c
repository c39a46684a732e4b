/* SPDX-License-Identifier: MIT */
/* What a worker is at: see moment.h. */
#include "lua/host/moment.h"

#include <string.h>

#include "core/base/guard.h"
#include "lua/host/chain.h"
#include "lua/host/host.h"
#include "lua/host/run.h"

struct reading {
	struct moment *m;
	struct service *s;
	const void *context;
	unsigned max;
};

static void read_calls(void *ud)
{
	struct reading *r = ud;

	r->m->calls = backtrace_read(r->context, r->m->call);
}

static void read_task(struct moment *m, const struct task *t)
{
	if (t->request_state == REQUEST_NONE)
		return;
	m->source = t->source;
	m->session = t->session;
	for (unsigned i = 0; t->request_proto && i + 1 < sizeof(m->proto); i++) {
		m->proto[i] = t->request_proto->name[i];
		if (!m->proto[i])
			break;
	}
	m->serves = true;
}

static void read_lua(void *ud)
{
	struct reading *r = ud;
	struct host *h = run_host_of(r->s);
	struct task *t = h ? h->current : NULL;

	if (!h || !h->L || !h->running)
		return;
	r->m->runs_lua = true;
	if (t)
		read_task(r->m, t);
	r->m->frames = chain_frames(t ? t->co : h->running, h->running, r->m->frame, r->max,
				    &r->m->depth);
}

void moment_read_lua(struct moment *ret, struct service *s, unsigned max)
{
	struct reading r = { ret, s, NULL, max < MOMENT_FRAMES ? max : MOMENT_FRAMES };

	memset(ret, 0, offsetof(struct moment, frame));
	ret->calls = 0;
	if (!s)
		return;
	ret->handle = service_handle(s);
	ret->is_lua = run_is_host(s);
	ret->broken = !guard_run(read_lua, &r);
}

void moment_read(struct moment *ret, struct service *s, const void *context, unsigned max)
{
	struct reading r = { ret, s, context, 0 };

	moment_read_lua(ret, s, max);
	(void)guard_run(read_calls, &r);
}
