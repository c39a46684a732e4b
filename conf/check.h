/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What belongs together in a configuration: the last step of its reading, when every key of the
 * file has been set.
 */
#include "conf/draft.h"

/* Sets the defaults, settles the environment, and adds an error for each contradiction and for
 * what is missing, warnings for what is legal and dangerous. */
void check_draft(struct draft *d);
