/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Registry: what the master must not forget. One interface, so that etcd can stand behind it one day: load
 * all at start, then save batches of changes, each durable as a whole or not at all.
 *
 * Threads: the net loop. A save is durable when it gives 0.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_node {
	char name[64], address[128];
	unsigned id;
	uint64_t epoch, generation; /* of the last incarnation */
	bool up;          /* it had not been declared dead */
};

struct registry_change {
	bool is_name;
	struct registry_node node; /* !is_name; node.id 0: forget it */
	char name[16];             /* is_name */
	uint32_t handle;           /* is_name; 0: released */
};

struct registry_ops {
	/* state_dir NULL: nothing is kept beyond the process. */
	int (*open)(const char *state_dir, char **ret_error);
	void (*close)(void);
	int (*load)(void (*node)(const struct registry_node *n, void *ud),
		    void (*name)(const char *name, uint32_t handle, void *ud), void *ud);
	/* 0 or -EIO. */
	int (*save)(const struct registry_change *changes, size_t n);
};

extern const struct registry_ops registry_sqlite;
