/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl dump: the file that a crash would leave, while the node goes on.
 */
#include "daemon/admin/request.h"

enum result run_dump(struct request *r);
