/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Message log: every message that a service receives, as lines of a file of its own.
 *
 *   open time: 123 Mon Nov 23 09:31:41 2026      <logpath>/%08x.log, appended to
 *   :0100000a 10 7 130 04666f6f                  source type session now payload in hexadecimal
 *   close time: 140
 *
 * Ownership: the file belongs to the service; only the worker that runs it touches it. So LOGON and
 * LOGOFF are
 *            messages: what was sent to the service before them is not affected. A service without
 *            a log pays nothing for this: an open log stands before its callback
 *            (service_set_message_log).
 * Threads:   msglog_ask from any; msglog_set_format before the first service; the rest on the
 *            owner.
 * Limits:    the file grows as long as it is open; a file that cannot be written is closed.
 */
#include <stdbool.h>
#include <stdio.h>
#include "core/actor/msg.h"

/* Asks the service to open or close its log, in the name of `who`, whose line tells what came of
 * it. Without the environment key logpath nothing happens. false: no such service here. */
bool msglog_ask(uint32_t who, uint32_t handle, bool open);

/* f writes the whole line, with its newline, for messages of a type whose payload is no plain
 * bytes. */
typedef void (*msglog_format)(FILE *out, const struct msg *m);
void msglog_set_format(int type, msglog_format f);
/* For such functions: bytes as hexadecimal digits. */
void msglog_hex(FILE *out, const void *data, size_t size);
