/* SPDX-License-Identifier: MIT */
/* What a PostgreSQL server on 127.0.0.1:PORT (argument) answers a program that does nothing else:
 * prepared queries on one connection, one by one, and 64 on their way at once. Each is a
 * transaction of its own, as tasks that share a connection want it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limit.h"

#define MANY 64

static const uint8_t hello[] = "\0\0\0\x17\0\3\0\0user\0postgres\0\0";
static const uint8_t parse[] = "P\0\0\0\x17s1\0select 1 as x\0\0\0S\0\0\0\4";
static const uint8_t execute[] = "B\0\0\0\xe\0s1\0\0\0\0\0\0\0"
				 "E\0\0\0\x9\0\0\0\0\0S\0\0\0\4";

static void put(int fd, const void *p, size_t n)
{
	need(write(fd, p, n) == (ssize_t)n, "write");
}

/* Reads until the server has said so often that it is ready. */
static void await(int fd, unsigned n)
{
	static uint8_t buffer[65536];
	static size_t have;

	while (n > 0) {
		size_t at = 0;
		ssize_t got = read(fd, buffer + have, sizeof(buffer) - have);

		need(got > 0, "read");
		have += (size_t)got;
		while (have - at >= 5) {
			uint32_t size;

			memcpy(&size, buffer + at + 1, 4);
			size = ntohl(size) + 1;
			if (have - at < size)
				break;
			need(buffer[at] != 'E', "the server refuses");
			n -= buffer[at] == 'Z';
			at += size;
		}
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
}

static void measure(int fd, const char *name, unsigned together)
{
	uint8_t request[MANY * 64];
	unsigned long done = 0;
	size_t n = 0;
	uint64_t begin = now(), took;

	for (unsigned i = 0; i < together; i++, n += sizeof(execute) - 1)
		memcpy(request + n, execute, sizeof(execute) - 1);
	do {
		put(fd, request, n);
		await(fd, together);
		done += together;
		took = now() - begin;
	} while (took < 2000000000u);
	printf("limit.pgsql.%s %.0f queries/s\n", name, 1e9 * (double)done / (double)took);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "5432")),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	need(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	put(fd, hello, sizeof(hello) - 1);
	await(fd, 1);
	put(fd, parse, sizeof(parse) - 1);
	await(fd, 1);
	measure(fd, "sequential", 1);
	measure(fd, "concurrent", MANY);
	return 0;
}
