/* SPDX-License-Identifier: MIT */
/* What the machine allows for harbor.p50 and harbor.p99: two processes that do nothing but pass
 * 64 bytes to and fro over loopback TCP, and look for them in epoll without sleeping. Prints
 * figures in the form of the benchmark cases. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limit.h"

#define ROUNDS 20000
#define SIZE 64

static int watch(int fd)
{
	int epoll = epoll_create1(0), yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN }) == 0,
	     "epoll_ctl");
	return epoll;
}

static void take(int epoll, int fd)
{
	struct epoll_event e;
	char line[SIZE];

	while (epoll_wait(epoll, &e, 1, 0) != 1)
		;
	need(recv(fd, line, SIZE, MSG_WAITALL) == SIZE, "recv");
}

static void give(int fd)
{
	static const char line[SIZE];

	need(send(fd, line, SIZE, MSG_NOSIGNAL) == SIZE, "send");
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	static uint64_t took[ROUNDS];
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, epoll;
	pid_t other;

	need(bind(listener, (struct sockaddr *)&a, size) == 0, "bind");
	need(listen(listener, 1) == 0, "listen");
	getsockname(listener, (struct sockaddr *)&a, &size);
	other = fork();
	need(other >= 0, "fork");
	if (other == 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		need(connect(fd, (struct sockaddr *)&a, size) == 0, "connect");
		epoll = watch(fd);
		for (int i = 0; i < ROUNDS; i++) {
			take(epoll, fd);
			give(fd);
		}
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	need(fd >= 0, "accept");
	epoll = watch(fd);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = now();

		give(fd);
		take(epoll, fd);
		took[i] = now() - t;
	}
	waitpid(other, NULL, 0);
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	printf("BENCH limit.rtt.p50 %.6g us\n", (double)took[ROUNDS / 2] / 1e3);
	printf("BENCH limit.rtt.p99 %.6g us\n", (double)took[ROUNDS * 99 / 100] / 1e3);
	return 0;
}
