/* SPDX-License-Identifier: MIT */
/* The names are one map. Who waits for one stands in one list, oldest first: names come rarely, and
 * then the list is walked once. */
#include "harbor/directory.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/remote.h"
#include "core/log/log.h"

#define QUIET_NS NS_PER_SEC

struct directory_waiting {
	struct directory_waiting *next;
	struct msg *m; /* NULL: a question */
	uint32_t from;
	int32_t session;
	uint64_t deadline_ns; /* 0 = none */
	char name[REMOTE_NAME_SIZE];
};

/* Kept where the map has room for a text. */
struct directory_mark {
	uint64_t since_wall_ns;
	uint32_t generation;
};

void directory_init(struct directory *d, void (*send)(void *ud, struct msg *m_take), void *ud)
{
	must(send);
	*d = (struct directory){ .send = send, .ud = ud };
	rwlock_init(&d->lock, LOCK_directory);
}

void directory_fini(struct directory *d)
{
	struct directory_waiting *w;

	while ((w = list_take(&d->waiting, next))) {
		msg_destroy(w->m);
		mem_free(w);
	}
	map_fini(&d->names);
	groups_fini(&d->groups);
	rwlock_fini(&d->lock);
}

static uint32_t find_locked(const struct directory *d, const char *name)
{
	struct map_item *i = map_find(&d->names, name);

	rwlock_held(&d->lock);
	return i ? i->number : 0;
}

uint32_t directory_find(struct directory *d, const char *name)
{
	uint32_t handle;

	rwlock_read(&d->lock);
	handle = find_locked(d, name);
	rwlock_release(&d->lock);
	return handle;
}

uint64_t directory_fence(struct directory *d, const char *name, uint32_t *ret_handle)
{
	const struct map_item *i;
	uint64_t fence;

	rwlock_read(&d->lock);
	i = map_find(&d->names, name);
	*ret_handle = i ? i->number : 0;
	fence = i ? i->stamp : 0;
	rwlock_release(&d->lock);
	return fence;
}

/* ---- answers ---- */

static void reply(struct directory *d, const struct directory_waiting *w, int type,
		  const void *data, size_t n)
{
	struct msg *m = msg_create_copy(data, n);

	m->dest = w->m ? w->m->source : w->from;
	m->session = w->m ? w->m->session : w->session;
	m->type = (uint8_t)type;
	d->send(d->ud, m);
}

static void succeed(struct directory *d, struct directory_waiting *w, uint32_t handle)
{
	if (w->m) {
		w->m->dest = handle;
		d->send(d->ud, w->m);
	} else {
		reply(d, w, PTYPE_RESPONSE, &handle, sizeof(handle));
	}
}

/* Nobody waits for the outcome of a send, so the log is the only one to hear of it. A storm of them
 * is one line a second. */
static void complain(struct directory *d, const struct directory_waiting *w, const char *why)
{
	uint64_t now = clock_mono_ns();

	d->dropped++;
	if (now < d->quiet_until_ns)
		return;
	d->quiet_until_ns = now + QUIET_NS;
	log_printf(LOG_LEVEL_WARNING, w->m->source,
		   "Drop message from :%08x to the global name %s (type %d): %s; %llu so far",
		   w->m->source, w->name, w->m->type, why, (unsigned long long)d->dropped);
}

static void fail(struct directory *d, struct directory_waiting *w, const char *why)
{
	bool waits = !w->m || msg_wants_answer(w->m);

	if (waits)
		reply(d, w, PTYPE_ERROR, why, strlen(why));
	else
		complain(d, w, why);
	msg_destroy(w->m);
}

/* ---- names ---- */

static void answer(struct directory *d, uint32_t from, int32_t session, int type, const char *text)
{
	struct msg *m = msg_create_copy(text, strlen(text));

	m->dest = from;
	m->session = session;
	m->type = (uint8_t)type;
	d->send(d->ud, m);
}

/* The name has come or is about to go: whoever watches its group hears of it. */
static void change_group(struct directory *d, const char *name, bool here)
{
	struct group_watch *w = groups_set(&d->groups, name, here);

	while (w) {
		struct group_watch *next = w->next;

		answer(d, w->from, w->session, PTYPE_RESPONSE, "");
		mem_free(w);
		w = next;
	}
}

static void drop_locked(struct directory *d, struct map_item *i)
{
	rwlock_held(&d->lock);
	change_group(d, i->key, false);
	map_remove(&d->names, i);
}

static void mark(struct directory *d, struct map_item *i, uint64_t wall_ns)
{
	struct directory_mark *m = (struct directory_mark *)(void *)i->text;

	if (!m) {
		m = mem_zalloc(sizeof(*m));
		m->since_wall_ns = wall_ns;
		i->text = (char *)m;
	}
	m->generation = d->generation;
}

static void serve_waiting(struct directory *d, const char *name, uint32_t handle)
{
	for (struct directory_waiting **p = &d->waiting.first; *p;) {
		struct directory_waiting *w = *p;

		if (strcmp(w->name, name) != 0) {
			p = &w->next;
			continue;
		}
		list_unlink(&d->waiting, p, next);
		d->count--;
		succeed(d, w, handle);
		mem_free(w);
	}
}

void directory_set(struct directory *d, const char *name, uint32_t handle, uint64_t fence,
		   uint64_t wall_ns)
{
	struct map_item *i;

	must(*name && strlen(name) < sizeof(((struct directory_waiting *)NULL)->name));
	rwlock_write(&d->lock);
	i = map_find(&d->names, name);
	if (i && i->number != handle) {
		drop_locked(d, i);
		i = NULL;
	}
	if (handle) {
		if (!i) {
			i = map_add(&d->names, name);
			i->number = handle;
			change_group(d, name, true);
		}
		i->stamp = fence;
		mark(d, i, wall_ns);
		serve_waiting(d, name, handle);
	}
	rwlock_release(&d->lock);
}

struct leaving {
	struct directory *d;
	unsigned node; /* whose names go; 0: those that the snapshot did not bring */
};

static bool leaves(struct map_item *i, void *ud)
{
	const struct leaving *l = ud;
	const struct directory_mark *m = (const struct directory_mark *)(void *)i->text;

	if (l->node ? i->number >> 24 != l->node : m->generation == l->d->generation)
		return false;
	change_group(l->d, i->key, false);
	return true;
}

void directory_drop_node(struct directory *d, unsigned id)
{
	struct leaving l = { .d = d, .node = id };

	rwlock_write(&d->lock);
	map_sweep(&d->names, leaves, &l);
	rwlock_release(&d->lock);
}

void directory_snapshot(struct directory *d, bool complete)
{
	struct leaving l = { .d = d };

	rwlock_write(&d->lock);
	if (!complete)
		d->generation++;
	else
		map_sweep(&d->names, leaves, &l);
	rwlock_release(&d->lock);
}

/* ---- waiting ---- */

static bool wait_for(struct directory *d, const char *name, struct directory_waiting *w)
{
	uint32_t handle;
	bool waits;

	memcpy(w->name, name, strnlen(name, sizeof(w->name) - 1));
	rwlock_write(&d->lock);
	/* it may have come since the caller looked */
	handle = find_locked(d, name);
	waits = !handle && d->count < DIRECTORY_WAITING_MAX;
	if (waits) {
		list_append(&d->waiting, w, next);
		d->count++;
	} else if (handle) {
		succeed(d, w, handle);
	} else {
		fail(d, w, REMOTE_QUEUE_FULL);
	}
	rwlock_release(&d->lock);
	if (!waits)
		mem_free(w);
	return !waits;
}

void directory_ask(struct directory *d, const char *name, uint32_t from, int32_t session,
		   uint64_t deadline_ns)
{
	struct directory_waiting *w = mem_zalloc(sizeof(*w));

	w->from = from;
	w->session = session;
	w->deadline_ns = deadline_ns;
	(void)wait_for(d, name, w);
}

bool directory_post(struct directory *d, const char *name, struct msg *m, uint64_t deadline_ns)
{
	struct directory_waiting *w = mem_zalloc(sizeof(*w));

	w->m = m;
	w->deadline_ns = deadline_ns;
	return wait_for(d, name, w);
}

/* Takes out what is over (now_ns) or what a service waits for (handle). */
static void sweep(struct directory *d, uint64_t now_ns, const char *why, uint32_t handle,
		  uint64_t *ret_next)
{
	uint64_t next = UINT64_MAX;

	rwlock_write(&d->lock);
	for (struct directory_waiting **p = &d->waiting.first; *p;) {
		struct directory_waiting *w = *p;
		/* what a dead service sent is still sent */
		bool theirs = handle && !w->m && w->from == handle;
		bool over = now_ns && w->deadline_ns && w->deadline_ns <= now_ns;

		if (!theirs && !over) {
			if (w->deadline_ns && w->deadline_ns < next)
				next = w->deadline_ns;
			p = &w->next;
			continue;
		}
		list_unlink(&d->waiting, p, next);
		d->count--;
		if (over)
			fail(d, w, why);
		mem_free(w);
	}
	rwlock_release(&d->lock);
	*ret_next = next;
}

uint64_t directory_expire(struct directory *d, uint64_t now_ns, const char *why)
{
	uint64_t next;

	sweep(d, now_ns, why, 0, &next);
	return next;
}

size_t directory_members(struct directory *d, const char *group, uint32_t *ret, size_t max,
			 uint64_t *ret_version)
{
	size_t n;

	rwlock_read(&d->lock);
	n = groups_members(&d->groups, group, ret, max, ret_version);
	rwlock_release(&d->lock);
	return n;
}

void directory_watch_group(struct directory *d, const char *group, uint64_t version, uint32_t from,
			   int32_t session)
{
	const char *why;

	rwlock_write(&d->lock);
	if (!groups_watch(&d->groups, group, version, from, session, &why))
		answer(d, from, session, why ? PTYPE_ERROR : PTYPE_RESPONSE, why ? why : "");
	rwlock_release(&d->lock);
}

void directory_forget(struct directory *d, uint32_t handle)
{
	uint64_t next;

	rwlock_write(&d->lock);
	groups_forget(&d->groups, handle);
	rwlock_release(&d->lock);
	sweep(d, 0, NULL, handle, &next);
}

void directory_foreach(struct directory *d,
		       void (*f)(const char *name, uint32_t handle, uint64_t fence,
				 uint64_t since_wall_ns, void *ud),
		       void *ud)
{
	rwlock_read(&d->lock);
	for (size_t i = 0; i < d->names.count; i++) {
		const struct map_item *n = &d->names.items[i];

		f(n->key, n->number, n->stamp,
		  ((struct directory_mark *)(void *)n->text)->since_wall_ns, ud);
	}
	rwlock_release(&d->lock);
}

void directory_foreach_waiting(struct directory *d,
			       void (*f)(const char *name, uint32_t handle, void *ud), void *ud)
{
	rwlock_read(&d->lock);
	for (struct directory_waiting *w = d->waiting.first; w; w = w->next)
		f(w->name, w->m ? w->m->source : w->from, ud);
	rwlock_release(&d->lock);
}
