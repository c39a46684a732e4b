/* SPDX-License-Identifier: MIT */
/*
 * A call's session is also the session of its deadline: whatever comes first, answer, error or timer
 * (source 0), finishes it, and the others find no entry.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/sched/timeout.h"
#include "daemon/admin/call.h"
#include "core/base/json.h"
#include "daemon/admin/seri_min.h"

struct call {
	int32_t session; /* 0 = free */
	enum call_kind kind;
	struct asker who;
	struct msg *deadline;
};

/* [service] */
static struct call calls[CALLS_MAX];

static struct call *find(int32_t session)
{
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (calls[i].session == session)
			return &calls[i];
	return NULL;
}

/* Words that people type may be numbers; those of a command are what they are. */
static struct msg *pack(enum call_kind kind, const char *words, const char *end)
{
	struct seri_min seri = { 0 };
	struct msg *m;

	if (kind == CALL_NODE) {
		m = msg_create_copy(words, (size_t)(end - words));
		m->type = PTYPE_TEXT;
		return m;
	}
	for (const char *w = words; w < end; w += strlen(w) + 1) {
		if (kind == CALL_SERVICE)
			seri_min_word(&seri, w);
		else
			seri_min_string(&seri, w, strlen(w));
	}
	m = msg_create_copy(seri.bytes ? (void *)seri.bytes : "", seri.size);
	m->type = PTYPE_LUA;
	seri_min_fini(&seri);
	return m;
}

/* A program may wait for a global name to come; a person has most likely mistyped it. */
static bool is_known(const char *address)
{
	return address[0] == ':' || address[0] == '.' || remote_get()->find_name(address);
}

static int drop(struct msg *m)
{
	msg_destroy(m);
	return SEND_NO_SERVICE;
}

void call_begin(struct service *s, const struct asker *who, enum call_kind kind, uint32_t dest,
		const char *words, size_t size)
{
	const char *address = words, *end = words + size;
	struct call *c = find(0);
	struct msg *m;
	int r;

	if (!c) {
		asker_refuse(who, "too many calls wait for an answer");
		return;
	}
	if (kind == CALL_SERVICE)
		words += strlen(words) + 1;
	m = pack(kind, words, end);
	m->source = service_handle(s);
	m->dest = dest;
	m->session = service_new_session(s);
	*c = (struct call){ .session = m->session, .kind = kind, .who = *who };
	c->deadline = service_timeout(s, m->session, 0,
				      kind == CALL_NODE ? CALL_NODE_DEADLINE_NS : CALL_DEADLINE_NS);
	if (kind == CALL_SERVICE && !is_known(address))
		r = drop(m);
	else
		r = kind == CALL_SERVICE ? service_send_name(address, m) : service_send(m);
	/* Refused by a link or a full mailbox: the reason is in our mailbox already. */
	if (r != SEND_OK && r != SEND_REFUSED) {
		(void)service_timeout_cancel(c->deadline);
		c->session = 0;
		asker_refuse(who, "no such service");
	}
}

static void answer(const struct call *c, const void *p, size_t n)
{
	struct json j;

	if (n > CALL_ANSWER_MAX) {
		asker_refuse(&c->who, "the answer is too large to be shown");
		return;
	}
	if (c->kind != CALL_SERVICE) {
		asker_relay(&c->who, p, n);
		return;
	}
	json_init(&j);
	json_object(&j, NULL);
	if (seri_min_to_json(p, n, &j, "values") < 0) {
		asker_refuse(&c->who, "the answer is not in the lua protocol");
	} else {
		json_object_end(&j);
		asker_answer(&c->who, &j);
	}
	json_fini(&j);
}

void call_answer(int type, uint32_t source, int32_t session, const void *p, size_t n)
{
	struct call *c = session > 0 ? find(session) : NULL;
	cleanup(mem_freep) char *why = NULL;

	if (!c)
		return;
	if (type == PTYPE_RESPONSE && source == 0) {
		asker_refuse(&c->who, "no answer in time");
		c->session = 0;
		return;
	}
	(void)service_timeout_cancel(c->deadline);
	if (type == PTYPE_RESPONSE) {
		answer(c, p, n);
	} else {
		why = n ? mem_printf("call failed: %.*s", (int)(n < 4096 ? n : 4096), (const char *)p)
			: mem_strdup("call failed");
		asker_refuse(&c->who, why);
	}
	c->session = 0;
}

void call_end_all(void)
{
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		if (!calls[i].session)
			continue;
		/* the deadline may have died in the closed mailbox already: leave it alone */
		asker_refuse(&calls[i].who, "the node is stopping");
		calls[i].session = 0;
	}
}
