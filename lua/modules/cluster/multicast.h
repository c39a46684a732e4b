/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The module skynet.multicast.core: one payload for many services.
 */
#include <lua.h>
#include <stddef.h>

struct msg;

/* The module. */
int luaopen_skynet_multicast_core(lua_State *L);

/* Before the first service is launched: what becomes of such a payload that nobody gets. */
void multicast_init(void);

/* What a message brings: the payload that it shares with others, or its own. Valid as long as the
 * message is unread. Any thread that has it. */
const void *multicast_payload(const struct msg *m, size_t *ret_size);
