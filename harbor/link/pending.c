/* SPDX-License-Identifier: MIT */
/* A hash table with linear probing, deletion by shifting back (no tombstones), so
 * the cost of an entry does not depend on how many came and went before it. */
#include "harbor/link/pending.h"

#include "core/base/mem.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"

#define SIZE_MIN 64u

void pending_init(struct pending *p)
{
	*p = (struct pending){ 0 };
	lock_init(&p->lock, LOCK_pending);
}

void pending_fini(struct pending *p)
{
	mem_free(p->entries);
	lock_fini(&p->lock);
}

static unsigned home_of(const struct pending *p, uint32_t source, int32_t session)
{
	return msg_session_place(source, session) & (p->size - 1);
}

/* Its place, or the free one where it belongs. */
static struct pending_entry *seek(const struct pending *p, uint32_t source, int32_t session)
{
	unsigned i = home_of(p, source, session);

	while (p->entries[i].session &&
	       (p->entries[i].session != session || p->entries[i].source != source))
		i = (i + 1) & (p->size - 1);
	return &p->entries[i];
}

static void resize(struct pending *p, unsigned size)
{
	struct pending_entry *old = p->entries;
	unsigned n = p->size;

	p->size = size;
	p->entries = mem_zalloc(size * sizeof(*p->entries));
	for (unsigned i = 0; i < n; i++)
		if (old[i].session)
			*seek(p, old[i].source, old[i].session) = old[i];
	mem_free(old);
}

static bool add_locked(struct pending *p, const struct msg *m)
{
	struct pending_entry *e;

	lock_held(&p->lock);
	if (p->used * 2 >= p->size)
		resize(p, p->size ? p->size * 2 : SIZE_MIN);
	e = seek(p, m->source, m->session);
	if (!e->session && p->used >= PENDING_MAX)
		return false;
	if (!e->session)
		p->used++;
	*e = (struct pending_entry){ m->source, m->dest, m->session,
				     e->session ? e->count + 1 : 1 };
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

static void remove_locked(struct pending *p, unsigned hole)
{
	unsigned mask = p->size - 1;

	lock_held(&p->lock);
	for (unsigned i = (hole + 1) & mask; p->entries[i].session; i = (i + 1) & mask) {
		unsigned home = home_of(p, p->entries[i].source, p->entries[i].session);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			p->entries[hole] = p->entries[i];
			hole = i;
		}
	}
	p->entries[hole].session = 0;
	p->used--;
}

bool pending_answered(struct pending *p, const struct msg *m)
{
	struct pending_entry *e;
	bool waits = false;

	lock_take(&p->lock);
	if (p->used) {
		e = seek(p, m->dest, m->session);
		waits = e->session != 0;
		if (waits && --e->count == 0)
			remove_locked(p, (unsigned)(e - p->entries));
	}
	/* what a burst took is given back when the burst is over */
	if (p->size > SIZE_MIN * 16 && p->used == 0) {
		mem_free(p->entries);
		p->entries = NULL;
		p->size = 0;
	}
	lock_release(&p->lock);
	return waits;
}

void pending_fail(struct pending *p, const char *why)
{
	struct pending_entry *entries;
	unsigned n;

	lock_take(&p->lock);
	entries = p->entries;
	n = p->size;
	p->entries = NULL;
	p->used = p->size = 0;
	lock_release(&p->lock);
	for (unsigned i = 0; i < n; i++)
		if (entries[i].session)
			service_send_error_text(entries[i].dest, entries[i].source,
						entries[i].session, why);
	mem_free(entries);
}

unsigned pending_count(struct pending *p)
{
	unsigned n;

	lock_take(&p->lock);
	n = p->used;
	lock_release(&p->lock);
	return n;
}
