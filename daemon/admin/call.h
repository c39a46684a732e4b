/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Calls made for commands, and who waits for their answers.
 *
 * Threads: only the service `.daemon`.
 * Limits:  CALLS_MAX waiting at once, CALL_DEADLINE_NS each (CALL_NODE_DEADLINE_NS for another node, which has
 *          a call of its own to wait for), CALL_ANSWER_MAX bytes of answer.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/clock.h"
#include "core/actor/service.h"
#include "daemon/admin/asker.h"

#define CALLS_MAX 64u
#define CALL_DEADLINE_NS (5 * NS_PER_SEC)
#define CALL_NODE_DEADLINE_NS (8 * NS_PER_SEC)
#define CALL_ANSWER_MAX (16u << 20)

enum call_kind {
	CALL_SERVICE, /* the first word is an address; "lua" protocol; the answer is shown as JSON */
	CALL_ADMIN,   /* our Lua service for commands: "lua" protocol; it answers as asker.h says */
	CALL_NODE,    /* `.daemon` of another node: the words as they are; it answers as asker.h says */
};

/* words: each NUL-terminated, `size` bytes in all. dest: of the last two kinds. */
void call_begin(struct service *s, const struct asker *who, enum call_kind kind, uint32_t dest,
		const char *words, size_t size);
/* PTYPE_RESPONSE or PTYPE_ERROR for a session that may be one of ours. */
void call_answer(int type, uint32_t source, int32_t session, const void *p, size_t n);
/* The service ends. */
void call_end_all(void);
