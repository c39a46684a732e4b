/* SPDX-License-Identifier: MIT */
/* Addresses from configurations and scripts: what is accepted must fit, and come back the same when
 * it is formatted and read again. First byte: with or without a separate port. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text, out[ADDR_TEXT_MAX], again[ADDR_TEXT_MAX];
	struct addr_text t, back;
	struct addr a, b;

	if (n < 1)
		return 0;
	text = malloc(n);
	memcpy(text, p + 1, n - 1);
	text[n - 1] = 0;
	if (!addr_split(text, p[0] & 1 ? 4711 : -1, &t)) {
		check(strlen(t.host) < sizeof(t.host));
		check(t.port >= 0 && t.port <= 65535);
		if (addr_numeric(&t, &a)) {
			addr_format(&a, out, sizeof(out));
			check(addr_port(&a) == t.port);
			if (a.any.sa_family == AF_INET6) {
				/* formatted without brackets, so host and port go separately; the
				 * zone is lost */
				check(!addr_split(addr_format_ip(&a, again, sizeof(again)), t.port,
						  &back));
			} else {
				check(!addr_split(out, -1, &back));
				check(addr_numeric(&back, &b));
				check(strcmp(addr_format(&b, again, sizeof(again)), out) == 0);
			}
		}
	}
	free(text);
	return 0;
}
