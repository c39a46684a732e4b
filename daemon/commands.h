/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The commands of the control socket (commands.def). Each reads snapshots and answers at once, so
 * they work while every worker is stuck; only `call` goes through a service and answers later.
 *
 * Threads: the net loop.
 */
#include "daemon/json.h"

#define COMMANDS_WORDS_MAX 66u

enum commands_result {
	COMMANDS_DONE,   /* j holds one object */
	COMMANDS_FAILED, /* *ret_error says why */
	COMMANDS_LATER,  /* admin_answer() will be called for this connection */
};

/* stop: asks the process to stop. Before the first command. */
void commands_init(void (*stop)(void));
/* words[0] is the command's name; *ret_error is constant. */
enum commands_result commands_run(int connection, unsigned n, char *const *words, struct json *j,
				  const char **ret_error);
