/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Memory that a service wanted and did not get. Lua itself only says "not enough memory".
 *
 * Threads: the worker that runs the service.
 */
#include <stddef.h>

struct host;

/* The allocator refuses to let the block p, NULL for a new one, grow by so many bytes. Lua collects
 * garbage then and asks once more; when that is refused too, a line is logged, at most one a
 * second. */
void memory_refused(struct host *h, const void *p, size_t growth);

#define MEMORY_TEXT_MAX 112
/* Writes what the last refusal was: "memory limit 64 MiB reached (in use 63.9 MiB, wanted 1.2
 * MiB)". */
void memory_describe(const struct host *h, char ret[MEMORY_TEXT_MAX]);
