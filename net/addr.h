/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Addresses: from text (core/base/addrtext.h) to sockaddr and back. Pure; a name is never looked
 * up here.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "core/base/addrtext.h"

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

/* A unix path or a numeric host ("" is 0.0.0.0) becomes a sockaddr. false: it is a name. */
bool addr_numeric(const struct addr_text *t, struct addr *ret);

/* Host and port as the user gave them (addr_split) in one text, for messages. Returns ret_text. */
char *addr_describe(const char *host, int port, char *ret_text, size_t size);
/* "ip:port" (IPv6 without brackets, as the contract has it), or "unix:/path". Returns ret_text. */
char *addr_format(const struct addr *a, char *ret_text, size_t size);
/* The same without the port. */
char *addr_format_ip(const struct addr *a, char *ret_text, size_t size);
/* 0 for a unix socket. */
int addr_port(const struct addr *a);
