/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Files of ours as they were when the node started. An upgrade of the package puts others into
 * their places while the node runs, which fit the program of another version: the node goes on with
 * those that it was started with, until its next start.
 *
 * A file that somebody edits in its place is the edited one.
 *
 * Threads: pinned_add before others run, pinned_fini after them; else any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Holds what the file has now, without reading it. One that cannot be held is as on the disk. */
void pinned_add(const char *file);
void pinned_fini(void);
/* Is stat(2), which says of a file whose place another one has taken what it said of the one that
 * is held. */
int pinned_stat(const char *file, struct stat *ret);
/* Returns what is held of a file whose place another one has taken, or that is gone; NULL: the file
 * is what it was, or is not held. Valid until pinned_fini. */
const void *pinned_replaced(const char *file, size_t *ret_size);
/* Is dlopen of the file, or of what is held of it. */
void *pinned_dlopen(const char *file, int flags);
