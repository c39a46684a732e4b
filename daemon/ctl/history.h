/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl events and logs: what nodes remember (daemon/admin/history.h), merged by time, page by
 * page until there is no more, and with -f for ever.
 */
#include <stdbool.h>
#include "daemon/ctl/ask.h"

/* Are these words one of the two commands? */
bool history_is(char *const *words);
/* Shows it. whom: whose socket, and node NULL, another one's, or "*" for all nodes. Returns an exit
 * status: CTL_PARTLY if some nodes did not answer. */
int history_command(const struct ask *whom, char *const *words, bool json);
