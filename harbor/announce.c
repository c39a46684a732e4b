/* SPDX-License-Identifier: MIT */
/* An address is cut at its last colon, as host and port. */
#include <stdio.h>
#include <string.h>

#include "harbor/announce.h"

/* The host's length: the port stands behind the last colon. */
static int host_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon ? (int)(colon - text) : (int)strlen(text);
}

static bool host_is(const char *text, const char *host)
{
	size_t n = (size_t)host_of(text);

	return strlen(host) == n && memcmp(text, host, n) == 0;
}

static void join(const char *host, int n, const char *address, char ret_address[ANNOUNCE_MAX])
{
	bool bare6 = memchr(host, ':', (size_t)n) && *host != '[';

	snprintf(ret_address, ANNOUNCE_MAX, bare6 ? "[%.*s]%s" : "%.*s%s", n, host,
		 address + host_of(address));
}

bool announce_is_any(const char *address)
{
	return host_is(address, "0.0.0.0") || host_is(address, "[::]") || host_is(address, "");
}

void announce_host(const char *address, char ret_host[ANNOUNCE_MAX])
{
	bool bracket = *address == '[';
	int n = host_of(address);

	snprintf(ret_host, ANNOUNCE_MAX, "%.*s", bracket ? n - 2 : n, address + bracket);
}

void announce_text(const char *text, char ret_address[ANNOUNCE_MAX])
{
	join(text, host_of(text), text, ret_address);
}

void announce_own(const char *any, const char *local, char ret_address[ANNOUNCE_MAX])
{
	bool loopback = strncmp(local, "127.", 4) == 0 || host_is(local, "::1");

	if (loopback || !*local)
		snprintf(ret_address, ANNOUNCE_MAX, "%s", any);
	else
		join(local, host_of(local), any, ret_address);
}

void announce_reach(const char *address, const char *master_host, char ret_address[ANNOUNCE_MAX])
{
	if (announce_is_any(address) && *master_host)
		join(master_host, (int)strlen(master_host), address, ret_address);
	else
		snprintf(ret_address, ANNOUNCE_MAX, "%s", address);
}
