/* SPDX-License-Identifier: MIT */
/* Any bytes as the address of a datagram: refused, or an address that is written as the same bytes,
 * and as a text that stands for it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/udpaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char bytes[UDP_ADDRESS_MAX], text[ADDR_TEXT_MAX];
	struct addr_text t;
	struct addr a, again;

	if (!udpaddr_read(p, n, &a)) {
		must(n == 0 || n != udpaddr_size((char)*p));
		return 0;
	}
	must(udpaddr_write(&a.any, bytes) == n && memcmp(bytes, p, n) == 0);
	addr_format_ip(&a, text, sizeof(text));
	must(addr_split(text, addr_port(&a), &t) == NULL && addr_numeric(&t, &again));
	must(udpaddr_write(&again.any, bytes) == n && memcmp(bytes, p, n) == 0);
	return 0;
}
