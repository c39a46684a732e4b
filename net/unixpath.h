/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The paths of unix sockets in the file system: who may take one over, and who removes it.
 *
 * A path that nobody answers on is left over from a process that died, and is taken over. Nobody
 * answers between a bind and its listen either, so all processes that do this in one folder take
 * turns: each holds a lock on the folder meanwhile, and who does not get it takes nothing over.
 *
 * Threads: any; a struct unixpath has one owner.
 */
#include <stdbool.h>
#include <sys/stat.h>
#include "net/addr.h"

/* A path that our bind has made. All zero: none. */
struct unixpath {
	char *text;
	dev_t dev;
	ino_t ino;
};

/* Waits for the turn in the folder of a path, but not for ever. Returns a descriptor whose close
 * ends the turn, or -1: it could not be had. */
int unixpath_lock(const char *path);
/* Returns true when the address is a socket in the file system that nobody listens on. */
bool unixpath_is_stale(const struct addr *a);
/* Notes what `path` is now, if it is in the file system. */
void unixpath_remember(struct unixpath *ret, const char *path);
/* Unlinks it unless it is something else by now. */
void unixpath_forget(struct unixpath *p);
