/* SPDX-License-Identifier: MIT */
#pragma once
/* harborctl clock: programs' time, and jumps of it. */
#include <stdbool.h>
#include <stdint.h>
#include "daemon/admin/request.h"

enum result run_clock(struct request *r);
/* "+90s", "+2h", "+1d", "+1h30min": units ms, s, min (or m), h, d. false: it is no such text, or
 * more than all jumps together may be. Pure. */
bool clock_parse_jump(const char *text, uint64_t *ret_ns);
