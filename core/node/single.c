/* SPDX-License-Identifier: MIT */
/* The single node's remote table: no other nodes, global names live here. See single.h. */
#include "core/node/single.h"

#include <string.h>

#include "core/actor/group.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/units.h"
#include "core/ds/map.h"
#include "core/log/log.h"
#include "core/sched/timer.h"

/* Bounds, because a service can register and ask without end. */
#define NAMES_MAX 65536u
#define QUESTIONS_MAX 65536u

#define REMOTE_BAD_NAME "invalid name"
#define REMOTE_NAMES_FULL "too many names"

struct question {
	struct timer timer; /* first: fired as a question */
	struct question *next;
	uint32_t from;
	int32_t session;
	bool timed;
	char name[REMOTE_NAME_SIZE];
};

static struct {
	struct lock lock;
	struct map names;     /* stamp: the number of the registration */
	uint64_t number;      /* the last one given */
	struct groups groups; /* of the names that are memberships */
	struct question *questions;
	unsigned count;
} R = { .lock = LOCK_INIT(single) };

/* Numbers grow over all lives of a node, as a master's do: they count the microseconds of the wall
 * clock, and go on by one where that has not grown. So a number also says since when. */
static uint64_t next_number_locked(void)
{
	uint64_t now = clock_wall_ns() / NS_PER_US;

	lock_held(&R.lock);
	R.number = now > R.number ? now : R.number + 1;
	return R.number;
}

static int single_send(struct msg *m)
{
	service_fail_request(m, REMOTE_NO_NODE);
	if (!msg_wants_answer(m))
		log_printf(LOG_LEVEL_WARNING, m->source, "Drop message to :%08x: " REMOTE_NO_NODE,
			   m->dest);
	msg_destroy(m);
	return SEND_REFUSED;
}

static uint32_t single_find_name(const char *name)
{
	struct map_item *i;
	uint32_t handle;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	handle = i ? i->number : 0;
	lock_release(&R.lock);
	return handle;
}

static int single_send_name(const char *name, struct msg *m)
{
	m->dest = single_find_name(name);
	if (m->dest)
		/* the owner may just have ended */
		return service_forward(m) == SEND_OK ? SEND_OK : SEND_REFUSED;
	service_fail_request(m, REMOTE_NO_NAME);
	msg_destroy(m);
	return SEND_OK;
}

/* Oldest first. One whose timer is firing just now stays: question_expired waits for the lock, and
 * the question is its to answer and to free. */
static struct question *take_questions_locked(const char *name, uint32_t from)
{
	struct question *taken = NULL;

	lock_held(&R.lock);
	for (struct question **p = &R.questions; *p;) {
		struct question *q = *p;

		if (((name && strcmp(q->name, name) == 0) || (from && q->from == from)) &&
		    (!q->timed || timer_disarm(&q->timer))) {
			*p = q->next;
			R.count--;
			q->next = taken;
			taken = q;
		} else {
			p = &q->next;
		}
	}
	return taken;
}

static void question_expired(struct timer *t)
{
	struct question *q = (struct question *)t;

	lock_take(&R.lock);
	for (struct question **p = &R.questions; *p; p = &(*p)->next)
		if (*p == q) {
			*p = q->next;
			R.count--;
			break;
		}
	lock_release(&R.lock);
	service_send_error_text(0, q->from, q->session, REMOTE_NO_NAME);
	mem_free(q);
}

/* The name is there, or is taken away. Returns who is to hear of it. */
static struct group_watch *change_group_locked(struct map_item *i, bool here)
{
	struct group_watch *w = groups_set(&R.groups, i->key, here);

	lock_held(&R.lock);
	if (!here)
		map_remove(&R.names, i);
	return w;
}

static void answer_watches(struct group_watch *w)
{
	while (w) {
		struct group_watch *next = w->next;

		service_answer(0, w->from, w->session, NULL, 0);
		mem_free(w);
		w = next;
	}
}

static void single_register_name(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	struct question *q = NULL;
	const char *why = NULL;
	struct group_watch *w = NULL;
	struct map_item *i;
	uint64_t fence = 0;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	if (i && i->number != handle) {
		why = REMOTE_NAME_TAKEN;
	} else if (!i && !group_allows(name, handle)) {
		why = REMOTE_BAD_NAME;
	} else if (!i && R.names.count >= NAMES_MAX) {
		why = REMOTE_NAMES_FULL;
	} else if (!i) {
		i = map_add(&R.names, name);
		i->number = handle;
		i->stamp = next_number_locked();
		q = take_questions_locked(name, 0);
		w = change_group_locked(i, true);
	}
	if (i)
		fence = i->stamp;
	lock_release(&R.lock);
	answer_watches(w);
	while (q) {
		struct question *next = q->next;

		service_answer(0, q->from, q->session, &handle, sizeof(handle));
		mem_free(q);
		q = next;
	}
	if (!why)
		service_answer(0, from, session, &fence, sizeof(fence));
	else if (session)
		service_send_error_text(0, from, session, why);
	else
		log_printf(LOG_LEVEL_WARNING, from, "global name %s: %s", name, why);
}

static void single_release_name(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	struct group_watch *w = NULL;
	struct map_item *i;
	bool mine;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	mine = i && (!handle || i->number == handle);
	if (mine)
		w = change_group_locked(i, false);
	lock_release(&R.lock);
	answer_watches(w);
	if (mine)
		service_answer(0, from, session, NULL, 0);
	else if (session)
		service_send_error_text(0, from, session, REMOTE_NO_NAME);
}

static void single_transfer_name(uint32_t from, int32_t session, const char *name, uint32_t handle,
				 uint32_t target)
{
	struct service *heir = service_grab(target);
	const char *why = heir ? NULL : SEND_NO_SERVICE_TEXT;
	struct map_item *i;
	uint64_t fence = 0;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	if (!i)
		why = REMOTE_NO_NAME;
	else if (handle && i->number != handle && i->number != target)
		why = REMOTE_NOT_OWNER;
	if (!why && i->number != target) {
		i->number = target;
		i->stamp = next_number_locked();
	}
	if (i)
		fence = i->stamp;
	lock_release(&R.lock);
	if (heir)
		service_unref(heir);
	if (!why)
		service_answer(0, from, session, &fence, sizeof(fence));
	else
		service_send_error_text(0, from, session, why);
}

static uint64_t single_name_fence(const char *name, uint32_t *ret_handle)
{
	struct map_item *i;
	uint64_t fence;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	*ret_handle = i ? i->number : 0;
	fence = i ? i->stamp : 0;
	lock_release(&R.lock);
	return fence;
}

static size_t single_group_members(const char *group, uint32_t *ret, size_t max,
				   uint64_t *ret_version)
{
	size_t n;

	lock_take(&R.lock);
	n = groups_members(&R.groups, group, ret, max, ret_version);
	lock_release(&R.lock);
	return n;
}

static void single_wait_group(uint32_t from, int32_t session, const char *group, uint64_t version)
{
	const char *why;
	bool waits;

	lock_take(&R.lock);
	waits = groups_watch(&R.groups, group, version, from, session, &why);
	lock_release(&R.lock);
	if (why)
		service_send_error_text(0, from, session, why);
	else if (!waits)
		service_answer(0, from, session, NULL, 0);
}

static uint64_t single_round_trip(unsigned id)
{
	return id == service_harbor() ? 0 : UINT64_MAX;
}

static void single_sync_name(uint32_t from, int32_t session, const char *name)
{
	uint32_t handle;
	uint64_t fence = single_name_fence(name, &handle);

	service_answer(0, from, session, &fence, fence ? sizeof(fence) : 0);
}

static void single_query_name(uint32_t from, int32_t session, const char *name, uint32_t timeout_ms)
{
	struct map_item *i;
	const char *why = NULL;
	uint32_t handle = 0;

	lock_take(&R.lock);
	i = map_find(&R.names, name);
	if (i) {
		handle = i->number;
	} else if (!remote_name_valid(name)) {
		why = REMOTE_BAD_NAME; /* it can never be registered */
	} else if (R.count >= QUESTIONS_MAX) {
		why = REMOTE_QUEUE_FULL;
	} else {
		struct question *q = mem_zalloc(sizeof(*q));

		q->from = from;
		q->session = session;
		q->timed = timeout_ms != 0;
		memcpy(q->name, name, strnlen(name, sizeof(q->name) - 1));
		q->next = R.questions;
		R.questions = q;
		R.count++;
		q->timer.fire = question_expired;
		if (q->timed)
			timer_arm(&q->timer, clock_mono_ns() + timeout_ms * NS_PER_MS);
	}
	lock_release(&R.lock);
	if (handle)
		service_answer(0, from, session, &handle, sizeof(handle));
	else if (why)
		service_send_error_text(0, from, session, why);
}

static void single_wait_connected(uint32_t from, int32_t session, unsigned id)
{
	(void)id;
	log_printf(LOG_LEVEL_ERROR, from, "Can't connect to other harbor in single node mode");
	service_send_error_text(0, from, session, REMOTE_NO_NODE);
}

static void single_wait_disconnected(uint32_t from, int32_t session, unsigned id)
{
	(void)id;
	service_answer(0, from, session, NULL, 0);
}

static void single_wait_master_lost(uint32_t from, int32_t session)
{
	service_send_error_text(0, from, session, "there is no master in single node mode");
}

static void single_service_ended(uint32_t handle)
{
	struct group_watch *w = NULL, *more;
	struct question *q;

	lock_take(&R.lock);
	groups_forget(&R.groups, handle);
	for (size_t i = R.names.count; i-- > 0;) {
		if (R.names.items[i].number != handle)
			continue;
		more = change_group_locked(&R.names.items[i], false);
		while (more) {
			struct group_watch *next = more->next;

			more->next = w;
			w = more;
			more = next;
		}
	}
	q = take_questions_locked(NULL, handle);
	lock_release(&R.lock);
	answer_watches(w);
	while (q) {
		struct question *next = q->next;

		mem_free(q);
		q = next;
	}
}

/* Nobody else is there to take one. */
static void single_wait_name_lost(uint32_t from, int32_t session)
{
	(void)from;
	(void)session;
}

/* There is no other node. */
static void single_wait_messages_lost(uint32_t from, int32_t session, uint64_t after)
{
	(void)from;
	(void)session;
	(void)after;
}

static void single_births(void)
{
}

const struct remote_ops single_ops = {
	.send = single_send,
	.send_name = single_send_name,
	.find_name = single_find_name,
	.register_name = single_register_name,
	.release_name = single_release_name,
	.transfer_name = single_transfer_name,
	.name_fence = single_name_fence,
	.sync_name = single_sync_name,
	.group_members = single_group_members,
	.wait_group = single_wait_group,
	.round_trip = single_round_trip,
	.query_name = single_query_name,
	.wait_connected = single_wait_connected,
	.wait_disconnected = single_wait_disconnected,
	.wait_master_lost = single_wait_master_lost,
	.wait_name_lost = single_wait_name_lost,
	.wait_messages_lost = single_wait_messages_lost,
	.service_ended = single_service_ended,
	.births = single_births,
};

void single_foreach_name(void (*f)(const char *name, uint32_t handle, uint64_t fence,
				   uint64_t since, void *ud),
			 void *ud)
{
	lock_take(&R.lock);
	for (size_t i = 0; i < R.names.count; i++)
		f(R.names.items[i].key, R.names.items[i].number, R.names.items[i].stamp,
		  R.names.items[i].stamp * NS_PER_US, ud);
	lock_release(&R.lock);
}

void single_foreach_waiting(void (*f)(const char *name, uint32_t from, void *ud), void *ud)
{
	lock_take(&R.lock);
	for (const struct question *q = R.questions; q; q = q->next)
		f(q->name, q->from, ud);
	lock_release(&R.lock);
}
