/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Loading: a file becomes a configuration, or errors. A file is YAML (conf/yaml.h) or, if
 * conf/skynet.h can read those, in the style of skynet.
 *
 * Threads: one at a time.
 */
#include "conf/config.h"
#include "conf/errors.h"

/* What a configuration is made of. What a later file says of a key replaces what an earlier one
 * said of it, whole lists too. */
struct config_source {
	const char *shared; /* read first; NULL, or there is no such file: nothing is */
	const char *file;   /* the configuration itself. What ends in .yaml in the folder FILE.d is
			       read after it, in the order of names; at most CONFIG_DROPINS_MAX */
	const char *name;   /* of the node, if no file says another; NULL: see conf/nodename.h */
	const char *node;   /* its name whatever files say; NULL: what they say */
};
#define CONFIG_DROPINS_MAX 100

/* Reads the files, replaces their variables and checks what they say together. A file in the style
 * of skynet stands alone: nothing is shared with it, and none is read after it. Returns 0, and *ret
 * is the caller's (config_destroy); or -EINVAL, and *ret_errors holds at least one error.
 * *ret_errors is the caller's either way (config_errors_fini). */
int config_load_all(const struct config_source *from, struct config **ret,
		    struct config_errors *ret_errors);
/* Does so with one file, and what is in its FILE.d. */
int config_load(const char *file, struct config **ret, struct config_errors *ret_errors);
/* Does so with one file from memory, for tests and fuzzing; `file` names the text in errors, and a
 * NUL stands behind its size bytes. */
int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors);
/* Frees it and all that it holds; NULL is taken. Returns NULL. */
struct config *config_destroy(struct config *c);
