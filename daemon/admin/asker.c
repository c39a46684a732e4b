/* SPDX-License-Identifier: MIT */
/* Answers to commands: see asker.h. */
#include <string.h>

#include "core/actor/names.h"
#include "core/actor/send.h"
#include "daemon/admin/socket.h"
#include "daemon/admin/asker.h"
#include "daemon/admin/jsonread.h"

static void answer(const struct asker *a, bool ok, const char *body, size_t n)
{
	struct msg *m;

	if (a->connection) {
		admin_answer(a->connection, ok, body, n);
		return;
	}
	m = msg_create(n + 1);
	*(char *)msg_payload(m) = ok ? '+' : '-';
	memcpy((char *)msg_payload(m) + 1, body, n);
	m->source = names_find("daemon");
	m->dest = a->source;
	m->session = a->session;
	m->type = PTYPE_RESPONSE;
	service_forward(m);
}

void asker_answer(const struct asker *a, const struct json *body)
{
	answer(a, true, body->text.bytes, body->text.size);
}

void asker_refuse(const struct asker *a, const char *why)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_string(&j, "error", why);
	json_object_end(&j);
	answer(a, false, j.text.bytes, j.text.size);
	json_fini(&j);
}

void asker_relay(const struct asker *a, const char *text, size_t n)
{
	struct jsonv *v = NULL;
	bool well = n > 1 && (*text == '+' || *text == '-') && jsonread(text + 1, n - 1, &v) == 0 &&
		    v->type == JSONV_OBJECT;

	jsonv_destroy(v);
	if (well)
		answer(a, *text == '+', text + 1, n - 1);
	else
		asker_refuse(a, "the answer is malformed");
}
