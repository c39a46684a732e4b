/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl log-level and log-reopen: what is logged, of all or of single services, and where.
 */
#include "daemon/admin/request.h"

enum result run_log_level(struct request *r);
enum result run_log_reopen(struct request *r);
