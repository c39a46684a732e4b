/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Text into a descriptor, by what a signal handler may call: no memory, no locks, no printf.
 *
 * Threads: one at a time for each struct.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rawtext {
	int fd;
	int error; /* errno of the first write that failed: nothing is written after it */
	size_t n;
	char bytes[1024];
};

void raw_puts(struct rawtext *t, const char *s);
void raw_add(struct rawtext *t, const char *p, size_t n);
/* The same for a stranger's bytes: those that are not printable ASCII become '.'. */
void raw_clean(struct rawtext *t, const char *p, size_t n);
void raw_uint(struct rawtext *t, uint64_t v);
void raw_int(struct rawtext *t, int64_t v);
/* In at least so many digits. */
void raw_hex(struct rawtext *t, uint64_t v, unsigned digits);
/* ":0100000a" */
void raw_handle(struct rawtext *t, uint32_t handle);
/* "12.345" */
void raw_seconds(struct rawtext *t, uint64_t ns);
/* A wall clock time as "2026-11-26T12:34:56Z", or without '-' and ':'. */
void raw_time(struct rawtext *t, uint64_t wall_ns, bool compact);
/* Writes out what is still here. */
void raw_flush(struct rawtext *t);
