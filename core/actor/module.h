/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Modules: the C code of services, built in or loaded by dlopen with the NAME_create, NAME_init,
 * NAME_release, NAME_signal contract. Never unloaded. Any thread.
 * Limits: MODULES_MAX distinct modules.
 */
#include <stdint.h>

struct service;

struct module {
	const char *name;
	/* NULL function: the instance is (void *)~0. NULL result: the launch fails. */
	void *(*create)(void);
	/* Mandatory. Runs on the launcher's thread; non-zero: the launch fails. */
	int (*init)(void *instance, struct service *s, const char *args);
	/* The last thing; on the owner. */
	void (*release)(void *instance);
	/* From another thread. */
	void (*signal)(void *instance, int sig);
};

#define MODULES_MAX 256

/* Built-in modules come before any file. Before the first launch. The table is not copied. */
void module_add(const struct module *m);
/* Templates with ?, separated by ';'. Copied. -EINVAL: one has no '?'. */
int module_set_path(const char *cpath);
/* NULL after one log line that says why ("try open NAME failed : ..."). */
const struct module *module_find(const char *name);
void module_fini(void);
