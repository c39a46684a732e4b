/* SPDX-License-Identifier: MIT */
#include "harbor/registry/etcd/base64.h"

#include <stdint.h>
#include <string.h>

#include "core/base/mem.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	char *text = mem_alloc((n + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
				 (i + 2 < n ? p[i + 2] : 0);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = i + 1 < n ? digits[group >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[group & 63] : '=';
	}
	*out = 0;
	return text;
}

/* Returns -1 for what is no digit. */
static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

char *base64_decode(const char *text, size_t n, size_t *ret_size)
{
	size_t padding = 0;
	char *bytes, *out;

	while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
		padding++;
	if (n % 4)
		return NULL;
	bytes = out = mem_alloc(n / 4 * 3 + 1);
	for (size_t i = 0; i < n; i += 4) {
		uint32_t group = 0;

		for (size_t k = i; k < i + 4; k++) {
			int d = k < n - padding ? digit(text[k]) : 0;

			if (d < 0) {
				mem_free(bytes);
				return NULL;
			}
			group = group << 6 | (uint32_t)d;
		}
		*out++ = (char)(group >> 16);
		*out++ = (char)(group >> 8);
		*out++ = (char)group;
	}
	*ret_size = n / 4 * 3 - padding;
	bytes[*ret_size] = 0;
	return bytes;
}
