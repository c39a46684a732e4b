/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The black box: when the process crashes, one file tells what it was at. The reason, the calls of
 * C and the stack of Lua of every worker with its message, the fullest mailboxes, links, the last
 * lines of the log. It is written in the signal handler by async-signal-safe calls alone; each part
 * is left if it faults itself, or takes long; then happens what would have happened without us, by
 * default a core dump.
 *
 * Files are called NODE-TIME-PID.crash, or .dump when somebody asked. A bounded number of
 * them is kept (crashfiles.h).
 *
 * Threads: blackbox_init before others run, blackbox_open the main one; blackbox_dump any but
 *          workers, one at a time.
 */
#include <stdbool.h>
#include <stddef.h>

/* Catches faults from now on; a crash is told on stderr until blackbox_open. */
void blackbox_init(void);
/* Files go to this folder, which is made if it is not there. log_fd returns where the log goes.
 * Logs the file that the run before has left, if it crashed. NULL: there is no folder. */
void blackbox_open(const char *folder, int (*log_fd)(void));
/* Writes a file now. false: it cannot be written; ret_text is its path, or why not. */
bool blackbox_dump(char *ret_text, size_t size);
