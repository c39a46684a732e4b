/* SPDX-License-Identifier: MIT */
#pragma once
/* Base64 (RFC 4648, with padding), in which etcd's JSON has keys and values. Pure; any thread. */
#include <stddef.h>

/* Returns the text of these bytes (mem_free). */
char *base64_encode(const void *bytes, size_t n);
/* Returns the bytes of the text, with a zero behind them (mem_free), and how many they are; NULL:
 * it is no base64. */
char *base64_decode(const char *text, size_t n, size_t *ret_size);
