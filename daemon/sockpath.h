/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where the control socket of a node is, if admin.listen does not say. Used by the node and by
 * harborctl, so it needs nothing of the daemon. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>

/* Fits sun_path with its NUL. */
#define SOCKPATH_MAX 108

/* For the node: the first that applies of
 *   $RUNTIME_DIRECTORY/NAME.sock         (systemd)
 *   $XDG_RUNTIME_DIR/harbord-NAME.sock
 *   /run/harbor/NAME.sock                (root)
 *   /tmp/harbord-UID/NAME.sock           (a directory that only we may enter)
 * Creates the directory of the last two. 0 or -errno; -ENAMETOOLONG. */
int sockpath_make(const char *node, char ret_path[SOCKPATH_MAX]);

/* For harborctl: the first that exists, of those and /run/harbor/NAME/NAME.sock, which is where a
 * system service's is. false: none. */
bool sockpath_find(const char *node, char ret_path[SOCKPATH_MAX]);
