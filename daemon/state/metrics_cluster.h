/* SPDX-License-Identifier: MIT */
#pragma once
/* The part of the figures (metrics.h) that only a node of a cluster has. Any thread. */
#include "core/base/text.h"

void metrics_write_cluster(struct text *t);
