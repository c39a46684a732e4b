/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Registry: what the master must not forget, behind one interface. All of it is loaded at once,
 * then batches of changes are saved in order.
 *
 * A backend blocks while it works, so it has a thread (keeper.h): open, the first load and close
 * come from the main thread while that one does not run, all else from the thread.
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
	char name[64];		   /* is_name */
	uint32_t handle;	   /* is_name; 0: released */
	uint64_t fence;		   /* is_name: number of the registration */
};

/* A whole registry: the changes that would make it out of an empty one. Zero is empty. */
struct registry_content {
	struct registry_change *items;
	size_t count, capacity;
	uint64_t number; /* the highest that was ever given; 0: the registry is new */
};

struct registry_ops {
	/* Opens, and makes what is missing. state_dir NULL: nothing is kept beyond the process.
	 * Returns 0, or -errno and why not in ret_error (mem_free). */
	int (*open)(const char *state_dir, char **ret_error);
	void (*close)(void);
	/* Adds all that is kept to an empty content. Returns 0 or -EIO. */
	int (*load)(struct registry_content *ret);
	/* Saves the changes, in order; number: the highest one given so far. Returns 0 when all of
	 * them are durable, or -EIO: then any first part of them may be. */
	int (*save)(const struct registry_change *changes, size_t n, uint64_t number);
};

extern const struct registry_ops registry_sqlite;

/* Appends an empty change. The result is valid until the next call. */
struct registry_change *registry_add(struct registry_content *c);
void registry_content_fini(struct registry_content *c);
