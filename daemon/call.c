/* SPDX-License-Identifier: MIT */
/*
 * A call's session is also the session of its deadline: whatever comes first, answer, error or timer
 * (source 0), finishes it, and the others find no entry.
 */
#include <string.h>

#include "core/mem.h"
#include "daemon/admin.h"
#include "daemon/call.h"
#include "daemon/json.h"
#include "daemon/seri_min.h"

struct call {
	int32_t session; /* 0 = free */
	int connection;
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

void call_refuse(int connection, const char *why)
{
	admin_answer_error(connection, why);
}

void call_begin(struct service *s, int connection, const char *words, size_t size)
{
	const char *address = words, *end = words + size;
	struct call *c = find(0);
	struct seri_min seri = { 0 };
	struct msg *m;

	if (!c) {
		call_refuse(connection, "too many calls wait for an answer");
		return;
	}
	for (const char *w = words + strlen(words) + 1; w < end; w += strlen(w) + 1)
		seri_min_word(&seri, w);
	m = msg_create_copy(seri.bytes ? (void *)seri.bytes : "", seri.size);
	seri_min_fini(&seri);
	m->source = service_handle(s);
	m->session = service_new_session(s);
	m->type = PTYPE_LUA;
	*c = (struct call){ .session = m->session, .connection = connection };
	c->deadline = service_timeout(s, m->session, 0, CALL_DEADLINE_NS);
	if (service_send_name(address, m) != SEND_OK) {
		(void)service_timeout_cancel(c->deadline);
		c->session = 0;
		call_refuse(connection, "no such service");
	}
}

static void answer(const struct call *c, const void *p, size_t n)
{
	struct json j;

	if (n > CALL_ANSWER_MAX) {
		call_refuse(c->connection, "the answer is too large to be shown");
		return;
	}
	json_init(&j);
	json_object(&j, NULL);
	if (seri_min_to_json(p, n, &j, "values") < 0) {
		call_refuse(c->connection, "the answer is not in the lua protocol");
	} else {
		json_object_end(&j);
		admin_answer(c->connection, &j);
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
		call_refuse(c->connection, "no answer in time");
		c->session = 0;
		return;
	}
	(void)service_timeout_cancel(c->deadline);
	if (type == PTYPE_RESPONSE) {
		answer(c, p, n);
	} else {
		why = n ? mem_printf("call failed: %.*s", (int)(n < 4096 ? n : 4096), (const char *)p)
			: mem_strdup("call failed");
		call_refuse(c->connection, why);
	}
	c->session = 0;
}

void call_end_all(void)
{
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		if (!calls[i].session)
			continue;
		/* the deadline may have died in the closed mailbox already: leave it alone */
		call_refuse(calls[i].connection, "the node is stopping");
		calls[i].session = 0;
	}
}
