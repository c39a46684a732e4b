/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading a file of a configuration.
 *
 * Limits: 4 MiB, and only a regular file.
 */
#include <stddef.h>

/* Returns the whole of the file with a NUL behind it (mem_free), or NULL and why not. */
char *file_read(const char *file, size_t *ret_size, const char **ret_why);
