/* SPDX-License-Identifier: MIT */
/* Standing still, and what comes after it: see move.h. */
#include "lua/host/move.h"

#include <string.h>

#include "core/actor/forwarder.h"
#include "core/actor/handle.h"
#include "core/actor/mailbox.h"
#include "core/actor/move.h"
#include "core/actor/send.h"
#include "core/base/must.h"
#include "lua/host/response.h"

static _Thread_local const struct move_past *next_past; /* of the next birth on this thread */

void move_set_past(const struct move_past *past)
{
	next_past = past;
}

void move_begin(struct host *h)
{
	const struct move_past *past = next_past;

	next_past = NULL;
	if (!past)
		return;
	h->state = msg_create_copy(past->state, past->size);
	move_get()->adopted(service_handle(h->s), past->lives, past->count, past->attempt);
}

void move_hold(struct host *h, enum move_hold hold)
{
	must_slow(host_is_here(h) && hold != MOVE_HOLD_NONE);
	h->hold = (uint8_t)hold;
	h->unusual = true;
}

static bool waits(const struct host *h, const struct msg *m)
{
	if (h->hold == MOVE_HOLD_ALL)
		return true;
	return h->hold == MOVE_HOLD_REQUESTS && !msg_is_answer(m) && m->type != PTYPE_DEBUG;
}

bool move_holds(struct host *h, struct msg *m)
{
	unsigned bound = mailbox_bound(&h->s->mailbox);

	if (!waits(h, m))
		return false;
	if (bound && h->held_count >= bound && !msg_is_answer(m)) {
		service_reject(m, "the mailbox is full");
		return true;
	}
	list_append(&h->held, m, next);
	h->held_count++;
	return true;
}

unsigned move_busy(struct host *h, unsigned *ret_owed)
{
	unsigned n = 0, owed = 0;

	for (const struct response *r = h->responses; r; r = r->next) {
		n++;
		owed++;
	}
	for (const struct task *t = h->live; t; t = t->next) {
		if (t == h->current || t->request_state == REQUEST_NONE)
			continue;
		n++;
		owed += t->request_state == REQUEST_OPEN && t->session;
	}
	*ret_owed = owed;
	return n;
}

static struct msg *take_held(struct host *h)
{
	h->held_count = 0;
	h->hold = MOVE_HOLD_NONE;
	return list_take_all(&h->held);
}

void move_release(struct host *h)
{
	struct msg *m = take_held(h), *next;

	for (; m; m = next) {
		next = m->next;
		service_reject(m, h->why);
	}
}

/* ---- orders of others ---- */

struct order {
	struct service_order head;
	uint32_t to; /* 0: goes on */
};

static void go_on(struct service *s, struct host *h)
{
	struct msg *m = take_held(h), *next;

	for (; m && !h->exiting; m = next) {
		next = m->next;
		if (h->hold) { /* asked to move again by one of these */
			list_append(&h->held, m, next);
			h->held_count++;
		} else {
			s->on_message(s, h, m);
		}
	}
	for (; m; m = next) {
		next = m->next;
		service_reject(m, h->why);
	}
}

static void obey(struct service *s, struct msg *m)
{
	uint32_t to = ((const struct order *)msg_payload(m))->to;
	/* Who can move is a Lua service that has loaded its file; a forwarder cannot. relaxed: only
	 * the owner writes it. */
	bool here = m->dest == service_handle(s) &&
		    (atomic_load_explicit(&s->wants, memory_order_relaxed) & MOVE_CAN_MOVE);
	struct host *h = here ? s->ud : NULL;

	msg_destroy(m);
	if (!h || !h->hold)
		return;
	if (to) {
		h->why = "the callee has moved to another node";
		forwarder_make(s, to, take_held(h));
	} else {
		go_on(s, h);
	}
}

static bool order(uint32_t handle, uint32_t to)
{
	struct service *s = service_grab(handle);
	struct msg *m;
	int r;

	if (!s)
		return false;
	m = msg_create(sizeof(struct order));
	*(struct order *)msg_payload(m) = (struct order){ { obey }, to };
	m->size = 0;
	m->dest = handle;
	m->type = PTYPE_RESPONSE; /* no bound refuses it, and nobody waits for an answer */
	m->flags = MSG_ORDER;
	r = service_push(s, m);
	service_unref(s);
	return r == SEND_OK;
}

bool move_thaw(uint32_t handle)
{
	return order(handle, 0);
}

bool move_away(uint32_t handle, uint32_t to)
{
	must(to);
	return order(handle, to);
}
