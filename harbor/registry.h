/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Registry: what the master must not forget. One interface, so that etcd can stand behind it one day.
 * Threads: the net loop. A save is durable when it returns.
 */
#include <stdint.h>

struct registry_ops {
	int (*open)(const char *state_dir, char **ret_error);
	void (*close)(void);
	void (*load)(void (*node)(const char *name, unsigned id, uint64_t epoch, void *ud),
		     void (*name)(const char *name, uint32_t handle, void *ud), void *ud);
	void (*save_node)(const char *name, unsigned id, uint64_t epoch);
	void (*save_name)(const char *name, uint32_t handle); /* 0: removed */
};

extern const struct registry_ops registry_sqlite;
