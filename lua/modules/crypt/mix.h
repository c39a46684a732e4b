/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The private functions of skynet's login: a hash, a keyed digest of two numbers, and an exchange
 * of keys in a group of 64 bits. Old clients speak them; none is secure by today's measure.
 *
 * Threads: any; pure functions.
 */
#include <stddef.h>
#include <stdint.h>

#define MIX_PRIME 0xffffffffffffffc5u /* 2^64 - 59 */

/* Two hashes of a text: the low and the high word. */
uint64_t mix_hash(const uint8_t *text, size_t n);
/* The steps of MD5 over the words of x and y, four times, without the addition at the end. */
uint64_t mix_hmac(uint64_t x, uint64_t y);
/* base^exponent modulo MIX_PRIME, in a time that depends on neither. */
uint64_t mix_power(uint64_t base, uint64_t exponent);
