/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Bytes as text and back: hexadecimal digits, and base64 of RFC 4648. Pure functions.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What encoding n bytes takes, and the most that decoding n characters takes. */
#define HEX_SIZE(n) ((n)*2)
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)
#define BASE64_BYTES(n) ((n) / 4 * 3 + 3)

/* Writes HEX_SIZE(n) lower-case digits. */
void hex_encode(const uint8_t *from, size_t n, char *to);
/* Reads 2 n lower-case digits into n bytes; returns false when one of them is none. */
bool hex_decode(const char *from, size_t n, uint8_t *to);

/* Writes BASE64_SIZE(n) characters. */
void base64_encode(const uint8_t *from, size_t n, char *to);
/*
 * Reads n characters into at most BASE64_BYTES(n) bytes and returns how many, -1: this is no
 * base64. Characters that are not of the alphabet are skipped within a group of four; the padding
 * may be missing; behind a padded group another may follow.
 */
int64_t base64_decode(const char *from, size_t n, uint8_t *to);
