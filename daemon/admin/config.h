/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The configuration in force, and in what a file differs from it: see commands.def.
 *
 * Threads: any.
 */
#include "daemon/admin/request.h"

enum result run_config(struct request *r);
