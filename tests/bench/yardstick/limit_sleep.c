/* SPDX-License-Identifier: MIT */
/* What the machine allows for timer.error_mean: how late epoll comes back from 20 ms, a hundred
 * times. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void)
{
	struct timespec t = { 0, 20000000 };
	struct epoll_event e;
	int ep = epoll_create1(0);
	double sum = 0;

	prctl(PR_SET_TIMERSLACK, 1UL);
	for (int i = 0; i < 100; i++) {
		double began = now_ms();

		if (epoll_pwait2(ep, &e, 1, &t, NULL) < 0)
			return 1;
		sum += now_ms() - began - 20;
	}
	printf("BENCH limit.timer.error_mean %.6g ms\n", sum / 100);
	return 0;
}
