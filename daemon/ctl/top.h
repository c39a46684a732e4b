/* SPDX-License-Identifier: MIT */
#pragma once
/* harborctl top: the busiest services of a node or of all nodes, once or again and again. */
#include <stdbool.h>
#include "daemon/ctl/ask.h"

/* to: socket and node. words: "top" and its arguments, NULL-terminated. Returns an exit status;
 * on a terminal it goes on until it is interrupted. */
int top_command(const struct ask *to, char *const *words, bool json);
