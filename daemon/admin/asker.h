/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who asked a command: a connection of this node's control socket, or `.daemon` of another node, which has
 * one waiting there. The answer to a node is a message: '+' or '-', then the body of the answer, one JSON object.
 *
 * Threads: any. An asker that is gone is no special case.
 */
#include <stdbool.h>
#include "core/base/json.h"

struct asker {
	int32_t connection; /* 0 = another node */
	uint32_t source;
	int32_t session;
};

void asker_answer(const struct asker *a, const struct json *body);
void asker_refuse(const struct asker *a, const char *why);
/* What another node, or a Lua service, has answered in the form above. */
void asker_relay(const struct asker *a, const char *answer, size_t n);
