/* SPDX-License-Identifier: MIT */
/* Answers to commands: see asker.h. What other nodes say is handed on unread: it is harborctl
 * that reads it. */
#include "daemon/admin/asker.h"

#include "core/base/must.h"

void asker_answer(const struct asker *a, const struct json *body)
{
	must(body->depth == 0 && body->text.size > 0);
	a->answer(a, true, text_string(&body->text), body->text.size);
}

void asker_refuse(const struct asker *a, const char *why)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_string(&j, "error", why);
	json_object_end(&j);
	a->answer(a, false, text_string(&j.text), j.text.size);
	json_fini(&j);
}

void asker_relay(const struct asker *a, const char *answer, size_t size)
{
	if (size > 2 && (answer[0] == '+' || answer[0] == '-') && answer[1] == '{')
		a->answer(a, answer[0] == '+', answer + 1, size - 1);
	else
		asker_refuse(a, "the answer is malformed");
}
