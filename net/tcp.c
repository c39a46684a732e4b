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
#include <stdatomic.h>
#include <sys/socket.h>

#include "core/base/must.h"

/* [any] relaxed: lone numbers */
static struct {
	atomic_uint idle_ms, again_ms, probes, unheard_ms, connect_ms;
} times;

static uint32_t get(const atomic_uint *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

static void put(atomic_uint *number, uint32_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

void net_set_tcp(const struct net_tcp *t)
{
	must(t->idle_ms <= NET_TCP_IDLE_MAX_MS && t->again_ms <= NET_TCP_IDLE_MAX_MS);
	must(t->probes <= NET_TCP_PROBES_MAX);
	put(&times.idle_ms, t->idle_ms);
	put(&times.again_ms, t->again_ms);
	put(&times.probes, t->probes);
	put(&times.unheard_ms, t->unheard_ms);
	put(&times.connect_ms, t->connect_ms);
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
	uint32_t connect_ms = get(&times.connect_ms);

	if (connect_ms)
		set(fd, TCP_USER_TIMEOUT, connect_ms);
}

void tcp_connected(int fd)
{
	uint32_t probes = get(&times.probes), unheard_ms = get(&times.unheard_ms);

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	set_seconds(fd, TCP_KEEPIDLE, get(&times.idle_ms));
	set_seconds(fd, TCP_KEEPINTVL, get(&times.again_ms));
	if (probes)
		set(fd, TCP_KEEPCNT, probes);
	/* also 0, which takes back what bounded the connect */
	if (unheard_ms || get(&times.connect_ms))
		set(fd, TCP_USER_TIMEOUT, unheard_ms);
}
