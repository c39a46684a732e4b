/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file of the embedded registry, while no node has it open: a backup (registry_ops.backup) is
 * put in its place. Since the backup more was given out than it knows of, so it is marked, and the
 * master goes on behind all of that (`restored` in registry_content, harbor/protocol/master.h).
 *
 * Threads: one at a time.
 */

#define REGISTRY_FILE "registry.sqlite"
/* What to say of a registry with another user_version: a constant. */
const char *registry_of_version(int version);
/* PRAGMA user_version of the tables. */
#define REGISTRY_SCHEMA 2
/* Of table `number`: the highest number, and the mark of a backup that was restored. */
#define REGISTRY_LAST 0
#define REGISTRY_RESTORED 1

/* Puts the backup `file` into state_dir, after it was found whole; what was there before stays
 * beside it as registry.sqlite.before-restore. Returns 0, or -errno and why not in ret_error
 * (mem_free): then nothing has changed. */
int registry_restore(const char *state_dir, const char *file, char **ret_error);
