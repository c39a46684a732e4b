/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Memory that no core file has: for secrets, and for all that libraries keep who work with them
 * (OpenSSL, curl). It is an arena of jemalloc of its own, whose pages are left out of dumps
 * (MADV_DONTDUMP), so what was freed there is left out, too. Builds without jemalloc, which are
 * those with a sanitizer, take the heap.
 *
 * Threads: any. Ownership: as malloc's; what is taken here is freed here.
 * Failure: NULL, as a library expects it of its allocator.
 */
#include <stdbool.h>
#include <stddef.h>

/* Whether it is as it says, and not the heap. */
bool secret_is_hidden(void);

void *secret_alloc(size_t n); /* uninitialised */
void *secret_zalloc(size_t count, size_t each);
void *secret_realloc(void *p, size_t n);
void secret_free(void *p);
char *secret_strdup(const char *s);

/* The same as OpenSSL calls its allocator. */
void *secret_alloc_at(size_t n, const char *file, int line);
void *secret_realloc_at(void *p, size_t n, const char *file, int line);
void secret_free_at(void *p, const char *file, int line);
