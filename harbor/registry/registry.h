/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Registry: what the master must not forget. One interface, so that etcd can stand behind it one
 * day: load all at start, then save batches of changes, each durable as a whole or not at all.
 *
 * Threads: the net loop. A save is durable when it returns 0.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept of a harbor id. */
struct registry_node {
	unsigned id;
	char name[64], address[128]; /* name empty: nobody's */
	bool named;		     /* its owner's configuration names the id */
	bool up;		     /* it had not been declared dead */
	uint64_t epoch;		     /* of the last incarnation */
	uint64_t gone;	 /* number of its end, 0: it is up; a later end has a higher one */
	uint64_t births; /* handles used up so far, over all lives and owners of the id; 0: not
	                     known */
};

struct registry_change {
	bool is_name;
	struct registry_node node; /* !is_name */
	char name[16];		   /* is_name */
	uint32_t handle;	   /* is_name; 0: released */
	uint64_t fence;		   /* is_name: number of the registration */
};

struct registry_ops {
	/* state_dir NULL: nothing is kept beyond the process. */
	int (*open)(const char *state_dir, char **ret_error);
	void (*close)(void);
	/* ret_number: the highest number that was ever given; 0: the registry is new. */
	int (*load)(void (*node)(const struct registry_node *n, void *ud),
		    void (*name)(const char *name, uint32_t handle, uint64_t fence, void *ud),
		    uint64_t *ret_number, void *ud);
	/* Returns 0 or -EIO. number: the highest one given so far. */
	int (*save)(const struct registry_change *changes, size_t n, uint64_t number);
};

extern const struct registry_ops registry_sqlite;
