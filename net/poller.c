/* SPDX-License-Identifier: MIT */
/*
 * The poller: loops of an epoll set each, and an eventfd that ends its sleep.
 *
 * Every descriptor is registered level-triggered with its socket id as data, so an event for a
 * socket that was closed in the meantime finds a stale id and is nothing. The eventfd is id 0
 * and edge-triggered: it is never read, each write is an event of its own, which poller_wait drops.
 *
 * Which loop a descriptor is registered with is the caller's choice. Loops share nothing.
 *
 *   state   0         in work; an interrupt leaves a mark
 *           SLEEPING  in epoll_wait, or on its way there
 *           ASKED     the mark: the next poll does not sleep; with SLEEPING: it is being woken
 *
 * Ordering    I1 interrupt: fetch_or(ASKED) acq_rel <-> I2 CAS(0 -> SLEEPING) acq_rel. If I2 comes
 *             first, I1 finds SLEEPING and writes the eventfd, unless another did; if I1 comes
 *             first, I2 fails and there is no sleep. Both are operations on one word, so one of
 *             them is first. What was published before I1 (a closure, a runnable service) is seen
 *             after I3.
 *             I3 wake: exchange(0) acquire <-> I1: takes the mark back; whoever comes after it
 *             leaves a new one.
 */
#include "net/poller.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/must.h"

enum { SLEEPING = 1, ASKED = 2 };

struct loop {
	alignas(CACHE_LINE) int epoll;
	int event;
	atomic_uint state;
};

static struct loop loops[POLLER_LOOPS_MAX];
static unsigned n_loops; /* constant once threads run */

/* No epoll_pwait2 in this kernel: ms only. relaxed: who does not know yet finds it out. */
static atomic_bool coarse;

/* The loop that this thread is, or NULL. */
static _Thread_local struct loop *here;

unsigned poller_loops(void)
{
	return n_loops;
}

void poller_enter(unsigned loop)
{
	must(!here); /* a handler does not poll */
	must(loop < n_loops);
	here = &loops[loop];
}

void poller_leave(void)
{
	here = NULL;
}

bool poller_here(unsigned loop)
{
	return here == &loops[loop];
}

int poller_control(unsigned loop, int op, int fd, uint32_t events, int id)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)id };

	must_slow(fd >= 0 && id >= 0 && loop < n_loops);
	if (fault(epoll_ctl))
		return -ENOSPC;
	return epoll_ctl(loops[loop].epoll, op, fd, &e) < 0 ? -errno : 0;
}

static int open_loop(unsigned i)
{
	struct loop *l = &loops[i];

	atomic_store_explicit(&l->state, 0, memory_order_relaxed); /* no other thread yet */
	l->event = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	n_loops = i + 1;
	if (l->epoll < 0)
		return -errno;
	l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return l->event < 0 ? -errno
			    : poller_control(i, EPOLL_CTL_ADD, l->event, EPOLLIN | EPOLLET, 0);
}

int poller_init(unsigned n)
{
	int r = 0;

	must(!n_loops && n >= 1 && n <= POLLER_LOOPS_MAX);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = open_loop(i);
	if (r < 0)
		poller_fini();
	return r;
}

void poller_fini(void)
{
	for (unsigned i = 0; i < n_loops; i++) {
		if (loops[i].event >= 0)
			close(loops[i].event);
		if (loops[i].epoll >= 0)
			close(loops[i].epoll);
	}
	n_loops = 0;
	poller_set_coarse(false);
}

void poller_set_coarse(bool is_coarse)
{
	atomic_store_explicit(&coarse, is_coarse, memory_order_relaxed);
}

bool poller_interrupt(unsigned loop)
{
	struct loop *l = &loops[loop];
	unsigned was = atomic_fetch_or_explicit(&l->state, ASKED, memory_order_acq_rel); /* I1 */

	if (was == SLEEPING) {
		/* It cannot fail: the counter is reset by nobody, but 2^64 wake-ups are not
		 * reached. */
		ssize_t n = write(l->event, &(uint64_t){ 1 }, 8);

		(void)n;
	}
	return was & SLEEPING;
}

static int wait_ms(struct epoll_event *events, uint64_t timeout_ns)
{
	int ms = -1;

	if (timeout_ns != UINT64_MAX) {
		uint64_t up = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);

		ms = up > INT32_MAX ? INT32_MAX : (int)up;
	}
	return epoll_wait(here->epoll, events, POLLER_EVENTS_MAX, ms);
}

static int wait_events(struct epoll_event *events, uint64_t timeout_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / NS_PER_SEC),
			       .tv_nsec = (long)(timeout_ns % NS_PER_SEC) };
	int n;

	if (timeout_ns == 0)
		return epoll_wait(here->epoll, events, POLLER_EVENTS_MAX, 0);
	if (atomic_load_explicit(&coarse, memory_order_relaxed))
		return wait_ms(events, timeout_ns);
	n = epoll_pwait2(here->epoll, events, POLLER_EVENTS_MAX,
			 timeout_ns == UINT64_MAX ? NULL : &ts, NULL);
	/* EPERM is what old container sandboxes say to calls they do not know */
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		poller_set_coarse(true);
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
	unsigned awake = 0;
	int n;

	must_slow(here != NULL);
	if (timeout_ns && !atomic_compare_exchange_strong_explicit(&here->state, &awake, SLEEPING,
								   memory_order_acq_rel,
								   memory_order_acquire)) /* I2 */
		timeout_ns = 0;
	n = wait_events(ret, timeout_ns);
	atomic_exchange_explicit(&here->state, 0, memory_order_acquire); /* I3 */
	return drop_eventfd(ret, n < 0 ? 0 : n);
}
