/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The signals that mean a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT): who looks at memory
 * that may be broken is brought back, anything else is a crash.
 *
 * Threads: guard_init before there are others; guard_run any, in signal handlers too.
 */
#include <signal.h>
#include <stdbool.h>

/* Catches the signals. A crash is told to crashed(), in the handler, on the thread that failed;
 * when that returns, what was set before (the default: a core dump) happens. NULL: nobody is told.
 */
void guard_init(void (*crashed)(int sig, siginfo_t *info, void *context));
/* This thread has a stack for handlers from now on, so that an overflow of its own can be told; and
 * no more. */
void guard_thread_begin(void);
void guard_thread_end(void);
/* Runs f(ud). Returns false if it touched memory that is not there: it was left in the middle then.
 * f may do only what can be left so. Without guard_init it is a plain call. */
bool guard_run(void (*f)(void *ud), void *ud);
/* Leaves the guard_run that runs on this thread, from a signal handler; returns if there is
 * none. */
void guard_leave(void);
