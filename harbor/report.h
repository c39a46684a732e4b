/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Report: the lines about links and nodes that come in crowds. When a host dies, or this node is
 * cut off, the same is to be said of hundreds of nodes within one second. The first line of a kind
 * is written at once; those that follow within REPORT_QUIET_NS are held, and become one line at its
 * end: the last of them, with the count and the first names of the others.
 *
 * Threads: the net loop, under the harbor's lock.
 */
#include <stdint.h>
#include "core/base/base.h"

#define REPORT_QUIET_NS UINT64_C(1000000000)

enum report_kind { REPORT_LINK_LOST, REPORT_TIRED, REPORT_OUT_OF_REACH, REPORT_GONE, REPORT_KINDS };

/* Writes a warning about the node of this name, now or with others. */
void report(enum report_kind kind, const char *node, uint64_t now, const char *format, ...)
	printf_like(4, 5);
/* Writes what was held for long enough. Returns when it is to be called again, UINT64_MAX: there is
 * nothing. */
uint64_t report_tick(uint64_t now);
/* The end: writes what is held. */
void report_flush(void);
