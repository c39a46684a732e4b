/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How two ends meet before they speak KCP, which has no greeting of its own: datagrams whose conv
 * is 0, which no connection has.
 *
 *   0          4     6         7      8
 *   | 0 0 0 0 | h k | version | kind | ...                         little end first
 *
 *   HELLO   >  nonce, zeros up to 48 bytes: no answer is larger than its question
 *   COOKIE  <  nonce, cookie                the listener keeps nothing
 *   OPEN    >  nonce, cookie, token         the cookie shows that answers reach this address
 *   ACCEPT  <  nonce, conv, key             from here on it is KCP with this conv
 *   REFUSE  <  nonce, reason
 *   MOVED   <  conv, cookie                 a datagram of this conv came from an unknown address
 *   PROVE   >  conv, cookie, proof          only who has the key can make the proof
 *   CLOSE   <> conv, proof
 *
 * Pure. Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/kcp/siphash.h"

#define MEET_TOKEN_MAX 512u
#define MEET_MAX (30u + MEET_TOKEN_MAX) /* bytes of the longest */
#define MEET_HELLO_SIZE 48u

enum meet_kind {
	MEET_HELLO = 1,
	MEET_COOKIE,
	MEET_OPEN,
	MEET_ACCEPT,
	MEET_REFUSE,
	MEET_MOVED,
	MEET_PROVE,
	MEET_CLOSE,
};

enum meet_reason { MEET_FULL = 1, MEET_TOO_MANY };

struct meet {
	uint8_t kind, reason;
	uint16_t token_size;
	uint32_t conv;
	uint32_t time; /* of the cookie, and its proof */
	uint64_t nonce, mac, proof;
	uint8_t key[SIPHASH_KEY];
	const uint8_t *token; /* within the datagram */
};

/* Whether a datagram is one of these, right or wrong. */
bool meet_is(const uint8_t *p, size_t n);
/* Returns false for one that is none of these to the byte. */
bool meet_get(const uint8_t *p, size_t n, struct meet *ret);
/* Returns the bytes written. */
size_t meet_put(uint8_t ret[MEET_MAX], const struct meet *m);
