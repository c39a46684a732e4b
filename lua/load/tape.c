/* SPDX-License-Identifier: MIT */
/* What a recording and a replay have in common: the launch. See tape.h. */
#include "lua/load/tape.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "lua/host/seri.h"
#include "lua/modules/cluster/multicast.h"

#define TAPE_COLLECT_MIN ((size_t)4 << 20)

/* [claim_lock] those that wait for a launch, the oldest first */
static _Atomic(struct tape *) waiting;
static struct lock claim_lock = LOCK_INIT(tape_claim);

static void message(struct service *s, void *ud, struct msg *m)
{
	container_of(s->message_log, struct tape, hook)->ops->message(s, ud, m);
}

struct tape *tape_of_service(struct service *s)
{
	return s && s->message_log && s->message_log->write == message
		       ? container_of(s->message_log, struct tape, hook)
		       : NULL;
}

void tape_stand_before(struct tape *t, struct service *s)
{
	t->hook = (struct message_log){ .write = message, .end = t->ops->end };
	service_set_message_log(s, &t->hook);
}

uint64_t tape_hash(const struct msg *m, uint64_t *ret_size)
{
	size_t size;
	const void *payload = multicast_payload(m, &size);

	*ret_size = size;
	return seri_has_pointer(payload, size) ? 0 : hash64(HASH64_START, payload, size);
}

static bool matches(const struct tape *t, const char *args)
{
	size_t n = strlen(t->service);

	return t->ops->plays ||
	       (strncmp(args, t->service, n) == 0 && (args[n] == 0 || args[n] == ' '));
}

/* The list is short, so it is made anew with each change. Relaxed: the lock orders, and who looks
 * without it only looks whether there is any. */
static void set_first_locked(struct tape *first)
{
	lock_held(&claim_lock);
	atomic_store_explicit(&waiting, first, memory_order_relaxed);
}

static struct tape *first_locked(void)
{
	lock_held(&claim_lock);
	return atomic_load_explicit(&waiting, memory_order_relaxed);
}

void tape_offer(struct tape *t)
{
	struct tape *last;

	lock_take(&claim_lock);
	t->next = NULL;
	last = first_locked();
	while (last && last->next)
		last = last->next;
	if (last)
		last->next = t;
	else
		set_first_locked(t);
	lock_release(&claim_lock);
}

/* Takes it out. false: it is not there. */
static bool remove_locked(struct tape *t)
{
	struct tape *before = NULL, *at = first_locked();

	for (; at && at != t; at = at->next)
		before = at;
	if (!at)
		return false;
	if (before)
		before->next = t->next;
	else
		set_first_locked(t->next);
	return true;
}

bool tape_withdraw(struct tape *t)
{
	bool waits;

	lock_take(&claim_lock);
	waits = remove_locked(t);
	lock_release(&claim_lock);
	return waits;
}

static noinline void claim(struct host *h)
{
	struct tape *t;

	lock_take(&claim_lock);
	t = first_locked();
	while (t && !matches(t, h->args))
		t = t->next;
	if (t) {
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
		(void)remove_locked(t);
	}
	lock_release(&claim_lock);
	if (!t)
		return;
	h->collector_chosen = h->collector_held = true;
	t->collect_at = TAPE_COLLECT_MIN;
	t->ops->begin(t, h);
}

bool tape_should_collect(const struct tape *t, const struct host *h)
{
	return h->memory > t->collect_at;
}

void tape_collect(struct tape *t, struct host *h, lua_State *L)
{
	lua_gc(L, LUA_GCCOLLECT);
	t->collect_at = h->memory * 2 > TAPE_COLLECT_MIN ? h->memory * 2 : TAPE_COLLECT_MIN;
}

void tape_attach(struct host *h)
{
	/* relaxed: a first look, the lock tells */
	if (unlikely(atomic_load_explicit(&waiting, memory_order_relaxed) != NULL))
		claim(h);
}
