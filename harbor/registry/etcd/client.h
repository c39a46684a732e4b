/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Client: one question to etcd after the other, to whichever of its servers answers. A server that
 * does not is left for the next; each attempt, and each answer's size, is bounded.
 *
 * Threads: one at a time.
 */
#include <stddef.h>
#include <stdint.h>
#include "harbor/registry/registry.h"

struct client;

/* Returns NULL and why not in ret_error (mem_free): a file cannot be read. Texts stay the caller's.
 * try_ns: for one attempt. */
struct client *client_create(const struct registry_config *c, uint64_t try_ns, char **ret_error);
struct client *client_destroy(struct client *c);
/* Sends a JSON text to this path ("/v3/kv/txn"). Returns 0 and the answer, which is valid until the
 * next call; -EIO: why says so. */
int client_ask(struct client *c, const char *path, const char *question, const char **ret_body,
	       size_t *ret_size);
/* Why the last call failed; and whoever finds that its answer is none says so here. */
const char *client_why(const struct client *c);
int client_misunderstood(struct client *c, const char *path);
