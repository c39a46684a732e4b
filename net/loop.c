/* SPDX-License-Identifier: MIT */
/*
 * A turn of a loop, and start and end of the socket server.
 *
 * What epoll reports is an id and a set of events; who takes it follows from the state of the
 * socket, which is read under its lock. A socket that was closed meanwhile is not found.
 */
#include "net/loop.h"

#include <signal.h>
#include <stddef.h>

#include "core/actor/msg.h"
#include "core/node/msglog.h"
#include "core/sched/poller.h"
#include "net/connect.h"
#include "net/event.h"
#include "net/janitor.h"
#include "net/listen.h"
#include "net/poller.h"
#include "net/post.h"
#include "net/pressure.h"
#include "net/read.h"
#include "net/reserve.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/udp.h"
#include "net/write.h"

static void dispatch(int id, uint32_t events)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	if (s->state == STATE_CONNECTING) {
		connect_ready(s);
		socket_unlock(s);
		return;
	}
	if (s->state == STATE_LISTEN) {
		socket_unlock(s);
		accept_ready(id);
		return;
	}
	if (s->state == STATE_HEADER) {
		accept_header(s);
		return;
	}
	/* An error shows in whatever is tried next, so errors wake both directions. */
	if ((s->events & EPOLLOUT) && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		(s->udp ? udp_write_ready : write_ready)(s);
	/* what write_ready did to the socket shows in events, 0 for a free slot */
	if (s->state == STATE_OPEN && (s->events & EPOLLIN) &&
	    (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
		if (!s->udp) {
			read_ready(s);
			return;
		}
		udp_read_ready(s);
	}
	socket_unlock(s);
}

static void turn(unsigned loop, uint64_t timeout_ns)
{
	struct epoll_event events[POLLER_EVENTS_MAX];
	bool closures = loop == POLLER_MAIN;
	int n;

	poller_enter(loop);
	/* a closure may have made a service runnable on this very worker: it must not wait for
	 * I/O */
	if (closures && post_run())
		timeout_ns = 0;
	n = poller_wait(events, timeout_ns);
	if (closures)
		post_run_once(); /* a socket's on_open was posted before epoll could report data */
	for (int i = 0; i < n; i++)
		dispatch((int)events[i].data.u64, events[i].events);
	if (closures)
		post_run(); /* what it leaves is for the next turn, which will not sleep then */
	poller_leave();
}

void net_poll(uint64_t timeout_ns)
{
	turn(POLLER_MAIN, timeout_ns);
}

static void poll_op(void *ud, unsigned loop, uint64_t timeout_ns)
{
	turn(loop, timeout_ns);
}

static bool interrupt_op(void *ud, unsigned loop)
{
	return poller_interrupt(loop);
}

int net_init(unsigned loops)
{
	static struct poller_ops ops = { .poll = poll_op, .interrupt = interrupt_op };
	int r = poller_init(loops);

	if (r < 0)
		return r;
	ops.loops = loops;
	/* sockets are written with MSG_NOSIGNAL, but pipes that services bind have no such flag */
	signal(SIGPIPE, SIG_IGN);
	socket_table_init();
	read_init(loops);
	janitor_init();
	(void)reserve_take();
	sched_set_poller(&ops, NULL);
	msg_add_on_drop(event_dropped);
	msg_set_on_taken(pressure_taken);
	msglog_set_format(PTYPE_SOCKET, event_logged);
	return 0;
}

void net_fini(void)
{
	resolve_stop();
	socket_table_fini();
	read_fini();
	janitor_fini();
	post_fini();
	reserve_fini();
	poller_fini();
}
