/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The addresses at which the configuration says that the node listens: whether it can, told before
 * anything of the node has begun, with the place in the file that its owner would change.
 *
 * Threads: the main thread.
 */
#include "conf/config.h"

/* Tries cluster.listen, master.listen, federation.listen and web.listen. Returns 0, or an exit
 * status after a line in the log. That the port of the page is taken is no error: the node goes on
 * without it until it is free (lua/service/harborweb.lua). */
int ports_check(const struct config *c);
/* Logs an error at the place of a key: "FILE:LINE:COLUMN: SECTION.NAME: what". */
void ports_error(const struct config *c, const char *section, const char *name, const char *what);
