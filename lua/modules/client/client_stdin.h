/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lines of stdin, read by a thread so that nobody waits for them.
 *
 * Threads: any. The thread starts with the first call, so that who only wants sockets leaves stdin
 * alone. It reads no further while CLIENT_LINES lines wait.
 */
#include <stddef.h>

#define CLIENT_LINE_MAX 1024u /* longer lines come in pieces */
#define CLIENT_LINES 1024u

enum client_stdin {
	CLIENT_NOTHING, /* nothing yet */
	CLIENT_LINE,
	CLIENT_END, /* stdin has ended, and all lines were taken */
};

/* Takes the oldest line, without its line feed, into a buffer of CLIENT_LINE_MAX bytes. */
enum client_stdin client_stdin_take(char *ret_line, size_t *ret_size);
