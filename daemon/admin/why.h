/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl why: what a service does and what it waits for, also when it does not answer.
 */
#include "daemon/admin/request.h"

enum result run_why(struct request *r);
