/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Addresses as text, cut into host and port. Pure; a name is never looked up here.
 *
 *   "10.0.0.1:80"   host and port          "[::1]:80"      IPv6 needs the brackets
 *   "unix:/path"    a unix socket          "unix:@name"    one in the abstract name space
 *
 * Threads: any.
 */
#include <stdbool.h>

#define ADDR_HOST_MAX 256
/* The longest path of a unix socket, with its NUL. */
#define ADDR_PATH_MAX 108

/* Host and port as the user gave them. */
struct addr_text {
	char host[ADDR_HOST_MAX]; /* without brackets; "" = any; for unix: the path */
	int port;
	bool is_unix;
};

/* Takes host and port, or, with port < 0, one text of the forms above. Returns NULL, or what is
 * wrong with it. */
const char *addr_split(const char *text, int port, struct addr_text *ret);
