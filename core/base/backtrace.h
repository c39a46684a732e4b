/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Calls of C that led to here, found by the tables for exceptions; where they do not help, after a
 * jump to what is no code, by frame pointers, which all of our own code keeps.
 *
 * Threads: the one whose calls they are, its signal handlers too; there inside of guard_run
 *          (guard.h), for a broken stack points anywhere.
 */
#include <stdint.h>

#include "core/base/rawtext.h"

#define BACKTRACE_MAX 48u

/* Where a signal struck (the third argument of its handler), then its callers; NULL: who calls
 * this. Returns how many. */
unsigned backtrace_read(const void *context, uintptr_t ret[BACKTRACE_MAX]);
/* Where it struck: the place of the fault, as far as one is known. */
uintptr_t backtrace_place(const void *context);
/* Writes "FILE+0xOFFSET SYMBOL+0xOFFSET" for addr2line(1) and for people; the symbol only if it is
 * one that the file exports. */
void backtrace_write(struct rawtext *t, uintptr_t pc);
