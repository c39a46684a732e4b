/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Background: a skynet-style configuration's `daemon = PIDFILE`. The process
 * forks, the pid file is locked for as long as the node lives, and the terminal is left when
 * ports and files have been opened.
 *
 * Threads: the main thread; background_start before any other is started.
 */

/* Forks; the parent does not return: it leaves with 0 when the child has detached, or with the
 * child's status if that ends before. In the child: 0, or an exit status after a line on
 * stderr (another node holds the file, or it cannot be made). */
int background_start(const char *pid_file);
/* Standard input, output and error become /dev/null, and the parent leaves. Nothing without
 * background_start. */
void background_detach(void);
/* Unlinks the pid file. Nothing without background_start. */
void background_end(void);
