/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What people call a service: the first word of its launch line that says what it is, and not only
 * what runs it. "snlua agent 7" is agent, "snlua snaxd room" is room, "gate S 127.0.0.1" is gate.
 */
#include "core/log/log.h"

/* Writes the title of a launch line into ret, cut to what fits; unprintable bytes become '?'. Any
 * thread. */
void title_of_line(const char *line, char ret[LOG_NAME_MAX]);
/* Log records have the title of their service from now on. While one thread runs. */
void title_init(void);
