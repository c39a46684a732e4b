/* SPDX-License-Identifier: MIT */
/* Requests that wait for one node, in a table by their source and session. */
#include "harbor/link/pending.h"

#include "core/actor/remote.h"
#include "core/actor/send.h"

struct entry {
	uint32_t source, dest;
	int32_t session;
	uint32_t count; /* requests that wait */
};

static const struct sessions_kind KIND = {
	.entry = sizeof(struct entry),
	.session = offsetof(struct entry, session),
	.service = offsetof(struct entry, source),
	.first = 64,
};

void pending_init(struct pending *p)
{
	*p = (struct pending){ 0 };
	lock_init(&p->lock, LOCK_pending);
}

void pending_fini(struct pending *p)
{
	sessions_fini(&p->table);
	lock_fini(&p->lock);
}

static bool add_locked(struct pending *p, const struct msg *m)
{
	struct entry *e;
	uint32_t count = 0;

	lock_held(&p->lock);
	e = sessions_find(&p->table, &KIND, m->source, m->session);
	if (e)
		count = e->count;
	else if (p->table.used < PENDING_MAX)
		e = sessions_add(&p->table, &KIND, m->source, m->session);
	else
		return false;
	*e = (struct entry){ m->source, m->dest, m->session, count + 1 };
	return true;
}

void pending_add(struct pending *p, struct msg *const *m, unsigned n)
{
	bool locked = false;

	for (unsigned i = 0; i < n; i++) {
		if (!msg_wants_answer(m[i]))
			continue;
		if (!locked)
			lock_take(&p->lock);
		locked = true;
		if (!add_locked(p, m[i]))
			service_fail_request(m[i], REMOTE_TOO_MANY);
	}
	if (locked)
		lock_release(&p->lock);
}

bool pending_answered(struct pending *p, const struct msg *m)
{
	struct entry *e;

	lock_take(&p->lock);
	e = sessions_find(&p->table, &KIND, m->dest, m->session);
	if (e && --e->count == 0)
		sessions_remove(&p->table, &KIND, e);
	lock_release(&p->lock);
	return e != NULL;
}

void pending_fail(struct pending *p, const char *why)
{
	struct sessions failed;

	lock_take(&p->lock);
	failed = p->table;
	p->table = (struct sessions){ 0 };
	lock_release(&p->lock);
	for (unsigned i = 0; i < failed.size; i++) {
		const struct entry *e = sessions_at(&failed, &KIND, i);

		if (e->session)
			service_send_error_text(e->dest, e->source, e->session, why);
	}
	sessions_fini(&failed);
}

unsigned pending_count(struct pending *p)
{
	unsigned n;

	lock_take(&p->lock);
	n = p->table.used;
	lock_release(&p->lock);
	return n;
}
