/* SPDX-License-Identifier: MIT */
#pragma once
/* The part of the figures (metrics.h) that is about services and calls. Any thread. */
#include "core/base/text.h"

void metrics_write_services(struct text *t);
void metrics_write_calls(struct text *t);
