/* SPDX-License-Identifier: MIT */
#pragma once
/* Closures for the main loop: any thread posts, the loop runs them in the order of posting. */
#include <stdbool.h>

/* Runs f(arg) on the loop. It does not run when the node ends before. Any thread. */
void net_post(void (*f)(void *arg), void *arg);
/* The same; if the loop ends before f could run, discard (may be NULL) frees arg. */
void post_or_discard(void (*f)(void *arg), void *arg, void (*discard)(void *arg));

/* [loop] Runs what was posted until now. Returns false when there was nothing. */
bool post_run_once(void);
/* [loop] Runs also what these closures post, within bounds. Returns false when there was
 * nothing. */
bool post_run(void);
/* Discards everything. After the loop has ended. */
void post_fini(void);
