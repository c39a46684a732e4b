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

/* Reads the file, replaces its variables and checks it. Returns 0, and *ret is the caller's
 * (config_destroy); or -EINVAL, and *ret_errors holds at least one error. *ret_errors is the
 * caller's either way (config_errors_fini). */
int config_load(const char *file, struct config **ret, struct config_errors *ret_errors);
/* Does the same from memory, for tests and fuzzing; `file` names the text in errors, and a NUL
 * stands behind its size bytes. */
int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors);
