/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading a file whole.
 *
 * Limits: 4 MiB, a secret 64 KiB, and only a regular file.
 */
#include <stddef.h>

/* Returns the whole of the file with a NUL behind it (mem_free), or NULL and why not. */
char *file_read(const char *file, size_t *ret_size, const char **ret_why);
/* The same in memory that no core file has (secret_free). */
char *file_read_secret(const char *file, size_t *ret_size, const char **ret_why);
