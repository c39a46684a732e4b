/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What skynet.cluster did not get through (lua/modules/cluster/sends.h), for metrics and `harborctl
 * status`. A node on which all has gone well has none of it.
 */
#include "core/base/json.h"
#include "core/base/text.h"

void cluster_sends_metrics(struct text *t);
/* The list "cluster_peers". */
void cluster_sends_json(struct json *j);
