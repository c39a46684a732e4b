/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Effects: the hands of the state machines. What a peer, the member and the master decide becomes
 * sockets, links, names and answers. What happens to them in turn is in events.h.
 *
 * Threads: the net loop, under the harbor's lock.
 */
#include "harbor/protocol/master_ops.h"
#include "harbor/protocol/member.h"

extern const struct member_ops effects_member_ops;
extern const struct master_ops effects_master_ops;
/* Does this service of ours live? */
bool effects_is_alive(uint32_t handle);
