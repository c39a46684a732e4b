/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol: a header is within its limits and the same whatever comes behind
 * it, each beginning of it wants more, and an address list is read in time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/proxyhead.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_head(const uint8_t *p, size_t n)
{
	struct proxy_head h, part;
	const char *why;
	int r = proxy_head_parse(p, n, &h, &why);
	char text[ADDR_TEXT_MAX];

	check((r < 0) == (why != NULL) && r <= (int)n && r <= (int)PROXY_MAX);
	check(r != 0 || h.size == 0 || (h.size > n && h.size <= PROXY_MAX));
	if (h.known)
		addr_format(&h.client, text, sizeof(text));
	if (r <= 0)
		return;
	for (size_t m = 0; m < (size_t)r; m++)
		check(proxy_head_parse(p, m, &part, &why) == 0);
	check(proxy_head_parse(p, (size_t)r, &part, &why) == r && part.known == h.known);
}

static void check_allow(const uint8_t *p, size_t n)
{
	struct proxy_allow a;
	char *text = malloc(n + 1);
	struct addr peer = { 0 };

	memcpy(text, p, n);
	text[n] = 0;
	if (!proxy_allow_parse(text, &a)) {
		check(a.count <= PROXY_ALLOW_MAX);
		for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
			peer.any.sa_family = (sa_family_t)family;
			(void)proxy_allows(&a, &peer);
		}
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* so that a sanitizer sees a byte too many */
	uint8_t *copy = malloc(n ? n : 1);

	if (n)
		memcpy(copy, p, n);
	check_head(copy, n);
	check_allow(p, n);
	free(copy);
	return 0;
}
