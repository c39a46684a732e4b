/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

#include "lua/modules/kcp/kcp_pool.h"

/* What a program's table of options at `arg` says, over what *rules says already; nil says nothing.
 * change: for a session that there is, so only what may change then. Raises on what is no option or
 * out of its range, and *rules is to be thrown away. */
void kcp_options(lua_State *L, int arg, bool change, struct kcp_rules *rules);
/* Pushes a table with all of them. */
void kcp_options_push(lua_State *L, const struct kcp_rules *rules);
