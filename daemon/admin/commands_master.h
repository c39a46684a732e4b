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
