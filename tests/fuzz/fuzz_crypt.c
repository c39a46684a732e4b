/* SPDX-License-Identifier: MIT */
/* Any bytes as base64, as hexadecimal digits and as DES: refused, or decoded within the room
 * that was told; and what is encoded out of them comes back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/crypt/codec.h"
#include "lua/modules/crypt/des.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void base64(const uint8_t *p, size_t n)
{
	uint8_t *bytes = malloc(BASE64_BYTES(n)), *back = malloc(BASE64_BYTES(BASE64_SIZE(n)));
	char *text = malloc(BASE64_SIZE(n) + 1);
	int64_t size = base64_decode((const char *)p, n, bytes);

	must(size <= (int64_t)(n / 4 * 3 + 2));
	base64_encode(p, n, text);
	must(base64_decode(text, BASE64_SIZE(n), back) == (int64_t)n);
	must(n == 0 || memcmp(back, p, n) == 0);
	free(text);
	free(back);
	free(bytes);
}

static void hex(const uint8_t *p, size_t n)
{
	uint8_t *bytes = malloc(n + 1);
	char *text = malloc(HEX_SIZE(n) + 1);

	if (hex_decode((const char *)p, n / 2, bytes)) {
		hex_encode(bytes, n / 2, text);
		must(memcmp(text, p, n / 2 * 2) == 0);
	}
	hex_encode(p, n, text);
	must(hex_decode(text, n, bytes));
	must(n == 0 || memcmp(bytes, p, n) == 0);
	free(text);
	free(bytes);
}

static void des(const uint8_t *p, size_t n)
{
	enum des_padding padding = p[0] & 1 ? DES_PKCS7 : DES_ISO7816_4;
	uint8_t *code = malloc(DES_PADDED(n)), *back = malloc(DES_PADDED(n));
	size_t whole = n / DES_BLOCK * DES_BLOCK;
	struct des d;

	des_begin(&d, p);
	must(des_decode(&d, padding, p, whole, back) < (int64_t)whole);
	des_encode(&d, padding, p, n, code);
	must(des_decode(&d, padding, code, DES_PADDED(n), back) == (int64_t)n);
	must(memcmp(back, p, n) == 0);
	free(back);
	free(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	base64(p, n);
	hex(p, n);
	if (n >= DES_BLOCK)
		des(p, n);
	return 0;
}
