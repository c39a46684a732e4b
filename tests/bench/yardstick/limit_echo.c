/* SPDX-License-Identifier: MIT */
/* What the machine allows for b_echo: 200 connections over loopback, 500 round trips of 64 bytes
 * each, a server thread and a client thread that do nothing but epoll, read and write. Then a
 * bulk transfer: 1 MiB blocks, each answered with 3 bytes, as b_echo has it. Prints figures in
 * the form of the benchmark cases. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limit.h"

#define CONNECTIONS 200
#define ROUNDS 500
#define LINE 64
#define BLOCK (1 << 20)
#define BLOCKS 300

static int listener, port;

static void *server(void *arg)
{
	int ep = epoll_create1(0);
	struct epoll_event e[128];
	char buffer[4096];
	int open = CONNECTIONS;

	(void)arg;
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = accept(listener, NULL, NULL);

		need(fd >= 0, "accept");
		epoll_ctl(ep, EPOLL_CTL_ADD, fd,
			  &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd });
	}
	while (open) {
		int n = epoll_wait(ep, e, 128, -1);

		for (int i = 0; i < n; i++) {
			ssize_t r = read(e[i].data.fd, buffer, sizeof(buffer));

			if (r <= 0) {
				close(e[i].data.fd);
				open--;
			} else {
				need(write(e[i].data.fd, buffer, (size_t)r) == r, "write");
			}
		}
	}
	close(ep);
	return NULL;
}

static int connect_one(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = (in_port_t)port,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	need(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	return fd;
}

static void round_trips(void)
{
	static uint64_t sent[CONNECTIONS], took[CONNECTIONS * ROUNDS];
	static int left[CONNECTIONS], fds[CONNECTIONS];
	char line[LINE] = { 0 };
	struct epoll_event e[128];
	int ep = epoll_create1(0), open = CONNECTIONS;
	size_t done = 0;
	pthread_t t;
	uint64_t began;

	pthread_create(&t, NULL, server, NULL);
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = connect_one();
		left[i] = ROUNDS;
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i],
			  &(struct epoll_event){ .events = EPOLLIN, .data.u32 = (uint32_t)i });
	}
	began = now();
	for (int i = 0; i < CONNECTIONS; i++) {
		sent[i] = now();
		need(write(fds[i], line, LINE) == LINE, "write");
	}
	while (open) {
		int n = epoll_wait(ep, e, 128, -1);

		for (int k = 0; k < n; k++) {
			uint32_t i = e[k].data.u32;

			need(read(fds[i], line, LINE) == LINE, "read");
			took[done++] = now() - sent[i];
			if (--left[i] == 0) {
				close(fds[i]);
				open--;
				continue;
			}
			sent[i] = now();
			need(write(fds[i], line, LINE) == LINE, "write");
		}
	}
	printf("BENCH limit.echo.round_trips %.6g rt/s\n",
	       (double)done / ((double)(now() - began) / 1e9));
	qsort(took, done, sizeof(took[0]), by_size);
	printf("BENCH limit.echo.p50 %.6g us\nBENCH limit.echo.p99 %.6g us\n",
	       (double)took[done / 2] / 1e3, (double)took[done * 99 / 100] / 1e3);
	pthread_join(t, NULL);
	close(ep);
}

static void *bulk_server(void *arg)
{
	int fd = accept(listener, NULL, NULL);
	char *block = malloc(BLOCK);

	(void)arg;
	for (int i = 0; i < BLOCKS; i++) {
		for (size_t got = 0; got < BLOCK;) {
			ssize_t r = read(fd, block + got, BLOCK - got);

			need(r > 0, "read");
			got += (size_t)r;
		}
		need(write(fd, "ok\n", 3) == 3, "write");
	}
	free(block);
	close(fd);
	return NULL;
}

static void bulk(void)
{
	char *block = calloc(1, BLOCK), ok[3];
	pthread_t t;
	uint64_t began;
	int fd;

	pthread_create(&t, NULL, bulk_server, NULL);
	fd = connect_one();
	began = now();
	for (int i = 0; i < BLOCKS; i++) {
		for (size_t put = 0; put < BLOCK;) {
			ssize_t r = write(fd, block + put, BLOCK - put);

			need(r > 0, "write");
			put += (size_t)r;
		}
		need(recv(fd, ok, 3, MSG_WAITALL) == 3, "read");
	}
	printf("BENCH limit.echo.bulk %.6g MB/s\n",
	       (double)BLOCKS * BLOCK / 1e6 / ((double)(now() - began) / 1e9));
	pthread_join(t, NULL);
	close(fd);
	free(block);
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);

	listener = socket(AF_INET, SOCK_STREAM, 0);
	need(bind(listener, (struct sockaddr *)&a, size) == 0, "bind");
	need(listen(listener, 512) == 0, "listen");
	getsockname(listener, (struct sockaddr *)&a, &size);
	port = a.sin_port;
	round_trips();
	bulk();
	close(listener);
	return 0;
}
