/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua service host: the module "snlua". What daemon/ sees of lua/.
 */
#include <stdbool.h>

struct luahost_config {
	const char *lib_dir;       /* our own Lua files, lua/lib in the source tree: before every path */
	const char *service_dir;   /* our own Lua services, lua/service */
};

/* Adds the module "snlua" (and "logger") to core, installs the interrupt. Paths of the user come
 * from the environment (lua_path, lua_cpath, luaservice, preload). Before node_start. 0 or -errno. */
int luahost_init(const struct luahost_config *c);
void luahost_fini(void);
