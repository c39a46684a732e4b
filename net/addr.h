/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Addresses: from text to sockaddr and back. Pure; a name is never looked up here.
 *
 *   "10.0.0.1:80"   host and port          "[::1]:80"      IPv6 needs the brackets
 *   "unix:/path"    a unix socket          "unix:@name"    one in the abstract name space
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDR_HOST_MAX 256
#define ADDR_TEXT_MAX 128 /* room for any formatted address */

struct addr {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
};

/* Host and port as the user gave them. */
struct addr_text {
	char host[ADDR_HOST_MAX]; /* without brackets; "" = any; for unix: the path */
	int port;
	bool is_unix;
};

/* Takes host and port, or, with port < 0, one text of the forms above. NULL, or what is wrong. */
const char *addr_split(const char *text, int port, struct addr_text *ret);

/* A unix path or a numeric host ("" is 0.0.0.0) becomes a sockaddr. false: it is a name. */
bool addr_numeric(const struct addr_text *t, struct addr *ret);

/* "ip:port" (IPv6 without brackets, as the contract has it), or "unix:/path". Gives ret_text. */
char *addr_format(const struct addr *a, char *ret_text, size_t size);
/* The same without the port. */
char *addr_format_ip(const struct addr *a, char *ret_text, size_t size);
/* 0 for a unix socket. */
int addr_port(const struct addr *a);
