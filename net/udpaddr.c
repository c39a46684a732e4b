/* SPDX-License-Identifier: MIT */
/* Ports and addresses are in network order on both sides, so they are only copied. */
#include "net/udpaddr.h"

#include <string.h>

#include "core/base/must.h"

#define IP_AT 3

size_t udpaddr_write(const struct sockaddr *a, char *ret)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	must(a->sa_family == AF_INET || a->sa_family == AF_INET6);
	if (a->sa_family == AF_INET) {
		memcpy(&in, a, sizeof(in));
		ret[0] = 1;
		memcpy(ret + 1, &in.sin_port, 2);
		memcpy(ret + IP_AT, &in.sin_addr, 4);
		return UDP_ADDRESS_V4;
	}
	memcpy(&in6, a, sizeof(in6));
	ret[0] = 2;
	memcpy(ret + 1, &in6.sin6_port, 2);
	memcpy(ret + IP_AT, &in6.sin6_addr, 16);
	return UDP_ADDRESS_V6;
}

bool udpaddr_read(const void *bytes, size_t size, struct addr *ret)
{
	const char *b = bytes;

	if (size == 0 || size != udpaddr_size(*b))
		return false;
	*ret = (struct addr){ 0 };
	if (size == UDP_ADDRESS_V4) {
		ret->in.sin_family = AF_INET;
		memcpy(&ret->in.sin_port, b + 1, 2);
		memcpy(&ret->in.sin_addr, b + IP_AT, 4);
		ret->size = sizeof(ret->in);
	} else {
		ret->in6.sin6_family = AF_INET6;
		memcpy(&ret->in6.sin6_port, b + 1, 2);
		memcpy(&ret->in6.sin6_addr, b + IP_AT, 16);
		ret->size = sizeof(ret->in6);
	}
	return true;
}
