/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
/*
 * harborctl fleet: the hosts of a cluster by one file (fleetfile.h). It writes what they shall have
 * (fleetout.h); what is done on them is a script, deploy/fleet/steps.sh, which takes the place of
 * this process.
 */

#define FLEET_USAGE                                                    \
	"render FILE DIR | check FILE | status FILE | history FILE | " \
	"roll FILE [OPTION]... | rollback FILE [OPTION]... | rotate FILE"

/* words[0] is "fleet". Returns an exit status. */
int fleet_command(char *const *words, bool json);
