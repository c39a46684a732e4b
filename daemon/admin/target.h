/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The service that a command is about, wherever in the cluster it is.
 *
 * Threads: as struct request.
 */
#include <stdint.h>

#include "daemon/admin/request.h"

/* Finds the service of an address (":hex", ".name" or a global name). Returns DONE if it may be one
 * of this node, with its handle. LATER: it is another node's, which is asked `command :handle rest`
 * and whose answer the asker gets. FAILED: r->error says why. */
enum result target_find(struct request *r, const char *address, const char *command,
			const char *rest, uint32_t *ret_handle);
