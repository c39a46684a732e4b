/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Keys: the files that prove that this node is of its cluster, from the configuration to the
 * harbor.
 *
 * Threads: main.
 */
#include <stdbool.h>

#include "conf/config.h"
#include "core/base/keyfile.h"
#include "harbor/secure/secure.h"

/* What is read, and holds what harbor_config and harbor_secure point to. */
struct keys {
	struct secure_config secure;
	char library[PATH_MAX], cert_key[PATH_MAX];
	char why[KEYFILE_WHY]; /* why not */
};

/* Are there keys or certificates? */
bool keys_wanted(const struct config *c);
/* Reads them. Returns false when they are not good. */
bool keys_read(const struct config *c, struct keys *ret);
/* Forgets what is secret. */
void keys_fini(struct keys *k);
/* Are they good, as far as can be told without another node? Returns 0, or an exit status after a
 * line on stderr. For harbord --check. */
int keys_check(const struct config *c);
/* Reads those of the next configuration, or those of now again, and tells the harbor. Returns
 * false, and why (mem_free): they are not good, and nothing was changed. Whether there are any, and
 * of which kind, stays as it was when the node started. */
bool keys_reload(const struct config *now, const struct config *next, char **ret_why);
/* Takes the keys of a file in place of those of the node's key file, until the next start: what
 * systemd hands a unit as a credential does not change while it runs, so a reload has nothing new
 * to read there. Returns false, and why (mem_free), as keys_reload. */
bool keys_take(const struct config *now, const char *file, char **ret_why);
