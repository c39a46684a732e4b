/* SPDX-License-Identifier: MIT */
/*
 * Time-outs of TCP: see tcp.h.
 *
 * A host that loses power says nothing. What then ends a connection depends on who would speak
 * next: TCP_USER_TIMEOUT if bytes are on their way or wait for the peer's window, probes
 * (keepalive) if nobody has anything to say, and while it connects TCP_USER_TIMEOUT again, which
 * then bounds the tries to reach the peer. With a user time-out the kernel does not count probes:
 * it ends the connection with the first that is due when the peer was silent for that long.
 *
 * None of these can fail on a TCP socket of a kernel that epoll_create1 works on, and a connection
 * works without them: results are not looked at.
 */
#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/base/must.h"

static struct net_tcp times; /* constant once threads run */

void net_set_tcp(const struct net_tcp *t)
{
	must(t->idle_ms <= NET_TCP_IDLE_MAX_MS && t->again_ms <= NET_TCP_IDLE_MAX_MS);
	must(t->probes <= NET_TCP_PROBES_MAX);
	times = *t;
}

static void set(int fd, int option, uint32_t value)
{
	int v = value > INT32_MAX ? INT32_MAX : (int)value;

	setsockopt(fd, IPPROTO_TCP, option, &v, sizeof(v));
}

static void set_seconds(int fd, int option, uint32_t ms)
{
	if (ms)
		set(fd, option, ms / 1000 + (ms % 1000 != 0));
}

void tcp_prepare(int fd)
{
	if (times.connect_ms)
		set(fd, TCP_USER_TIMEOUT, times.connect_ms);
}

void tcp_connected(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	set_seconds(fd, TCP_KEEPIDLE, times.idle_ms);
	set_seconds(fd, TCP_KEEPINTVL, times.again_ms);
	if (times.probes)
		set(fd, TCP_KEEPCNT, times.probes);
	/* also 0, which takes back what bounded the connect */
	if (times.unheard_ms || times.connect_ms)
		set(fd, TCP_USER_TIMEOUT, times.unheard_ms);
}
