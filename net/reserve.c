/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that are held back for the day when there are none left.
 *
 *   the last few numbers   Sockets of services do not get them: a flood of clients leaves room for
 *                          links, files and the control socket.
 *   accept                 One is given up for a moment, to accept and close what waits at a
 *                          listener.
 *   kept                   These are for the control socket, for a service may open files until
 *                          nothing is left. A connection that took one gives it back by dup3 in
 *                          place of a close, so that nobody can be quicker.
 *
 * Threads:   any; the lock is held for a few system calls at most, and may be taken while a
 *            socket's lock is held.
 */
#include "net/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/lock.h"

#define KEPT 2
#define HELD_BACK 8

static struct {
	struct lock lock;
	int accept; /* -1 = given up, as all of these */
	int null;   /* what dup3 copies; never given up */
	int kept[KEPT];
	bool keeps;
} R = { .lock = LOCK_INIT(reserve), .accept = -1, .null = -1, .kept = { -1, -1 } };

static atomic_int ceiling; /* a lone number, relaxed; 0 = not known yet */

static int open_null(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int reserve_ceiling(void)
{
	struct rlimit l;
	int n;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur > INT32_MAX)
		return INT32_MAX;
	n = (int)l.rlim_cur;
	n -= n / 8 < HELD_BACK ? n / 8 : HELD_BACK;
	atomic_store_explicit(&ceiling, n, memory_order_relaxed);
	return n;
}

bool reserve_is_held_back(int fd)
{
	/* the limit may have been raised since */
	return unlikely(fd >= atomic_load_explicit(&ceiling, memory_order_relaxed)) &&
	       fd >= reserve_ceiling();
}

bool reserve_take(void)
{
	bool have;

	lock_take(&R.lock);
	if (R.accept < 0)
		R.accept = open_null();
	have = R.accept >= 0;
	lock_release(&R.lock);
	return have;
}

void reserve_give_up(void)
{
	lock_take(&R.lock);
	close_one(&R.accept);
	lock_release(&R.lock);
}

bool reserve_keep(void)
{
	bool any = false;

	lock_take(&R.lock);
	R.keeps = true;
	if (R.null < 0)
		R.null = open_null();
	for (unsigned i = 0; i < KEPT; i++) {
		if (R.kept[i] < 0)
			R.kept[i] = open_null();
		any = any || R.kept[i] >= 0;
	}
	lock_release(&R.lock);
	return any;
}

bool reserve_give_up_kept(void)
{
	bool done = false;

	lock_take(&R.lock);
	for (unsigned i = 0; i < KEPT && !done; i++) {
		done = R.kept[i] >= 0;
		close_one(&R.kept[i]);
	}
	lock_release(&R.lock);
	return done;
}

void reserve_close(int fd)
{
	lock_take(&R.lock);
	for (unsigned i = 0; R.keeps && R.null >= 0 && i < KEPT; i++) {
		if (R.kept[i] >= 0 || dup3(R.null, fd, O_CLOEXEC) < 0)
			continue;
		R.kept[i] = fd;
		fd = -1;
		break;
	}
	close_one(&fd);
	lock_release(&R.lock);
}

void reserve_fini(void)
{
	lock_take(&R.lock);
	close_one(&R.accept);
	close_one(&R.null);
	for (unsigned i = 0; i < KEPT; i++)
		close_one(&R.kept[i]);
	R.keeps = false;
	lock_release(&R.lock);
}
