/* SPDX-License-Identifier: MIT */
/*
 * A wall clock that jumps, for one process: loaded with LD_PRELOAD, it adds to CLOCK_REALTIME the
 * nanoseconds that stand in the file CHAOS_CLOCK (eight bytes, as the machine writes an int64_t),
 * whenever they change. The kernel's own clock does not jump: who computes a time from the wall
 * clock and gives it to the kernel to wait for waits wrongly, as after a jump.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000

static const int64_t *shift; /* in the file; NULL: there is none */

__attribute__((constructor)) static void find_file(void)
{
	const char *path = getenv("CHAOS_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		shift = at;
}

/* Relaxed: the file is written by another process, and one number is all there is. */
static int64_t shifted(void)
{
	return shift ? __atomic_load_n(shift, __ATOMIC_RELAXED) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	int64_t ns;
	int r;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	r = real(clock, ts);
	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		ns = (int64_t)ts->tv_sec * NS + ts->tv_nsec + shifted();
		ts->tv_sec = (time_t)(ns / NS);
		ts->tv_nsec = (long)(ns % NS);
	}
	return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
