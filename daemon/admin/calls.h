/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The command that tells who calls whom: see commands.def.
 *
 * Threads: any.
 */
#include "daemon/admin/request.h"

enum result run_calls(struct request *r);
