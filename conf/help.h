/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The schema as text, for people and for programs that make documents of it.
 *
 *   cluster.heartbeat
 *     type: time
 *     unit: ms, s, min, h; s without one
 *     values: 10ms to 60000ms
 *     default: 1s
 *       How often a node speaks to the master, and asks nodes that are silent while something
 *       waits for them.
 *
 * One paragraph a key, with an empty line behind it. The first line, at the margin, is
 * SECTION.KEY. Lines indented by two are "WORD: REST" with the words type, unit, values and
 * default, in this order; unit and values are left out if there is nothing to say. Lines indented
 * by four are the description, of which each line but the last goes on in the next. "default:
 * none" means that the key is not set, and the description says what happens then. The key env.NAME
 * stands for all keys of the section env.
 */
#include <stdio.h>

void config_help(FILE *out);
