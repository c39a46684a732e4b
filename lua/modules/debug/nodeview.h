/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet.nodeview: how the node is, for the service that tells others by HTTP
 * (lua/service/harborweb.lua). What knows it stands above Lua, so its functions are given at start.
 */
#include <lua.h>
#include <stdbool.h>
#include "core/base/text.h"

#define NODEVIEW_WHY 256u

/* All from any thread. */
struct nodeview {
	/* Appends all figures, in Prometheus' format. */
	void (*metrics)(struct text *t);
	/* Whether the node lives, and is ready for work; else the reason, one line. */
	bool (*is_alive)(char ret_why[NODEVIEW_WHY]);
	bool (*is_ready)(char ret_why[NODEVIEW_WHY]);
	/* Takes note of where the node answers by HTTP; or why it does not, address NULL. */
	void (*page)(const char *address, const char *why);
};

/* Not copied. Before the first service; a node without it has empty views. */
void nodeview_set(const struct nodeview *v);

int luaopen_skynet_nodeview(lua_State *L);
