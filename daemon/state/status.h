/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one line that says how the node does, and its way to the service manager: at state changes,
 * at most once a second, at least every STATUS_REFRESH_NS.
 *
 * Threads: status_line any; the rest the main thread.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/clock.h"

#define STATUS_MAX 200 /* bytes with the NUL: what systemd shows on one line */
#define STATUS_REFRESH_NS (30 * NS_PER_SEC)
/* The line is made this often to see whether it changed; only while somebody listens. */
#define STATUS_LOOK_NS (5 * NS_PER_SEC)
#define STATUS_GAP_NS NS_PER_SEC

/* UTF-8, no newline. The length. */
size_t status_line(char *ret_text, size_t size);
/* The next status_tick sends the line whatever was sent last: somebody else did, or an operator
 * waits for it. */
void status_again(void);
/* Sends STATUS= if it is time. Result: when to be called again, UINT64_MAX = nobody listens. */
uint64_t status_tick(uint64_t now_ns);
