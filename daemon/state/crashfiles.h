/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The files of the black box in their folder, NODE-TIME-PID.crash and .dump.
 *
 * Threads: one at a time.
 */

/* The files of a node that are kept. */
#define CRASHFILES_MAX 10u
/* Room for the name of such a file. */
#define CRASHFILES_NAME 192

/* At the start of the node: logs the file that the run before has left if it crashed, and removes
 * those that are too many. */
void crashfiles_look(const char *folder, const char *node);
/* Removes the oldest files of the node above CRASHFILES_MAX. */
void crashfiles_prune(const char *folder, const char *node);
