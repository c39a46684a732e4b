/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl flame: a profile by samples, of one service or of all. harborctl asks twice: for the
 * start, and when its time is over for the stacks.
 */
#include "daemon/admin/request.h"

enum result run_flame(struct request *r);
