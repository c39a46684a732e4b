/* SPDX-License-Identifier: MIT */
/*
 * UDP: datagrams to and from services.
 *
 * Reading takes up to BATCH datagrams with one call into the loop's room, and copies each into a
 * message of its size. Writing is one call a datagram on the sender's thread; what waits in the
 * queue goes out in batches. An item of the queue is a struct item and the bytes behind it.
 *
 * Nothing that a peer or the network does ends a socket: errors of sends and ICMP errors are those
 * of one datagram. Only a descriptor that answers nothing but errors is given up.
 */
#include "net/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/actor/msg.h"
#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "net/addr.h"
#include "net/backlog.h"
#include "net/event.h"
#include "net/limits.h"
#include "net/poller.h"
#include "net/read.h"
#include "net/reserve.h"
#include "net/resolve.h"
#include "net/sendq.h"
#include "net/socket.h"
#include "net/udpaddr.h"
#include "net/watch.h"

#define BATCH 16
#define ROOM (64u << 10)      /* more than a datagram holds */
#define TURN_BATCHES 8	      /* of one socket in one turn, then others have theirs */
#define ERRORS_MAX 64	      /* in a row, and the descriptor is given up */
#define SAY_NS NS_PER_SEC     /* a flood of datagrams must not become one of lines */
#define DATAGRAM_V4_MAX 65507 /* what the headers of IP and UDP leave of 65535 */
#define DATAGRAM_V6_MAX 65527

/* What a socket of datagrams has besides. */
struct udp {
	struct addr peer; /* size 0 = none */
	unsigned errors;  /* of reads, in a row */
	uint64_t dropped; /* datagrams that could not be sent */
	uint64_t said_ns; /* when that was logged last */
};

/* What is queued: bytes follow. */
struct item {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to;
};

/* [loop] The main loop's, which all sockets of datagrams belong to. */
static char room[BATCH][ROOM];

/* ---- opening ---- */

/* Returns error. */
static int refuse(struct net_error *ret, const char *what, const char *host, int port, int error,
		  const char *why)
{
	char where[ADDR_HOST_MAX + 16];

	if (ret)
		snprintf(ret->text, sizeof(ret->text), "%s %s: %s", what,
			 addr_describe(host, port, where, sizeof(where)),
			 why ? why : strerror(-error));
	return error;
}

/* The address that host and port stand for: the first of the family, if that is said. Returns 0, or
 * -errno and in *ret_why what is to be said about it (NULL: nothing more). */
static int find_address(const char *host, int port, sa_family_t family, struct addr *ret,
			const char **ret_why)
{
	cleanup(mem_freep) struct addr_list *list = NULL;
	struct addr_text t;

	*ret_why = addr_split(host, port, &t);
	if (*ret_why || t.is_unix)
		return -EINVAL;
	if (addr_numeric(&t, ret))
		return 0;
	*ret_why = resolve_list(&t, false, &list);
	if (!list || !list->count)
		return -EADDRNOTAVAIL;
	*ret = list->at[0];
	for (unsigned i = 0; i < list->count && family; i++) {
		if (list->at[i].any.sa_family == family) {
			*ret = list->at[i];
			break;
		}
	}
	return 0;
}

static int open_fd(sa_family_t family, const struct addr *own)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (reserve_is_held_back(fd)) {
		close(fd);
		return -EMFILE;
	}
	if (own) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
		if (bind(fd, &own->any, own->size) < 0)
			r = -errno;
	}
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* own, peer: where it is bound and whom it sends to, may be NULL. Returns an id or -errno. */
static int open_socket(uint32_t owner, const struct addr *own, const struct addr *peer)
{
	const struct addr *known = own ? own : peer;
	sa_family_t family = known ? known->any.sa_family : AF_INET;
	int fd = open_fd(family, own), id, r;
	struct socket *s;

	if (fd < 0)
		return fd;
	s = socket_create(owner, NULL, NULL);
	if (!s) {
		close(fd);
		return -ENFILE;
	}
	id = socket_id(s);
	s->fd = fd;
	s->family = family;
	s->udp = mem_zalloc(sizeof(*s->udp));
	if (peer)
		s->udp->peer = *peer;
	s->state = STATE_OPEN;
	s->reading = true;
	r = watch(s);
	if (r < 0)
		socket_free(s);
	socket_unlock(s);
	return r < 0 ? r : id;
}

int net_udp(uint32_t owner, const char *host, int port, struct net_error *ret_error)
{
	struct addr own;
	const char *why = NULL;
	bool binds = host || port > 0;
	int r = binds ? find_address(host ? host : "", port, 0, &own, &why) : 0;

	must(owner);
	if (r == 0)
		r = open_socket(owner, binds ? &own : NULL, NULL);
	return r < 0 ? refuse(ret_error, "udp", host, port, r, why) : r;
}

int net_udp_dial(uint32_t owner, const char *host, int port, struct net_error *ret_error)
{
	struct addr peer;
	const char *why;
	int r = find_address(host, port, 0, &peer, &why);

	must(owner);
	if (r == 0 && addr_port(&peer) == 0)
		r = -EINVAL;
	if (r == 0)
		r = open_socket(owner, NULL, &peer);
	return r < 0 ? refuse(ret_error, "udp dial", host, port, r, why) : r;
}

/* Only the family of a socket, AF_UNSPEC for none. */
static sa_family_t family_of(int id)
{
	struct socket *s = socket_lock(id);
	sa_family_t family = AF_UNSPEC;

	if (s) {
		family = s->udp ? s->family : AF_UNSPEC;
		socket_unlock(s);
	}
	return family;
}

int net_udp_connect(int id, const char *host, int port, struct net_error *ret_error)
{
	sa_family_t family = family_of(id);
	struct addr peer;
	const char *why = NULL;
	int r = family ? find_address(host, port, family, &peer, &why) : -ENOTSOCK;
	struct socket *s;

	if (r == 0 && addr_port(&peer) == 0)
		r = -EINVAL;
	if (r < 0)
		return refuse(ret_error, "udp connect", host, port, r, why);
	s = socket_lock(id);
	if (!s)
		return 0;
	if (peer.any.sa_family == family)
		s->udp->peer = peer;
	else
		event_error(s, "protocol mismatch");
	socket_unlock(s);
	return 0;
}

const struct addr *udp_peer(const struct socket *s)
{
	return s->udp && s->udp->peer.size ? &s->udp->peer : NULL;
}

void udp_dropped(const struct socket *s, uint64_t *ret_sent, uint64_t *ret_received)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	lock_held(&s->lock);
	/* an old kernel may not know it: nothing is seen then */
	getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &size);
	*ret_sent = s->udp->dropped;
	*ret_received = info[SK_MEMINFO_DROPS];
}

/* ---- sending ---- */

static void say_dropped(struct socket *s, const struct addr *to, size_t size, const char *why)
{
	uint64_t now = clock_mono_ns();
	char text[ADDR_TEXT_MAX] = "nobody";

	s->udp->dropped++;
	if (s->udp->said_ns && now - s->udp->said_ns < SAY_NS)
		return;
	s->udp->said_ns = now;
	if (to)
		addr_format(to, text, sizeof(text));
	log_printf(LOG_LEVEL_WARNING, s->owner,
		   "socket %d: a datagram of %zu bytes to %s is dropped: %s (%llu such so far)",
		   socket_id(s), size, text, why, (unsigned long long)s->udp->dropped);
}

/* Returns 0 or an errno. */
static int send_now(struct socket *s, const struct addr *to, const struct iovec *iov, int n,
		    size_t size)
{
	struct msghdr m = { .msg_name = (void *)&to->any,
			    .msg_namelen = to->size,
			    .msg_iov = (struct iovec *)iov,
			    .msg_iovlen = (size_t)n };
	ssize_t r;

	if (fault(short_write))
		return EAGAIN;
	do
		r = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? EAGAIN : errno;
	s->write_bytes += size;
	s->write_ns = clock_mono_ns();
	return 0;
}

static int enqueue(struct socket *s, const struct addr *to, const struct iovec *iov, int n,
		   size_t size, bool low)
{
	bool behind = !sendq_empty(&s->out);
	size_t total = sizeof(struct item) + size;
	enum limits_verdict v = limits_check(&s->bound, &s->out, true, total);
	char *payload, *at;
	char why[NET_ERROR_MAX];

	if (v != LIMITS_OK) {
		s->bound.refused++;
		limits_count_refused();
		limits_explain(v, &s->bound, &s->out, total, why, sizeof(why));
		say_dropped(s, to, size, why);
		return -1;
	}
	payload = payload_alloc(total);
	memset(payload, 0, sizeof(struct item));
	memcpy(payload, &to->any, to->size);
	at = payload + sizeof(struct item);
	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len)
			memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	sendq_push(&s->out, low && behind ? SENDQ_LOW : SENDQ_HIGH, payload, total);
	backlog_grew(s, behind);
	return 0;
}

static int send_to(struct socket *s, const struct addr *to, const struct iovec *iov, int n,
		   bool low)
{
	size_t most = s->family == AF_INET ? DATAGRAM_V4_MAX : DATAGRAM_V6_MAX, size = 0;
	int error = EAGAIN;

	for (int i = 0; i < n; i++)
		size += iov[i].iov_len;
	if (s->closing)
		return -1;
	if (size > most || !to || to->any.sa_family != s->family) {
		say_dropped(s, to, size,
			    size > most ? "it is too large"
			    : !to	? "the socket has no default peer"
					: "the socket is of the other family of addresses");
		return -1;
	}
	if (sendq_empty(&s->out))
		error = send_now(s, to, iov, n, size);
	if (error == EAGAIN)
		return enqueue(s, to, iov, n, size, low);
	if (error)
		say_dropped(s, to, size, strerror(error));
	return 0;
}

int udp_send(struct socket *s, const struct iovec *iov, int n, bool low)
{
	lock_held(&s->lock);
	return send_to(s, udp_peer(s), iov, n, low);
}

int net_udp_send(int id, const void *address, size_t address_size, const struct iovec *iov, int n)
{
	struct socket *s;
	struct addr to;
	int r = -1;

	if (address && !udpaddr_read(address, address_size, &to))
		return -1;
	s = socket_lock(id);
	if (!s)
		return -1;
	if (s->udp)
		r = send_to(s, address ? &to : udp_peer(s), iov, n, false);
	socket_unlock(s);
	return r;
}

/* Fills m with the first items of the queue. Returns how many. */
static int gather(const struct sendq *q, struct mmsghdr *m, struct iovec *iov)
{
	int n = sendq_gather(q, iov, BATCH);

	for (int i = 0; i < n; i++) {
		struct item *item = iov[i].iov_base;
		bool v4 = item->to.any.sa_family == AF_INET;

		iov[i].iov_base = item + 1;
		iov[i].iov_len -= sizeof(*item);
		m[i] = (struct mmsghdr){
			.msg_hdr = { .msg_name = item,
				     .msg_namelen = v4 ? sizeof(item->to.in) : sizeof(item->to.in6),
				     .msg_iov = &iov[i],
				     .msg_iovlen = 1 },
		};
	}
	return n;
}

/* The first item of the queue cannot be sent. */
static void drop_first(struct socket *s, const struct mmsghdr *m, int error)
{
	struct addr to = { .size = m->msg_hdr.msg_namelen };

	memcpy(&to.any, m->msg_hdr.msg_name, to.size);
	say_dropped(s, &to, m->msg_hdr.msg_iov->iov_len, strerror(error));
	sendq_sent(&s->out, sizeof(struct item) + m->msg_hdr.msg_iov->iov_len);
}

/* Returns false when the kernel takes no more. */
static bool write_batch(struct socket *s)
{
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int n = gather(&s->out, m, iov), sent;

	do
		sent = sendmmsg(s->fd, m, (unsigned)n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (sent < 0)
		drop_first(s, m, errno);
	for (int i = 0; i < sent; i++) {
		s->write_bytes += iov[i].iov_len;
		sendq_sent(&s->out, sizeof(struct item) + iov[i].iov_len);
	}
	s->write_ns = clock_mono_ns();
	if (s->closing)
		s->closing_ns = s->write_ns;
	socket_account(s);
	return true;
}

void udp_write_ready(struct socket *s)
{
	lock_held(&s->lock);
	for (int i = 0; i < TURN_BATCHES && !sendq_empty(&s->out) && write_batch(s); i++)
		;
	if (sendq_empty(&s->out))
		backlog_gone(s);
}

/* ---- receiving ---- */

static void deliver(struct socket *s, const char *data, size_t size, const struct sockaddr *from)
{
	char *payload = payload_alloc(size + UDP_ADDRESS_MAX);

	memcpy(payload, data, size);
	udpaddr_write(from, payload + size);
	event_datagram(s, payload, size, read_mark(s, size));
	s->read_bytes += size;
}

static void read_failed(struct socket *s, int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR)
		return;
	/* such as an ICMP error: of one datagram, and taken with this call */
	if (++s->udp->errors < ERRORS_MAX)
		return;
	event_error(s, strerror(error));
	socket_free(s);
}

/* Returns how many came. */
static int read_batch(struct socket *s)
{
	struct sockaddr_in6 from[BATCH];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ room[i], ROOM };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
						      .msg_namelen = sizeof(from[i]),
						      .msg_iov = &iov[i],
						      .msg_iovlen = 1 } };
	}
	n = recvmmsg(s->fd, m, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0) {
		read_failed(s, errno);
		return 0;
	}
	s->udp->errors = 0;
	s->read_ns = clock_mono_ns();
	for (int i = 0; i < n && !s->orphan; i++)
		deliver(s, room[i], m[i].msg_len, m[i].msg_hdr.msg_name);
	return n;
}

void udp_read_ready(struct socket *s)
{
	lock_held(&s->lock);
	must_slow(poller_here(POLLER_MAIN));
	for (int i = 0; i < TURN_BATCHES && !s->orphan && s->marks < MARKS_MAX; i++)
		if (read_batch(s) < BATCH)
			break;
	if (s->state == STATE_OPEN && s->marks >= MARKS_MAX)
		watch_or_fail(s); /* the owner has enough to read */
}
