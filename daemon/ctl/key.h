/* SPDX-License-Identifier: MIT */
#pragma once
/* harborctl key: makes keys of a cluster, and shows which a file holds. No node is asked. */

/* Makes a key in a file that is not there yet, NULL: on stdout. Returns an exit status, after a
 * line on stdout or stderr. */
int key_make(const char *file);
/* words: "key" and its arguments, NULL-terminated. Returns an exit status. */
int key_command(char *const *words);
