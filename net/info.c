/* SPDX-License-Identifier: MIT */
/* Statistics and addresses: each answer is copied under the lock of its socket. */
#include "net/info.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "net/addr.h"
#include "net/limits.h"
#include "net/sendq.h"
#include "net/socket.h"
#include "net/udp.h"

#define RECENT_MS 1000u

static int info_type(const struct socket *s)
{
	if (s->state == STATE_LISTEN)
		return NET_INFO_LISTEN;
	if (s->closing || s->eof)
		return NET_INFO_CLOSING;
	if (s->udp)
		return NET_INFO_UDP;
	return s->borrowed ? NET_INFO_BIND : NET_INFO_TCP;
}

/* The peer, or the own address of a listener. */
static void fill_address(const struct socket *s, struct net_info *i)
{
	const struct addr *peer = udp_peer(s);
	struct addr own;

	if (peer)
		addr_format(peer, i->address, sizeof(i->address));
	else if (!s->udp)
		socket_address(s, true, i->address, sizeof(i->address));
	if (s->udp && socket_own_address(s, &own))
		addr_format(&own, i->own, sizeof(i->own));
}

static bool fill(const struct socket *s, struct net_info *i)
{
	/* not listed before they are what they shall be */
	if (s->state != STATE_LISTEN && s->state != STATE_OPEN)
		return false;
	i->id = socket_id(s);
	i->owner = s->owner;
	i->purpose = s->handler ? s->handler->purpose : NULL;
	i->is_unix = s->family == AF_UNIX;
	i->opened_ns = s->opened_ns;
	i->type = info_type(s);
	i->read = s->read_bytes;
	i->write = s->write_bytes;
	i->rtime_cs = s->read_ns ? clock_cs_at(s->read_ns) : 0;
	i->wtime_cs = s->write_ns ? clock_cs_at(s->write_ns) : 0;
	i->queued = s->out.bytes;
	i->limit = s->bound.limit;
	i->policy = s->bound.policy;
	i->refused = s->bound.refused;
	i->reading = s->reading && !s->eof && !s->closing;
	i->waiting = i->reading && (s->held || s->ahead >= MARKS_MAX);
	i->writing = !sendq_empty(&s->out);
	fill_address(s, i);
	if (s->udp)
		udp_dropped(s, &i->dropped_out, &i->dropped_in);
	return true;
}

/* f is called without any lock: it may ask for sockets, and a Lua binding may even jump out of
 * it. */
void net_foreach(void (*f)(const struct net_info *i, void *ud), void *ud)
{
	struct socket *s;

	for (unsigned slot = 0; (s = socket_next(&slot));) {
		struct net_info i = { 0 };
		bool listed = fill(s, &i);

		socket_unlock(s);
		if (listed)
			f(&i, ud);
	}
}

bool net_local_address(int id, char *ret_text, size_t size)
{
	struct socket *s = socket_lock(id);
	struct addr a;
	bool ok;

	if (!s)
		return false;
	ok = s->fd >= 0 && socket_own_address(s, &a);
	socket_unlock(s);
	if (ok)
		addr_format(&a, ret_text, size);
	return ok;
}

unsigned net_count(void)
{
	return socket_count();
}

void net_get_stats(struct net_stats *ret)
{
	limits_get_stats(ret);
	ret->sockets = socket_count();
}

uint64_t net_peer_rtt_ns(int id)
{
	struct socket *s = socket_lock(id);
	struct tcp_info t = { 0 };
	socklen_t size = sizeof(t);
	uint64_t ns = 0;

	if (!s)
		return 0;
	if (s->fd >= 0 && getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &t, &size) == 0 &&
	    t.tcpi_last_data_sent < RECENT_MS && t.tcpi_last_data_recv < RECENT_MS)
		ns = t.tcpi_rtt * NS_PER_US;
	socket_unlock(s);
	return ns;
}

uint64_t net_unacknowledged(int id)
{
	struct socket *s = socket_lock(id);
	uint64_t bytes = 0;
	int kernel = 0;

	if (!s)
		return 0;
	bytes = s->out.bytes;
	if (s->fd >= 0 && ioctl(s->fd, SIOCOUTQ, &kernel) == 0 && kernel > 0)
		bytes += (uint64_t)kernel;
	socket_unlock(s);
	return bytes;
}

long net_peer_uid(int id)
{
	struct socket *s = socket_lock(id);
	struct ucred c;
	socklen_t size = sizeof(c);
	long uid = -1;

	if (!s)
		return -1;
	if (s->family == AF_UNIX && s->fd >= 0 &&
	    getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &c, &size) == 0)
		uid = (long)c.uid;
	socket_unlock(s);
	return uid;
}
