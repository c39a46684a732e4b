/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * DES, FIPS 46-3, a block at a time: for the protocols of old games. It protects nothing any more.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DES_BLOCK 8u

/* The 16 keys of the rounds, each as the four even groups of 6 bits and the four odd ones. */
struct des {
	uint32_t keys[16][2];
};

/* The parity bits of the key do not count. */
void des_begin(struct des *ret, const uint8_t key[DES_BLOCK]);
/* `to` may be `from`. */
void des_block(const struct des *d, const uint8_t from[DES_BLOCK], uint8_t to[DES_BLOCK],
	       bool encrypts);

enum des_padding {
	DES_ISO7816_4, /* 0x80, then zeros */
	DES_PKCS7,     /* n bytes of value n (RFC 5652) */
};

/* What a text of n bytes is when it is padded: always at least a byte more. */
#define DES_PADDED(n) (((n) / DES_BLOCK + 1) * DES_BLOCK)

/* Writes DES_PADDED(n) bytes, ECB. */
void des_encode(const struct des *d, enum des_padding padding, const uint8_t *from, size_t n,
		uint8_t *to);
/* Writes n bytes, a multiple of DES_BLOCK and not 0, and returns how many of them are the text, -1:
 * the padding is none. */
int64_t des_decode(const struct des *d, enum des_padding padding, const uint8_t *from, size_t n,
		   uint8_t *to);
