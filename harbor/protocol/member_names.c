/* SPDX-License-Identifier: MIT */
/* Requests stay in one list, in the order in which they were made, until they are answered: after a
 * break they are sent again in that order. */
#include "harbor/protocol/member_names.h"

#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/remote.h"

struct member_request {
	struct member_request *next;
	enum wire_kind kind;
	uint32_t id, from, handle;
	uint32_t target; /* WIRE_TRANSFER: the new owner */
	int32_t session;
	uint32_t sent;	      /* times; more than once: an answer may have been lost */
	bool reclaim;	      /* we held the name before the connection broke */
	uint64_t fence;	      /* reclaim: its registration */
	uint64_t deadline_ns; /* of the answer to its session; 0: the next tick sets it */
	char name[REMOTE_NAME_SIZE];
};

struct member_name {
	struct member_name *next;
	uint32_t handle;
	uint32_t from; /* who registered it, if that is known: hears of its loss, too */
	uint64_t fence;
	char name[REMOTE_NAME_SIZE];
};

#ifdef CHECKS
/* A list that is longer is not walked after each step. */
#define CHECK_MAX 64u

static bool requests_are_whole(const struct member *m)
{
	unsigned n = 0;

	if (m->request_count > CHECK_MAX)
		return true;
	for (const struct member_request *r = m->requests.first; r; r = r->next)
		if (++n > m->request_count || (!r->next && m->requests.last != &r->next))
			return false;
	return n == m->request_count;
}

/* What holds between two calls from outside. */
void member_check(const struct member *m)
{
	bool talks = m->state == MEMBER_CONNECTING || m->state == MEMBER_JOINING ||
		     m->state == MEMBER_JOINED;

	must(talks == (m->conn > 0));
	must(m->state != MEMBER_JOINED || (m->was_joined && m->self->id));
	must(m->self->id <= 255);
	must(!m->master_count || m->at < m->master_count);
	must(requests_are_whole(m));
}
#endif

void member_fini(struct member *m)
{
	struct member_request *r;

	while ((r = list_take(&m->requests, next)))
		mem_free(r);
	while (m->names) {
		struct member_name *n = m->names;

		m->names = n->next;
		mem_free(n);
	}
	m->request_count = 0;
}

const char *member_master(const struct member *m)
{
	return m->sent_to[0] ? m->sent_to : m->masters[m->at];
}

/* ---- names of ours ---- */

static struct member_name *name_find(struct member *m, const char *name)
{
	struct member_name *n = m->names;

	while (n && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}

static void name_add(struct member *m, const char *name, uint32_t handle, uint32_t from,
		     uint64_t fence)
{
	struct member_name *n = name_find(m, name);

	if (!n) {
		n = mem_zalloc(sizeof(*n));
		memcpy(n->name, name, strnlen(name, sizeof(n->name) - 1));
		n->next = m->names;
		m->names = n;
	}
	n->handle = handle;
	n->from = from;
	n->fence = fence;
}

static void name_drop(struct member *m, const char *name, uint32_t handle)
{
	for (struct member_name **p = &m->names; *p; p = &(*p)->next) {
		struct member_name *n = *p;

		if (n->handle == handle && strcmp(n->name, name) == 0) {
			*p = n->next;
			mem_free(n);
			return;
		}
	}
}

static void name_lost(struct member *m, const char *name, uint32_t handle, uint32_t winner)
{
	const struct member_name *n = name_find(m, name);
	uint32_t from = n && n->from != handle ? n->from : 0;

	name_drop(m, name, handle);
	m->ops->lost(m->ud, name, handle, winner);
	if (from)
		m->ops->lost(m->ud, name, from, winner);
}

/* ---- requests ---- */

static void send_request(struct member *m, struct member_request *r)
{
	struct wire_control c = { .kind = r->kind,
				  .request = r->id,
				  .handle = r->handle,
				  .target = r->target,
				  .fence = r->fence };

	if (m->state != MEMBER_JOINED)
		return;
	memcpy(c.text, r->name, sizeof(r->name));
	m->ops->write(m->ud, m->conn, &c);
	r->sent++;
}

static void add_request(struct member *m, const struct member_request *proto)
{
	struct member_request *r;

	if (m->request_count >= MEMBER_REQUESTS_MAX && !proto->reclaim) {
		m->ops->answer(m->ud, proto->from, proto->session, proto->name, WIRE_FULL,
			       REMOTE_QUEUE_FULL, 0);
		return;
	}
	r = mem_zalloc(sizeof(*r));
	*r = *proto;
	r->id = ++m->next_request;
	list_append(&m->requests, r, next);
	m->request_count++;
	send_request(m, r);
}

static struct member_request *take_request(struct member *m, uint32_t id)
{
	for (struct member_request **p = &m->requests.first; *p; p = &(*p)->next) {
		struct member_request *r = *p;

		if (r->id != id)
			continue;
		list_unlink(&m->requests, p, next);
		m->request_count--;
		return r;
	}
	return NULL;
}

/* Its name comes beside it. */
static void request(struct member *m, const char *name, struct member_request r)
{
	memcpy(r.name, name, strnlen(name, sizeof(r.name) - 1));
	add_request(m, &r);
}

/* Nobody waits for this one. */
static void give_up(struct member *m, const char *name, uint32_t handle)
{
	request(m, name, (struct member_request){ .kind = WIRE_RELEASE, .handle = handle });
}

void member_register(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_REGISTER,
					 .from = from,
					 .session = session,
					 .handle = handle });
	member_check(m);
}

void member_release(struct member *m, uint32_t from, int32_t session, const char *name,
		    uint32_t handle)
{
	request(m, name,
		(struct member_request){
			.kind = WIRE_RELEASE, .from = from, .session = session, .handle = handle });
	member_check(m);
}

void member_transfer(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle, uint32_t target)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_TRANSFER,
					 .from = from,
					 .session = session,
					 .handle = handle,
					 .target = target });
	member_check(m);
}

void member_query(struct member *m, uint32_t from, int32_t session, const char *name)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_QUERY, .from = from, .session = session });
	member_check(m);
}

void member_forget(struct member *m, uint32_t handle)
{
	/* What it registered and no answer came for yet may still be granted: a release goes behind
	 * it, to which the walk comes, too, but a release asks for none. */
	for (struct member_request *r = m->requests.first; r; r = r->next) {
		if (r->from == handle)
			r->session = 0;
		if (r->handle == handle && r->kind == WIRE_REGISTER)
			give_up(m, r->name, handle);
	}
	for (struct member_name *n = m->names, *next; n; n = next) {
		next = n->next;
		if (n->handle == handle)
			give_up(m, n->name, handle);
	}
	member_check(m);
}

/* Tells the master again what we hold. */
static void claim(struct member *m, const struct member_name *n)
{
	request(m, n->name,
		(struct member_request){ .kind = WIRE_REGISTER,
					 .from = n->from,
					 .handle = n->handle,
					 .reclaim = true,
					 .fence = n->fence });
}

/* Did this service of ours say something else of the name, which the master is still to hear? */
static bool has_said(const struct member *m, const char *name, uint32_t handle)
{
	const struct member_request *r = m->requests.first;

	while (r && (r->handle != handle || strcmp(r->name, name) != 0))
		r = r->next;
	return r != NULL;
}

/* The name could not be handed over, because the master knows another owner or none: he lost us
 * from sight meanwhile, and it was not claimed, since it was to go. */
static void claim_again(struct member *m, const char *name, uint32_t handle)
{
	const struct member_name *n = name_find(m, name);

	if (n && n->handle == handle && !has_said(m, name, handle))
		claim(m, n);
}

void member_answered(struct member *m, const struct wire_control *c)
{
	struct member_request *r = take_request(m, c->request);
	uint32_t code = c->code;
	bool lost;

	if (!r)
		return;
	lost = r->reclaim && code == WIRE_NAME_TAKEN && c->handle != r->handle;
	if (r->kind == WIRE_QUERY) {
		code = code == WIRE_NO_NAME ? WIRE_OK_CODE : code; /* that is an answer, too */
	} else if (r->kind == WIRE_TRANSFER) {
		if (code == WIRE_OK_CODE && r->handle != r->target)
			name_drop(m, r->name, r->handle);
		else if (code != WIRE_OK_CODE && c->handle != r->handle)
			claim_again(m, r->name, r->handle);
	} else if (r->kind == WIRE_RELEASE) {
		if (code == WIRE_NO_NAME && (r->sent > 1 || r->from == 0))
			code = WIRE_OK_CODE; /* done by an earlier sending, or gone anyway */
		name_drop(m, r->name, r->handle);
	} else if (code == WIRE_OK_CODE) {
		name_add(m, r->name, r->handle, r->from, c->fence);
	} else if (lost) {
		name_lost(m, r->name, r->handle, c->handle);
	} else if (r->reclaim) {
		name_drop(m, r->name, r->handle);
	}
	if (!lost && (code != WIRE_OK_CODE || r->session))
		m->ops->answer(m->ud, r->from, r->session, r->name, code, c->text, c->fence);
	mem_free(r);
}

void member_tell_all(struct member *m)
{
	struct member_request *first = m->requests.first;

	/* What was under way, in order; then what we hold, unless it is about to be given up. */
	for (struct member_request *r = first; r; r = r->next)
		send_request(m, r);
	for (struct member_name *n = m->names; n; n = n->next)
		if (!has_said(m, n->name, n->handle))
			claim(m, n);
}

/* ---- what the master says of names ---- */

/* Is there a request on the way after which the name is ours again, or goes as its owner has said?
 * Then the answer to it decides. */
static bool is_under_way(const struct member *m, const struct member_name *n, uint32_t now_owner)
{
	const struct member_request *r = m->requests.first;

	for (; r; r = r->next) {
		if (r->handle != n->handle || strcmp(r->name, n->name) != 0)
			continue;
		if (r->reclaim || r->kind == WIRE_RELEASE ||
		    (r->kind == WIRE_TRANSFER && r->target == now_owner))
			return true;
	}
	return false;
}

/* The master says that the name is this service's of ours: it asked for it, or another service has
 * handed the name to it, and then it must be there. */
static void name_came(struct member *m, const char *name, uint32_t handle, uint64_t fence)
{
	struct member_name *n = name_find(m, name);

	if (n && n->handle == handle) {
		n->fence = fence;
		return;
	}
	if (n && !is_under_way(m, n, handle))
		name_lost(m, name, n->handle, handle);
	if (m->ops->alive(m->ud, handle))
		name_add(m, name, handle, 0, fence);
	else if (!has_said(m, name, handle))
		give_up(m, name, handle);
}

void member_name_told(struct member *m, const struct wire_control *c)
{
	struct member_name *n = NULL;

	if (c->handle >> 24 == m->self->id) {
		name_came(m, c->text, c->handle, c->fence);
		return;
	}
	/* within a snapshot our own claim is still to come, or it is under way, and may win */
	if (m->state == MEMBER_JOINED)
		n = name_find(m, c->text);
	if (n && !is_under_way(m, n, c->handle))
		name_lost(m, c->text, n->handle, c->handle);
}

/* ---- time ---- */

static void expire_request(struct member *m, struct member_request *r)
{
	const struct member_name *ours = name_find(m, r->name);
	char text[sizeof(m->why) + 200];
	int32_t session = r->session;
	bool done = m->state == MEMBER_JOINED;

	snprintf(text, sizeof(text), "no answer in %u ms: %.399s%.127s%s",
		 (unsigned)(m->request_wait_ns / 1000000), done ? "master " : m->why,
		 done ? member_master(m) : "", done ? ": it is silent" : "");
	r->session = 0;
	m->ops->answer(m->ud, r->from, session, r->name, WIRE_NOT_HERE, text, 0);
	if (!r->sent || r->kind == WIRE_TRANSFER || r->kind == WIRE_QUERY)
		mem_free(take_request(m, r->id));
	else if (r->kind == WIRE_REGISTER && (!ours || ours->handle != r->handle))
		/* it may be granted yet, and nobody would know */
		give_up(m, r->name, r->handle);
}

/* Fails what waits for too long; returns when the next one is over. */
uint64_t member_expire_requests(struct member *m, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (struct member_request *r = m->requests.first, *next; r && m->request_wait_ns;
	     r = next) {
		next = r->next;
		if (!r->session)
			continue;
		if (!r->deadline_ns)
			r->deadline_ns = now + m->request_wait_ns;
		if (r->deadline_ns <= now)
			expire_request(m, r);
		else if (r->deadline_ns < first)
			first = r->deadline_ns;
	}
	return first;
}
