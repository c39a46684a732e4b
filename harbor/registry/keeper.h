/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Keeper: the thread on which a registry works, so that the loop never waits for a disk. One save
 * is under way at a time; its end comes back to the loop as a closure.
 *
 * Threads: keeper_start and keeper_stop from the main thread, while no loop runs or none begins a
 * save any more; keeper_save from the loop. Locks: keeper.
 */
#include <stdbool.h>
#include "harbor/registry/registry.h"

/* Starts the thread for a registry that is open. saved is called on the loop when a save has
 * ended, with what it returned. Returns 0, or -errno. */
int keeper_start(const struct registry_ops *registry, void (*saved)(int result));
/* Begins to save; the changes are copied. None is under way. */
void keeper_save(const struct registry_change *changes, size_t n, uint64_t number);
/* Ends the thread when the save under way has ended, and closes the registry. true: it has;
 * false: the disk did not answer within wait_ns, and the thread is left behind with it. Does
 * nothing when there is no thread. */
bool keeper_stop(uint64_t wait_ns);
