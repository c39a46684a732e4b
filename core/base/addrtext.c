/* SPDX-License-Identifier: MIT */
/* The text is walked once; nothing of it is copied before its form is known to be good. */
#include "core/base/addrtext.h"

#include <stddef.h>
#include <string.h>

static bool parse_port(const char *p, int *ret)
{
	int v = 0;

	if (!*p)
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (*p - '0');
		if (v > 65535)
			return false;
	}
	*ret = v;
	return true;
}

static const char *split_unix(const char *path, struct addr_text *ret)
{
	size_t n = strlen(path);

	if (path[0] != '/' && path[0] != '@')
		return "unix socket path must begin with / or @";
	if (n >= ADDR_PATH_MAX || n >= sizeof(ret->host))
		return "unix socket path too long";
	if (n < 2)
		return "unix socket path is empty";
	memcpy(ret->host, path, n + 1);
	ret->port = 0;
	ret->is_unix = true;
	return NULL;
}

const char *addr_split(const char *text, int port, struct addr_text *ret)
{
	struct addr_text t = { .port = port };
	const char *host = text ? text : "", *end, *why;

	if (strncmp(host, "unix:", 5) == 0) {
		why = split_unix(host + 5, &t);
		if (!why)
			*ret = t;
		return why;
	}
	if (port > 65535)
		return "invalid port";
	end = host + strlen(host);
	if (host[0] == '[') {
		const char *close = strchr(host, ']');

		if (!close || (port < 0 && close[1] != ':') || (port >= 0 && close[1]))
			return "invalid address";
		if (port < 0 && !parse_port(close + 2, &t.port))
			return "invalid port";
		host++;
		end = close;
		if (host == end || !memchr(host, ':', (size_t)(end - host)))
			return "invalid address";
	} else if (port < 0) {
		const char *colon = strchr(host, ':');

		if (!colon)
			return "address has no port";
		if (strchr(colon + 1, ':'))
			return "an IPv6 address needs brackets";
		if (!parse_port(colon + 1, &t.port))
			return "invalid port";
		end = colon;
	}
	if ((size_t)(end - host) >= sizeof(t.host))
		return "host name too long";
	memcpy(t.host, host, (size_t)(end - host));
	*ret = t;
	return NULL;
}
