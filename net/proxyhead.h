/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The header that a proxy (haproxy, nginx, a load balancer) sends before the bytes of a client, to
 * say who he is: versions 1 and 2 of the PROXY protocol; and the list of addresses that are
 * believed. Pure.
 *
 * Threads:   any.
 * Limits:    PROXY_V1_MAX bytes of a header of version 1, PROXY_MAX of one of version 2;
 *            PROXY_ALLOW_MAX entries of a list.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/addr.h"

#define PROXY_V1_MAX 107u
#define PROXY_MAX 4096u
#define PROXY_ALLOW_MAX 64u

struct proxy_head {
	/* Else the connection is the proxy's own, or it does not know whose it is: the address of
	 * the connection counts. */
	bool known;
	struct addr client;
	size_t size; /* of the header, while bytes of it are missing; 0: not known yet */
};

/* Reads a header at the beginning of n bytes. Returns its size, 0 when bytes of it are missing, or
 * -1 and in *ret_why what is wrong with it. Whatever comes behind is not looked at. */
int proxy_head_parse(const uint8_t *p, size_t n, struct proxy_head *ret, const char **ret_why);

/* Who may send headers. */
struct proxy_allow {
	unsigned count;
	bool unix_peers;
	struct proxy_net {
		uint8_t bytes[16]; /* an IPv4 address as ::ffff:a.b.c.d */
		unsigned bits;	   /* 0 to 128 */
	} at[PROXY_ALLOW_MAX];
};

/* "10.0.0.0/8, 127.0.0.1 2001:db8::/32 unix": addresses with or without the bits of their net,
 * with commas or blanks between them. Returns NULL, or what is wrong with it. */
const char *proxy_allow_parse(const char *text, struct proxy_allow *ret);
bool proxy_allows(const struct proxy_allow *a, const struct addr *peer);
