/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Keeper: the thread on which a registry works, so that the loop never waits for a disk or a
 * server. One save, one question, one backup and one reading may be under way at a time; a question
 * goes before a save that has not begun, for a lease does not wait. Ends come back to the loop as
 * closures.
 *
 * Threads: keeper_start and keeper_stop from the main thread, while no loop runs or none asks any
 * more; all else from the loop. Locks: keeper.
 */
#include <stdbool.h>
#include "harbor/registry/registry.h"

/* Called on the loop. */
struct keeper_hooks {
	/* A save has ended, with what it returned; error: of -EIO, why. */
	void (*saved)(int result, const char *error);
	/* The answer to a question; its content is freed afterwards. */
	void (*answered)(const struct registry_answer *a);
	/* A backup has ended: NULL, or what went wrong. */
	void (*backed_up)(const char *error);
	/* A reading has ended: what is kept, or NULL and what went wrong. */
	void (*was_read)(const struct registry_content *content, const char *error);
};

/* Starts the thread for a registry that is open. Returns 0, or -errno. */
int keeper_start(const struct registry_ops *registry, const struct keeper_hooks *hooks);
/* Begins to save; the changes are copied. None is under way. */
void keeper_save(const struct registry_change *changes, size_t n, uint64_t number);
/* How long the save under way has taken, or the last one took. */
uint64_t keeper_save_ns(bool *ret_under_way);
/* Whoever had the last save begun does not care any more: it is not begun if it can be helped, and
 * its end is not told. Another may follow. */
void keeper_forget(void);
/* Asks a shared registry; to: as registry_ops.ask has it. None is under way. */
void keeper_ask(enum registry_ask what, const char *to);
/* Begins a backup into this file. false: one is under way, or the registry has none. */
bool keeper_backup(const char *file);
/* Begins to read all that is kept, as it is now. false: that is under way. */
bool keeper_read(void);
/* Ends the thread when what is under way has ended, and closes the registry. true: it has; false:
 * the disk did not answer within wait_ns, and the thread is left behind with it. Does nothing when
 * there is no thread. */
bool keeper_stop(uint64_t wait_ns);
