/* SPDX-License-Identifier: MIT */
/* A host that is numeric becomes a sockaddr by getaddrinfo(AI_NUMERICHOST), which knows zones
 * ("fe80::1%eth0") and never asks a server. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == ADDR_PATH_MAX,
	       "a path that addr_split takes fits");

bool addr_numeric(const struct addr_text *t, struct addr *ret)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai;
	struct addr a = { 0 };
	char port[12];

	if (t->is_unix) {
		size_t n = strlen(t->host);

		a.un.sun_family = AF_UNIX;
		memcpy(a.un.sun_path, t->host, n);
		a.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
		if (t->host[0] == '@')
			a.un.sun_path[0] = 0;
		else
			a.size++;
		*ret = a;
		return true;
	}
	if (!t->host[0]) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons((uint16_t)t->port);
		a.size = sizeof(a.in);
		*ret = a;
		return true;
	}
	snprintf(port, sizeof(port), "%d", t->port);
	if (getaddrinfo(t->host, port, &hints, &ai) != 0)
		return false;
	memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
	a.size = ai->ai_addrlen;
	freeaddrinfo(ai);
	*ret = a;
	return true;
}

char *addr_describe(const char *host, int port, char *ret_text, size_t size)
{
	bool whole = port < 0 || (host && strncmp(host, "unix:", 5) == 0);

	if (!host || !*host)
		host = "0.0.0.0";
	if (whole)
		snprintf(ret_text, size, "%s", host);
	else
		snprintf(ret_text, size, strchr(host, ':') && *host != '[' ? "[%s]:%d" : "%s:%d",
			 host, port);
	return ret_text;
}

int addr_port(const struct addr *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->any.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

static char *format_unix(const struct addr *a, char *ret_text, size_t size)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = a->size > head ? a->size - head : 0;

	/* an abstract name begins with a NUL and need not end with one */
	if (n && !a->un.sun_path[0])
		snprintf(ret_text, size, "unix:@%.*s", (int)n - 1, a->un.sun_path + 1);
	else
		snprintf(ret_text, size, "unix:%.*s", (int)n, a->un.sun_path);
	return ret_text;
}

char *addr_format_ip(const struct addr *a, char *ret_text, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->any.sa_family == AF_UNIX)
		return format_unix(a, ret_text, size);
	if (a->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
	else if (a->any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
	snprintf(ret_text, size, "%s", ip);
	return ret_text;
}

char *addr_format(const struct addr *a, char *ret_text, size_t size)
{
	addr_format_ip(a, ret_text, size);
	if (a->any.sa_family != AF_UNIX) {
		size_t n = strlen(ret_text);

		snprintf(ret_text + n, size - n, ":%d", addr_port(a));
	}
	return ret_text;
}
