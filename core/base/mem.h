/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Memory that must be there. jemalloc is linked as the process's malloc; these wrappers end the
 * process with one line on stderr when it has nothing left (the C contract says so; Lua states
 * have their own allocator, which fails politely). Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t n);	      /* uninitialised, never NULL */
void *mem_zalloc(size_t n);	      /* zeroed, never NULL */
void *mem_realloc(void *p, size_t n); /* like realloc, never NULL */
void mem_free(void *p);		      /* NULL is fine */
char *mem_strdup(const char *s);      /* never NULL */
char *mem_strndup(const char *s, size_t n);
/* printf into fresh memory, never NULL; free with mem_free. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For cleanup(): frees the pointed-to pointer. */
void mem_freep(void *pp);

/* Gives memory that is free back to the system; takes up to some 100 ms a GiB. Nothing without
 * jemalloc. */
void mem_trim(void);
/* What the allocator has from the system, and what of it is used. */
struct mem_figures {
	uint64_t allocated; /* bytes that the program has */
	uint64_t active;    /* of pages that hold some of them */
	uint64_t resident;  /* of pages that are in memory, with the allocator's own */
	uint64_t mapped, retained;
};
/* Returns false, and zeros, without jemalloc. Some 100 us. */
bool mem_get_figures(struct mem_figures *ret);
/* Bytes of memory that this process may use: the machine's, or less if its control group says so.
 * Reads files. */
uint64_t mem_limit(void);
/* Makes what this thread keeps at hand for itself free for all; some 10 us. */
void mem_trim_thread(void);

/* Ends the process: "harbord: out of memory (N bytes)". */
_Noreturn void mem_exhausted(size_t n);
