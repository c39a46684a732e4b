/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Registry: what the master must not forget, behind one interface. All of it is loaded at once,
 * then batches of changes are saved in order. A registry is this node's alone (embedded), or shared
 * by several candidates, of which the one leads who holds a key in it (harbor/protocol/leader.h).
 *
 * A backend blocks while it works, so it has a thread (keeper.h): open, the first load of one that
 * is not shared, and close come from the main thread while that one does not run, all else from the
 * thread.
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
	bool restored;	 /* it comes from a backup: more was given out since */
};

/* Who opens one, and which. Texts stay the caller's until close. */
struct registry_config {
	const char *state_dir; /* embedded; NULL: nothing is kept beyond the process */
	/* shared */
	const char *cluster, *name, *address; /* of this candidate: its node, and master's port */
	const char *library;		      /* the shared object of the backend */
	const char *const *endpoints;	      /* "host:port", NULL-terminated */
	const char *prefix;		      /* of all keys */
	const char *user, *password_file;     /* NULL: none */
	const char *ca_file;		      /* NULL: not encrypted */
	const char *cert_file, *key_file;     /* of this client; NULL: none */
	uint64_t lease_ns;
};

/* ---- a shared registry ---- */

#define REGISTRY_CANDIDATES_MAX 16u
/* For REGISTRY_RESIGN: whoever comes first has the lead. */
#define REGISTRY_ANYBODY "*"

enum registry_ask {
	REGISTRY_LOOK,	 /* says that this candidate is there, and leads if nobody does */
	REGISTRY_LOAD,	 /* all that is kept; of the leader */
	REGISTRY_RENEW,	 /* the leader's lease */
	REGISTRY_RESIGN, /* the leader gives the lead to another */
};

struct registry_leader {
	char name[64], address[128]; /* name empty: there is none */
	uint64_t since_wall_ns;
};

/* Who leads, and who is there; this candidate, too. */
struct registry_view {
	struct registry_leader leader;
	struct registry_leader candidates[REGISTRY_CANDIDATES_MAX];
	unsigned count;
};

struct registry_answer {
	enum registry_ask what;
	/* 0; -ESTALE: the key is another's; -ENOENT: no such candidate; -EIO: nobody knows, and why
	 * says what went wrong. */
	int result;
	bool elected;			 /* LOOK: the key is ours */
	uint64_t lease_at;		 /* when the lease was asked for last, on clock_boot_ns */
	uint64_t lease_ns;		 /* and how long it is */
	struct registry_view view;	 /* not of LOAD */
	struct registry_content content; /* of LOAD */
	char why[200];
};

/* ---- a backend ---- */

struct registry_ops {
	/* Opens, and makes what is missing. Returns 0, or -errno and why not in ret_error
	 * (mem_free). A shared one need not be reached for that. */
	int (*open)(const struct registry_config *c, char **ret_error);
	void (*close)(void);
	/* Adds all that is kept to an empty content. Returns 0 or -EIO. NULL of a shared one. */
	int (*load)(struct registry_content *ret);
	/* Saves the changes, in order; number: the highest one given so far. Returns 0 when all of
	 * them are durable, or -EIO and why not in ret_error (mem_free): then any first part of
	 * them may be; -ESTALE: another leads, and what is kept is his. */
	int (*save)(const struct registry_change *changes, size_t n, uint64_t number,
		    char **ret_error);
	/* Writes a whole copy, as of now, into a file that is not there yet; NULL: it has no files.
	 * Returns 0, or -errno and why not in ret_error (mem_free). */
	int (*backup)(const char *file, char **ret_error);
	/* Of a shared one, else NULL: answers the question; what is in `ret` already. to: of
	 * REGISTRY_RESIGN, a candidate's name or REGISTRY_ANYBODY. */
	void (*ask)(const char *to, struct registry_answer *ret);
};

extern const struct registry_ops registry_sqlite;

/* Appends an empty change. The result is valid until the next call. */
struct registry_change *registry_add(struct registry_content *c);
void registry_content_fini(struct registry_content *c);
/* Has what was written to this file, or which files are in this folder (O_DIRECTORY), survive a
 * loss of power. false: errno says why not. */
bool registry_sync(const char *path, int flags);
