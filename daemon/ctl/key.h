/* SPDX-License-Identifier: MIT */
#pragma once
/* harborctl key: makes keys of a cluster, and shows which a file holds. No node is asked. */

/* words: "key" and its arguments, NULL-terminated. Returns an exit status. */
int key_command(char *const *words);
