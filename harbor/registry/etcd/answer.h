/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Answers of etcd's JSON gateway (v3). Any bytes are legal input: what is no such answer is said to
 * be none. Pure; any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key as it stands in etcd; valid during the call. Texts end with a zero that is not counted. */
struct etcd_key {
	const char *key, *value;
	size_t key_size, value_size;
	uint64_t created, changed; /* revisions */
	uint64_t lease;		   /* 0: none */
};

/* What an answer to a range or a transaction says besides its keys. */
struct etcd_result {
	uint64_t revision;
	bool succeeded; /* of a transaction: its conditions held */
	bool more;	/* of a range: there are further keys */
};

typedef void etcd_key_fn(const struct etcd_key *k, void *ud);

/* Return false: the bytes are no such answer. */
bool answer_range(const char *body, size_t n, struct etcd_result *ret, etcd_key_fn *f, void *ud);
/* f is called for the keys of all ranges in it, in their order. */
bool answer_txn(const char *body, size_t n, struct etcd_result *ret, etcd_key_fn *f, void *ud);
bool answer_grant(const char *body, size_t n, uint64_t *ret_lease, uint64_t *ret_seconds);
/* 0 seconds: the lease is no more. */
bool answer_keepalive(const char *body, size_t n, uint64_t *ret_seconds);
bool answer_token(const char *body, size_t n, char *ret_token, size_t size);
/* Returns what a refusal says for people; code: gRPC's, 0: it is not said. */
void answer_error(const char *body, size_t n, char *ret_text, size_t size, int *ret_code);
