/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Environment of the node: what skynet.getenv sees. Keys are set once and never change, so a
 * returned string is valid for the life of the process. Any thread.
 */
#include <stdbool.h>

/* NULL: not set. "" is a value. */
const char *env_get(const char *key);
/* 0, or -EEXIST. Copies both. */
int env_set(const char *key, const char *value);
/* In order of keys. */
void env_foreach(void (*f)(const char *key, const char *value, void *ud), void *ud);
void env_fini(void);
