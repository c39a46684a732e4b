/* SPDX-License-Identifier: MIT */
#pragma once
/* Names to addresses, without holding up the loop. */
#include <stdbool.h>
#include "net/addr.h"

/* What a name stands for, in the order in which it is to be tried. */
struct addr_list {
	unsigned count, next;
	struct addr at[];
};

/* Blocking getaddrinfo: calls f for each address text. Returns 0 or an EAI_* code. Any thread. */
int net_resolve(const char *host, void (*f)(const char *ip, void *ud), void *ud);

/* ---- for the files of net/ ---- */

/* Blocking. Returns NULL and in *ret a list that the caller frees (mem_free), or what went
 * wrong. */
const char *resolve_list(const struct addr_text *t, bool passive, struct addr_list **ret);
/* On a resolver thread: takes what t stands for, or, when the list is NULL, `why` says what went
 * wrong. */
typedef void resolve_done(int id, const struct addr_text *t, struct addr_list *to_take,
			  const char *why);
/* Looks t up on a resolver thread, which then calls done. Returns 0 or -errno. Any thread; no lock
 * that `done` takes may be held. */
int resolve_start(const struct addr_text *t, resolve_done *done, int id);
/* No `done` is called any more when it returns. Waits for a look-up under way, but not for ever. */
void resolve_stop(void);
