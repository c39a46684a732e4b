/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A node alone: what `remote` is without a cluster. Messages to other nodes are refused at once;
 * global names and the questions for them, of which there are at most 65536 each, live here under
 * one lock.
 */
#include "core/actor/remote.h"

extern const struct remote_ops single_ops;

/* A single node's global names, each with its owner, the number of its registration and since when
 * (ns of the wall clock), and who waits for one; f runs under the lock. Nothing in a cluster. Any
 * thread. */
void single_foreach_name(void (*f)(const char *name, uint32_t handle, uint64_t fence,
				   uint64_t since, void *ud),
			 void *ud);
void single_foreach_waiting(void (*f)(const char *name, uint32_t from, void *ud), void *ud);
