/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who asked a command and waits for its answer: harborctl at this node's control socket, or
 * another node, which has a harborctl waiting at its own. Whoever takes a command in says how its
 * asker is answered; those who carry it out know nothing of sockets and messages.
 *
 * Threads: any. An asker that is gone is no special case. Copy the struct freely.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/json.h"

struct asker {
	/* body: one JSON object; not well: {"error": why}. */
	void (*answer)(const struct asker *a, bool well, const char *body, size_t size);
	bool is_node;	 /* another node asks: it wants this one and no third */
	bool names_node; /* it says itself which node an error is of */
	int32_t session; /* of the request that it waits for, or the id of the connection */
	uint32_t source; /* the service that waits */
};

void asker_answer(const struct asker *a, const struct json *body);
void asker_refuse(const struct asker *a, const char *why);

/* An answer on its way between nodes, or from a Lua service: '+' or '-', then the body. Hands
 * it on; what is no such answer refuses the asker. */
void asker_relay(const struct asker *a, const char *answer, size_t size);
