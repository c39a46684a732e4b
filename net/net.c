/* SPDX-License-Identifier: MIT */
/* Start and end of the socket server. */
#include <signal.h>
#include <stddef.h>

#include "core/log/msglog.h"
#include "core/sched/sched.h"
#include "core/actor/service.h"
#include "net/net.h"
#include "net/net_priv.h"
#include "net/reserve.h"
#include "net/socket.h"

static void poll_op(void *ud, uint64_t timeout_ns)
{
	net_poll(timeout_ns);
}

static void interrupt_op(void *ud)
{
	net_interrupt();
}

int net_init(void)
{
	static const struct poller_ops ops = { .poll = poll_op, .interrupt = interrupt_op };
	int r = poller_init();

	if (r < 0)
		return r;
	/* sockets are written with MSG_NOSIGNAL, but pipes that services bind have no such flag */
	signal(SIGPIPE, SIG_IGN);
	socket_table_init();
	janitor_init();
	(void)reserve_take();
	sched_set_poller(&ops, NULL);
	service_add_on_drop(event_dropped);
	service_set_on_taken(event_taken);
	msglog_set_format(PTYPE_SOCKET, event_logged);
	return 0;
}

void net_fini(void)
{
	resolve_stop();
	socket_table_fini();
	janitor_fini();
	post_fini();
	reserve_fini();
	poller_fini();
}
