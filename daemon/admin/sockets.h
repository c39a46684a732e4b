/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The sockets of the node: see commands.def.
 *
 * Threads: any.
 */
#include "daemon/admin/request.h"

enum result run_sockets(struct request *r);
