/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua service host: the module "snlua". What daemon/ sees of lua/.
 */
#include <stdbool.h>
#include <stddef.h>

struct luahost_config {
	const char *lib_dir;	 /* our own Lua files (lua/lib): before every path */
	const char *library_dir; /* our own C modules that are shared objects; NULL: none */
	const char *service_dir; /* our own Lua services, lua/service */
};

struct luahost_limits {
	size_t memory; /* most bytes of one service's Lua state, 0 = none */
	/* bound of the mailboxes of the program's services (core/actor/overload.h), 0 = none */
	unsigned mailbox_max;
	bool mailbox_only_warns;
};

/* Adds the module "snlua" (and "logger") to core, installs the interrupt. Paths of the user come
 * from the environment (lua_path, lua_cpath, luaservice, preload). Before node_start. 0 or
 * -errno. */
int luahost_init(const struct luahost_config *c);
void luahost_fini(void);
/* For services that are launched from then on. Any thread, one at a time. */
void luahost_set_limits(const struct luahost_limits *l);

/* What services share: files of code and tables, and short strings. Any thread. */
struct luahost_shared {
	size_t roots, root_bytes, strings, string_bytes;
};
void luahost_get_shared(struct luahost_shared *ret);

/* For people: which Lua is linked in, and whether it shares code and tables. */
const char *luahost_vm(void);
