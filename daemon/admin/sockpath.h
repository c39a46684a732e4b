/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where the control sockets of this host's nodes are, if admin.listen does not say:
 *
 *   $RUNTIME_DIRECTORY/NAME.sock         (systemd)
 *   $XDG_RUNTIME_DIR/harbord-NAME.sock
 *   /run/harbor/NAME.sock                (root)
 *   /tmp/harbord-UID/NAME.sock           (a folder that only this user may enter)
 *
 * A node takes the first place that it can use. If a living process has that socket, the file is
 * NAME+2.sock, and so on. Used by the node and by harborctl, so it needs nothing of the daemon.
 * Any thread.
 */
#include <stdbool.h>
#include <stddef.h>

/* Fits sun_path with its NUL. */
#define SOCKPATH_MAX 108
#define SOCKPATH_PLACES 4u
#define SOCKPATH_NUMBERS 1000u

/* For the node: its socket in this place, from 0, with this number, from 1. Creates the folder
 * of the last two. 0; -errno if the place cannot be used, -ENOENT if it is not for this process
 * (no such variable, not root). */
int sockpath_make(unsigned place, const char *node, unsigned number, char ret_path[SOCKPATH_MAX]);
/* The name of the node whose default socket this is, a path that ends as they do. */
void sockpath_name(const char *path, char ret_name[SOCKPATH_MAX]);

/* For harborctl: calls f with each socket that may be a node's, dead ones too: in
 * $RUNTIME_DIRECTORY if it is set and holds any; else in all places above, of all users. A
 * socket may be found twice. A folder of /tmp is looked into only if its owner is the user that
 * it is named after. */
void sockpath_foreach(void (*f)(const char *path, void *ud), void *ud);

/* Does somebody listen at this path? Nothing is asked of him, so it can be told of sockets
 * that this user may not connect to: the kernel lists all of this network namespace. true also
 * if its list cannot be read. */
bool sockpath_is_alive(const char *path);
/* Unlinks a socket at which nobody listens, if its folder is this user's own and no node is
 * about to bind one there. */
void sockpath_remove_dead(const char *path);
