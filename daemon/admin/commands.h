/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The commands of the control socket (commands.def). Each reads snapshots and answers at once, so
 * they work while every worker is stuck; those that need a service (call, and what harboradmin.lua knows) and those for
 * another node answer later.
 *
 * Threads: the net loop; for other nodes, `.daemon`.
 */
#include "daemon/admin/asker.h"
#include "core/base/json.h"

#define COMMANDS_WORDS_MAX 66u

enum commands_result {
	COMMANDS_DONE,   /* j holds one object */
	COMMANDS_FAILED, /* *ret_error says why */
	COMMANDS_LATER,  /* the asker will be answered */
};

/* stop: asks the process to stop. Before the first command. */
void commands_init(void (*stop)(void));
/* words[0] is the command's name, or "@NODE" before it; *ret_error is constant. */
enum commands_result commands_run(const struct asker *who, unsigned n, char *const *words, struct json *j,
				  const char **ret_error);
