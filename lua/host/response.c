/* SPDX-License-Identifier: MIT */
/* Answers that a service owes: see response.h. */
#include "lua/host/response.h"

#include "core/base/clock.h"
#include "core/base/must.h"
#include "core/actor/send.h"
#include "core/sched/timeout.h"
#include "lua/host/wait.h"

#define LOOK_FIRST_CS 50u
#define LOOK_HEAP_MAX ((size_t)4 << 20)

static void look_later(struct host *h, uint32_t cs)
{
	struct wait *w;

	h->look_cs = cs;
	h->look_session = host_new_session(h);
	w = wait_add(h, h->look_session, WAIT_LOOK);
	w->timer = service_timeout(h->s, h->look_session, 0, cs * NS_PER_CS);
}

void response_look(struct host *h)
{
	bool collect = false, more = false;

	must(h->look_session && !h->current);
	h->look_session = 0;
	for (struct response *r = h->responses; r; r = r->next) {
		collect |= r->age > 0 && r->age < RESPONSE_LOOKS;
		r->age += r->age < RESPONSE_LOOKS;
		more |= r->age < RESPONSE_LOOKS;
	}
	if (collect && h->memory <= LOOK_HEAP_MAX && !h->collector_chosen)
		lua_gc(h->L, LUA_GCCOLLECT);
	if (more && h->responses && !h->exiting)
		look_later(h, h->look_cs * 2);
}

void response_owe(struct response *r, struct host *h, uint32_t source, int32_t session)
{
	must(!r->host && session);
	r->host = h;
	r->source = source;
	r->session = session;
	r->next = h->responses;
	if (r->next)
		r->next->prev = r;
	h->responses = r;
	if (!h->look_session)
		look_later(h, LOOK_FIRST_CS);
}

void response_settle(struct response *r)
{
	if (!r->host)
		return;
	if (r->prev)
		r->prev->next = r->next;
	else
		r->host->responses = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->host = NULL;
}

void response_source_down(struct host *h, uint32_t source)
{
	for (struct response *r = h->responses; r; r = r->next)
		if (r->source == source)
			r->session = 0;
}

void response_fail_all(struct host *h)
{
	for (struct response *r = h->responses, *next; r; r = next) {
		next = r->next;
		if (r->session)
			service_send_error_text(service_handle(h->s), r->source, r->session,
						h->why);
		r->host = NULL;
	}
	h->responses = NULL;
}
