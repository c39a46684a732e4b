/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Fault points: failures that tests can ask for, by name (faults.def). Compiled in only with
 * FAULTS=1; otherwise fault() is the constant false.
 *
 *   HARBORD_FAULTS="accept:1,lua_alloc:100+2,short_write:every=2"
 *
 * The first accept fails; allocations 100 and 101 fail (Lua collects garbage after a failure and
 * tries again, so one alone is not seen); every second write is short.
 *
 * Threads:   fault(): any. fault_arm(): before any other thread runs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include "core/base/base.h"

#ifdef FAULTS
enum fault_point {
#define FAULT(name, what) FAULT_##name,
#include "core/base/faults.def"
#undef FAULT
	FAULT_POINTS
};

/* Counts a pass; true: this one is to fail, and stderr says "fault: NAME PASS". */
bool fault_hit(enum fault_point p);
#define fault(name) unlikely(fault_hit(FAULT_##name))

/* Arms what the text says, NULL or "": nothing; all others are disarmed. false: the text is wrong,
 * nothing is armed, and `error` (of `size` bytes) says why. */
bool fault_arm(const char *text, char *error, size_t size);

/* -1, as a system call that fails so. */
static inline int fault_errno(int e)
{
	errno = e;
	return -1;
}
#else
#define fault(name) false
#define fault_errno(e) (-1)
#endif
