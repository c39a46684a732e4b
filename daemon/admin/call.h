/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Commands that another service answers: our Lua service for commands, or `.daemon` of another
 * node. The request is the line of the command as it came (words.h); it is sent in the name of
 * `.daemon`, which gets the answer. The asker hears it (asker_relay), or why there is none.
 *
 * Threads: call_lua and call_node any; the others `.daemon`, when it begins, gets an answer, and
 *          ends.
 * Limits:  CALLS_MAX waiting at once, CALL_DEADLINE_NS each (CALL_NODE_DEADLINE_NS for another
 *          node, which may have to make a call of its own), CALL_ANSWER_MAX bytes of answer.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/clock.h"
#include "daemon/admin/asker.h"

#define CALLS_MAX 256u
#define CALL_DEADLINE_NS (5 * NS_PER_SEC)
#define CALL_NODE_DEADLINE_NS (8 * NS_PER_SEC)
#define CALL_ANSWER_MAX (16u << 20)

/* From now on calls can be made; `self` is `.daemon`. */
void call_open(uint32_t self);
/* Refuses who waits and who comes. */
void call_close(void);

/* The service harboradmin of this node, which is launched for the first call. */
void call_lua(const struct asker *who, const char *line);
/* The same for an answer that may come as late as that. */
void call_lua_within(const struct asker *who, const char *line, uint64_t patience_ns);
/* The node of that harbor id. */
void call_node(const struct asker *who, unsigned harbor, const char *line);

/* PTYPE_RESPONSE or PTYPE_ERROR for a session that may be one of ours. */
void call_answer(int type, uint32_t source, int32_t session, const void *p, size_t n);
