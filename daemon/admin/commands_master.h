/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Commands about the master and what it keeps: see commands.def.
 *
 * Threads: the net loop.
 */
#include "daemon/admin/request.h"

enum result run_forget(struct request *r);
enum result run_master(struct request *r);
enum result run_registry(struct request *r);
/* A line that the master heeds from its own node alone: asks that node, if it is another one and
 * known, and has our Lua service carry it out there. */
enum result run_at_master(struct request *r, const char *line);
