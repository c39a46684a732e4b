/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl flame: asks for a profile, waits, and shows it: as folded stacks ("a;b;c 12", a line
 * each), as JSON, or as a picture (SVG, by itself, without scripts).
 */
#include <stdbool.h>

#include "daemon/ctl/ask.h"
/* words: as on the command line, after "flame". Returns the exit status. */
int flame_command(const struct ask *node, char *const *words, bool json);
