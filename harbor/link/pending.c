/* SPDX-License-Identifier: MIT */
/* Requests that wait for one node, in a table by their source and session. */
#include "harbor/link/pending.h"

#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/base/mem.h"
#include "net/post.h"

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

struct refused {
	uint32_t source, dest;
	int32_t session;
};

static void refuse(void *arg)
{
	struct refused *r = arg;

	service_send_error_text(r->dest, r->source, r->session, REMOTE_TOO_MANY);
	mem_free(r);
}

/* The link's lock is held, too, and whoever asked may be behind a link of his own. */
static void refuse_soon(const struct msg *m)
{
	struct refused *r = mem_alloc(sizeof(*r));

	*r = (struct refused){ m->source, m->dest, m->session };
	post_or_discard(refuse, r, mem_free);
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
			refuse_soon(m[i]);
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

uint32_t pending_asked(struct pending *p, const struct msg *m)
{
	const struct entry *e;
	uint32_t dest;

	lock_take(&p->lock);
	e = sessions_find(&p->table, &KIND, m->dest, m->session);
	dest = e ? e->dest : 0;
	lock_release(&p->lock);
	return dest;
}

/* Takes out one of those to dest, of a node's services or (0) of all. A removal moves others into
 * its place, and may make the table smaller: then the search begins anew. */
static bool take(struct pending *p, unsigned node, uint32_t dest, unsigned *at, struct entry *ret)
{
	unsigned size;
	bool found = false;

	lock_take(&p->lock);
	size = p->table.size;
	for (; *at < p->table.size && !found; found ? 0 : ++*at) {
		struct entry *e = sessions_at(&p->table, &KIND, *at);

		found = e->session && e->dest == dest && (!node || e->source >> 24 == node);
		if (!found)
			continue;
		*ret = *e;
		sessions_remove(&p->table, &KIND, e);
	}
	if (p->table.size != size)
		*at = 0;
	lock_release(&p->lock);
	return found;
}

static void put(struct pending *p, const struct entry *e)
{
	struct entry *there;
	uint32_t count = e->count;

	lock_take(&p->lock);
	there = sessions_find(&p->table, &KIND, e->source, e->session);
	if (there)
		count += there->count;
	else
		there = sessions_add(&p->table, &KIND, e->source, e->session);
	*there = *e;
	there->count = count;
	lock_release(&p->lock);
}

void pending_move(struct pending *p, uint32_t dest, struct pending *to, uint32_t new_dest)
{
	unsigned at = 0;
	struct entry e;

	while (take(p, 0, dest, &at, &e)) {
		e.dest = new_dest;
		if (to)
			put(to, &e);
	}
}

void pending_forget(struct pending *p, unsigned node, uint32_t dest)
{
	unsigned at = 0;
	struct entry e;

	while (take(p, node, dest, &at, &e))
		;
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
