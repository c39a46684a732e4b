/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What must be true, or the process ends: must(expr) is compiled into every build, must_slow(expr)
 * only into those with CHECKS=1 (sanitizer builds and FAULTS=1 builds), for paths where a
 * comparison counts.
 *
 * They stand at the doors of a module and say what a caller owes: a handle in range, a state, a
 * size within its limit, the right thread. What comes from outside (the network, a file, a Lua
 * program) is no caller's debt; it gets an error.
 *
 * A failure is one line on stderr, and in the log if its sink is free, with the place and the
 * thread; then abort(3). No service is ended in order first, for the state that they would be ended
 * from is what was found to be wrong.
 *
 * Threads: any. must_set_last_words: before any other thread runs.
 */
#include <stddef.h>
#include "core/base/base.h"

#define must(expr) (likely(expr) ? (void)0 : must_fail(#expr, __FILE__, __LINE__))
#ifdef CHECKS
#define must_slow(expr) must(expr)
#else
#define must_slow(expr) ((void)sizeof(!(expr))) /* not evaluated */
#endif

/* Ends the process: "must(EXPR) failed at FILE:LINE". */
_Noreturn void must_fail(const char *expr, const char *file, int line) __attribute__((cold));
/* Ends the process with a text, one line. */
_Noreturn void must_end(const char *fmt, ...) printf_like(1, 2) __attribute__((cold));
/* f is told the line before the process ends, on the thread that failed, whatever that holds; it
 * must not wait for anything. NULL: nobody is told. */
void must_set_last_words(void (*f)(const char *text, size_t size));
