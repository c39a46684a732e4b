/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What services do just now: see commands.def.
 *
 * Threads: any.
 */
#include "daemon/admin/request.h"

enum result run_top(struct request *r);
