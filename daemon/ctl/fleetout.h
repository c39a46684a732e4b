/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a fleet's file means on its hosts, as a folder of files:
 *
 *   plan                                       the steps' view of it, see fleetout.c
 *   HOST/etc/harbor/harbor.yaml                what all nodes share
 *   HOST/etc/harbor/NODE.yaml                  addresses and masters
 *   HOST/etc/harbor/NODE.yaml.d/50-fleet.yaml  the node's own `config`
 *   HOST/etc/harbor/credentials/cluster-key
 *   HOST/etc/harbor/firewall.nft               for nft -f, if the operator wants it
 *   HOST/etc/systemd/system/harbord@NODE.service.d/50-fleet.conf
 *
 * Threads: one.
 */
#include "conf/fleetfile.h"

/* Writes all of it into the folder, which is made and must not be there. Returns false when
 * something cannot be written, which is said on stderr. */
bool fleetout_write(struct fleet *f, const char *folder);
