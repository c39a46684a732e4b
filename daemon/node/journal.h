/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The journal in its native protocol: an entry is a list of fields, in one datagram, or, where it
 * is too large for that, in a sealed memory file whose descriptor the datagram carries.
 *
 * libsystemd's sd_journal_sendv does the same on a socket that blocks: with a journald that hangs,
 * the node could not even stop. Here who sends says how long it waits.
 *
 * Owner:   this file owns the socket. One a process.
 * Threads: one at a time.
 */
#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Connects. path: JOURNAL_SOCKET, or where a test listens; copied. Returns 0 or -errno. */
int journal_open(const char *path);
void journal_close(void);

/* The entry that is being made: begin, add fields, send. Names are upper case letters, digits and
 * '_'; values any bytes. */
void journal_begin(void);
void journal_add(const char *name, const void *value, size_t size);
void journal_add_text(const char *name, const char *value);
/* Sends it. Returns 0 or -errno: -EAGAIN, the journal took nothing for wait_ms; others, it cannot
 * be reached, also after another attempt to connect. */
int journal_send(int wait_ms);
