/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The commands of the control socket (commands.def). Most of them read snapshots and are answered
 * before commands_serve returns, so they work while every worker is stuck; those that our Lua
 * service knows and those for another node are passed on (call.h), and answered later.
 *
 * Threads: the net loop, and for other nodes `.daemon`.
 */
#include "daemon/admin/asker.h"

/* stop: asks the process to stop. reload: has the configuration read again, or the cluster's keys
 * from a file, and the asker answered then; false: too many wait. Before the first command. */
void commands_init(void (*stop)(void), bool (*reload)(const struct asker *who, const char *keys));

/* Carries the command out that the line says (words.h), which it uses up; any bytes are legal
 * input. The asker is answered once, now or later. */
void commands_serve(const struct asker *who, char *line);
