/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The boot list: from a checked configuration to a node whose threads run and which is joining.
 *
 * Threads: the main thread.
 * Failure: every function logs one line that names the reason and returns an exit status
 *          (sysexits.h); 0 is success.
 */
#include "conf/config.h"
#include "harbor/harbor.h"

/* For --restore: puts the backup of an embedded registry in its place. Says on stdout that it did,
 * or on stderr why not. Returns an exit status. No thread runs. */
int boot_restore(const struct config *c, const char *backup);
/* For --replay: runs the recorded service alone and tells how it went. Returns 0, 1 if it did
 * something else than it did, or an exit status. */
int boot_replay(const struct config *c, const char *recording);
/* Puts the limits and times into force that the configuration sets for sockets and services. Any
 * thread, one at a time. */
void boot_limits(const struct config *c);
/* Core, network, environment, modules, listeners, control socket. No thread of the node runs yet.
 * on_state: the cluster's news, on the net loop. */
int boot_layers(const struct config *c);
/* Threads; begins to join if there is a cluster. */
int boot_start(const struct config *c,
	       void (*on_state)(enum harbor_state st, const char *what, void *ud));
/* After the join: harbor id, `.logger` (index 1), `.daemon` (index 3), the bootstrap service (2).
 * *ret_bootstrap: handle of the bootstrap service. */
int boot_services(const struct config *c, uint32_t *ret_bootstrap);

/* true: the configuration names a bootstrap service that is not ours, which may not tell
 * `.daemon`. */
bool boot_is_custom(const struct config *c);
/* Exit status for a start service that failed: EX_CONFIG if it has no file at all. */
int boot_start_failed_status(const struct config *c);

/* From now on a crash leaves a file (daemon/state/blackbox.h). After boot_layers. */
void boot_blackbox(const struct config *c);
