/* SPDX-License-Identifier: MIT */
#pragma once
/* harborctl record: keeps all that a service receives, for harbord --replay. */
#include "daemon/admin/request.h"

enum result run_record(struct request *r);
