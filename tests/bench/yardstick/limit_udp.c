/* SPDX-License-Identifier: MIT */
/* What the machine allows for udp.round_trips: a process that sends each datagram back, and one
 * that keeps 64 of 64 bytes under way, over loopback, with one call a send and as many as wait a
 * read. Prints a figure in the form of the benchmark cases. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limit.h"

#define ROUNDS 60000
#define UNDER_WAY 64
#define SIZE 64
#define BATCH 16

struct end {
	int fd, epoll;
	struct sockaddr_in own;
};

static void open_end(struct end *e)
{
	socklen_t size = sizeof(e->own);

	e->own = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	need(bind(e->fd, (struct sockaddr *)&e->own, size) == 0, "bind");
	getsockname(e->fd, (struct sockaddr *)&e->own, &size);
	e->epoll = epoll_create1(0);
	need(epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->fd,
		       &(struct epoll_event){ .events = EPOLLIN }) == 0,
	     "epoll_ctl");
}

/* Takes what waits and sends a datagram for each to where it came from. Returns how many. */
static int turn(const struct end *e)
{
	static char room[BATCH][SIZE];
	struct sockaddr_in from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	struct epoll_event event;
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ room[i], SIZE };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
						      .msg_namelen = sizeof(from[i]),
						      .msg_iov = &iov[i],
						      .msg_iovlen = 1 } };
	}
	n = recvmmsg(e->fd, m, BATCH, 0, NULL);
	if (n < 0)
		epoll_wait(e->epoll, &event, 1, -1);
	for (int i = 0; i < n; i++)
		sendto(e->fd, room[i], SIZE, 0, (struct sockaddr *)&from[i], sizeof(from[i]));
	return n < 0 ? 0 : n;
}

int main(void)
{
	static const char line[SIZE];
	struct end server, client;
	uint64_t t;
	int got = 0;
	pid_t other;

	open_end(&server);
	open_end(&client);
	other = fork();
	need(other >= 0, "fork");
	while (other == 0)
		turn(&server);
	t = now();
	for (int i = 0; i < UNDER_WAY; i++)
		sendto(client.fd, line, SIZE, 0, (struct sockaddr *)&server.own,
		       sizeof(server.own));
	while (got < ROUNDS)
		got += turn(&client);
	printf("BENCH limit.udp.round_trips %.0f rt/s\n", got * 1e9 / (double)(now() - t));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return 0;
}
