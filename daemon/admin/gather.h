/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One command for all nodes of the cluster: "@* command arg..." in place of "@NODE command". The
 * answer is
 *
 *   {"nodes": [{"node": "n1", "harbor": 1, "ok": true, "answer": {...}}, ...]}
 *
 * where a node that refused, or gave no answer in time, has ok false and {"error": why}. Nodes that
 * are known not to be reachable are not asked; those that have left in order are not in the list.
 * Any command can be asked so.
 *
 * Threads: any.
 * Limits:  GATHERS_MAX at a time, GATHER_AT_ONCE nodes of one that are asked at the same time (of
 *          the CALLS_MAX of call.h), GATHER_ANSWER_MAX bytes of all answers together: those that
 *          come after that are left out, and said to be.
 */
#include "daemon/admin/asker.h"

#define GATHERS_MAX 16u
#define GATHER_AT_ONCE 12u
#define GATHER_ANSWER_MAX (48u << 20)

/* Asks all. line: the command as words (words.h); serve: carries it out here (commands_serve).
 * ends_us: this node cannot ask any more when it has, so it does when all others have answered. The
 * asker is answered once. */
void gather_ask(const struct asker *who, const char *line,
		void (*serve)(const struct asker *who, char *line), bool ends_us);
