/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The pending timers of the node: see commands.def.
 *
 * Threads: any.
 */
#include "daemon/admin/request.h"

enum result run_timers(struct request *r);
