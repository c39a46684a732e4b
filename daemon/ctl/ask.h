/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Asks a node: one line into its control socket (daemon/admin/words.h), one answer out of it. Many
 * nodes are asked at once by beginning all before the first is waited for.
 *
 * Threads: one. What goes wrong is said on stderr, one line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ask {
	const char *socket;
	const char *node; /* the one behind the socket that is meant; NULL: the socket's own */
	char *const *words;
	FILE *answer; /* once it has begun */
};

/* Sends the question. Returns 0, or an exit status. */
int ask_begin(struct ask *a);
/* Waits for the answer: its text is JSON (mem_free); not well: {"error": why}. Returns 0, or an
 * exit status. */
int ask_end(struct ask *a, char **ret_body, size_t *ret_size, bool *ret_well);
/* Nobody waits for the answer any more. */
void ask_drop(struct ask *a);
/* Both. */
int ask_node(struct ask *a, char **ret_body, size_t *ret_size, bool *ret_well);
