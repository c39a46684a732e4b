/* SPDX-License-Identifier: MIT */
/*
 * The poller: epoll, and an eventfd that ends its sleep.
 *
 * Every descriptor is registered level-triggered with its socket id as data, so an event for a
 * socket that was closed in the meantime finds a stale id and is nothing. The eventfd is id 0
 * and edge-triggered: it is never read, each write is an event of its own, which poller_wait drops.
 *
 *   state   AWAKE        in work; an interrupt leaves a mark
 *           SLEEPING     in epoll_wait, or on its way there
 *           INTERRUPTED  somebody wants a turn: the next poll does not sleep
 *
 * Ordering    I1 interrupt: exchange(INTERRUPTED) acq_rel <-> I2 CAS(AWAKE -> SLEEPING) acq_rel. If
 *             I2 comes first, I1 finds SLEEPING and writes the eventfd; if I1 comes first, I2 fails
 *             and there is no sleep. Both are operations on one word, so one of them is first. What
 *             was published before I1 (a closure, a runnable service) is seen after I3.
 *             I3 wake: exchange(AWAKE) acquire <-> I1: takes the mark back; whoever comes after it
 *             leaves a new one.
 */
#include "net/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/must.h"

enum { AWAKE, SLEEPING, INTERRUPTED };

static struct {
	int epoll;
	int event;
	bool coarse; /* no epoll_pwait2 in this kernel: ms only */
	atomic_int state;
} loop = { .epoll = -1, .event = -1 };

/* This thread is the loop. */
static _Thread_local bool here;

void poller_enter(void)
{
	must(!here); /* a handler does not poll */
	here = true;
}

void poller_leave(void)
{
	here = false;
}

bool poller_here(void)
{
	return here;
}

int poller_control(int op, int fd, uint32_t events, int id)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)id };

	must_slow(fd >= 0 && id >= 0);
	if (fault(epoll_ctl))
		return -ENOSPC;
	return epoll_ctl(loop.epoll, op, fd, &e) < 0 ? -errno : 0;
}

int poller_init(void)
{
	int r;

	must(loop.epoll < 0);
	atomic_store_explicit(&loop.state, AWAKE, memory_order_relaxed); /* no other thread yet */
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll < 0)
		return -errno;
	loop.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = loop.event < 0 ? -errno
			   : poller_control(EPOLL_CTL_ADD, loop.event, EPOLLIN | EPOLLET, 0);
	if (r < 0)
		poller_fini();
	return r;
}

void poller_fini(void)
{
	if (loop.event >= 0)
		close(loop.event);
	if (loop.epoll >= 0)
		close(loop.epoll);
	loop.event = loop.epoll = -1;
	loop.coarse = false;
}

void poller_set_coarse(bool coarse)
{
	loop.coarse = coarse;
}

void poller_interrupt(void)
{
	if (atomic_exchange_explicit(&loop.state, INTERRUPTED, memory_order_acq_rel) == SLEEPING) {
		/* I1. It cannot fail: the counter is reset by nobody, but 2^64 wake-ups are not
		 * reached */
		ssize_t n = write(loop.event, &(uint64_t){ 1 }, 8);

		(void)n;
	}
}

static int wait_ms(struct epoll_event *events, uint64_t timeout_ns)
{
	int ms = -1;

	if (timeout_ns != UINT64_MAX) {
		uint64_t up = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);

		ms = up > INT32_MAX ? INT32_MAX : (int)up;
	}
	return epoll_wait(loop.epoll, events, POLLER_EVENTS_MAX, ms);
}

static int wait_events(struct epoll_event *events, uint64_t timeout_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / NS_PER_SEC),
			       .tv_nsec = (long)(timeout_ns % NS_PER_SEC) };
	int n;

	if (timeout_ns == 0)
		return epoll_wait(loop.epoll, events, POLLER_EVENTS_MAX, 0);
	if (loop.coarse)
		return wait_ms(events, timeout_ns);
	n = epoll_pwait2(loop.epoll, events, POLLER_EVENTS_MAX,
			 timeout_ns == UINT64_MAX ? NULL : &ts, NULL);
	/* EPERM is what old container sandboxes say to calls they do not know */
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		loop.coarse = true;
		return wait_ms(events, timeout_ns);
	}
	return n;
}

/* Takes the entry of the eventfd out. Returns how many are left. */
static int drop_eventfd(struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		if (!events[i].data.u64) {
			events[i] = events[n - 1];
			return n - 1;
		}
	}
	return n;
}

int poller_wait(struct epoll_event *ret, uint64_t timeout_ns)
{
	int awake = AWAKE, n;

	must_slow(here);
	if (timeout_ns && !atomic_compare_exchange_strong_explicit(&loop.state, &awake, SLEEPING,
								   memory_order_acq_rel,
								   memory_order_acquire)) /* I2 */
		timeout_ns = 0;
	n = wait_events(ret, timeout_ns);
	atomic_exchange_explicit(&loop.state, AWAKE, memory_order_acquire); /* I3 */
	return drop_eventfd(ret, n < 0 ? 0 : n);
}
