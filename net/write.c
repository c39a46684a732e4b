/* SPDX-License-Identifier: MIT */
/*
 * Writing: at once on the sender's thread when nothing waits, else through the queue.
 *
 * Most sends find an empty queue and a willing kernel, so the loop never hears of them. What the
 * kernel does not take is queued and epoll asked for; then the loop writes many items with one
 * call, at most WRITE_TURN bytes of one socket a turn.
 */
#include "net/write.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/log/log.h"
#include "core/actor/msg.h"
#include "core/sched/park.h"
#include "net/backlog.h"
#include "net/event.h"
#include "net/janitor.h"
#include "net/limits.h"
#include "net/sendq.h"
#include "net/socket.h"
#include "net/udp.h"
#include "net/watch.h"

#define WRITE_TURN (1u << 20)
/* A write of so much takes as long as waking another thread a few times over. */
#define LONG_WRITE (128u << 10)
#define GATHER 64
/* What is sealed at a time, and what a seal adds to little: its own words, too. */
#define SEAL_PIECE (256u << 10)
#define SEAL_EXTRA 256u

/* Bytes taken by the kernel, 0 if it is full, or -errno. */
static ssize_t write_some(struct socket *s, const struct iovec *iov, int n)
{
	ssize_t r;
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	/* Somebody may take the other end's events meanwhile. */
	if (total >= LONG_WRITE)
		sched_long_call();
	do {
		if (s->is_socket && iov->iov_len && fault(short_write)) {
			r = send(s->fd, iov->iov_base, 1, MSG_NOSIGNAL);
		} else if (s->is_socket) {
			struct msghdr m = { .msg_iov = (struct iovec *)iov,
					    .msg_iovlen = (size_t)n };

			r = n == 1 ? send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
				   : sendmsg(s->fd, &m, MSG_NOSIGNAL);
		} else {
			r = writev(s->fd, iov, n); /* net_init ignores SIGPIPE for these */
		}
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	if (r > 0) {
		s->write_bytes += (uint64_t)r;
		s->write_ns = clock_mono_ns();
	}
	return r;
}

static void failed(struct socket *s, int error)
{
	sendq_clear(&s->out);
	socket_account(s);
	if (s->closing || (s->eof && s->owner)) {
		/* nobody waits for anything from it: gone without a word */
		socket_free(s);
		return;
	}
	s->write_failed = true;
	watch_failed(s, strerror(error));
	if (s->state == STATE_OPEN)
		watch_or_fail(s);
}

void write_ready(struct socket *s)
{
	struct iovec iov[GATHER];
	size_t total = 0;

	lock_held(&s->lock);
	while (total < WRITE_TURN && !sendq_empty(&s->out)) {
		size_t offered = 0;
		int n = sendq_gather(&s->out, iov, GATHER);
		ssize_t r = write_some(s, iov, n);

		if (r < 0) {
			failed(s, (int)-r);
			return;
		}
		for (int i = 0; i < n; i++)
			offered += iov[i].iov_len;
		sendq_sent(&s->out, (size_t)r);
		socket_account(s);
		total += (size_t)r;
		if (s->closing && r > 0)
			s->closing_ns = s->write_ns;
		if ((size_t)r < offered)
			break;
	}
	if (sendq_empty(&s->out))
		backlog_gone(s);
	else
		watch_or_fail(s); /* a connect that just finished waits for nothing yet */
}

static void say_closed(struct socket *s, const char *what)
{
	uint64_t so_far = limits_count_closed();
	char peer[ADDR_TEXT_MAX] = "";

	if (!so_far)
		return;
	if (s->fd >= 0)
		socket_address(s, true, peer, sizeof(peer));
	log_printf(LOG_LEVEL_WARNING, s->owner,
		   "socket %d (%s) is closed: %s, its peer does not read "
		   "(%llu such sockets so far)",
		   socket_id(s), peer, what, (unsigned long long)so_far);
}

/* More bytes may not wait: does what the socket's policy says. */
static void enforce(struct socket *s, enum limits_verdict v, size_t size)
{
	char what[NET_ERROR_MAX];

	s->bound.refused++;
	if (!s->owner)
		return; /* a C owner knows by the result */
	limits_count_refused();
	if (limits_exhausted()) /* what waits on closing sockets has to make room */
		janitor_wake_in(JANITOR_BACKOFF_NS);
	if (s->bound.policy == NET_POLICY_ERROR) {
		if (sendq_refused(&s->out))
			event_warning(s, (unsigned)((s->out.bytes + 1023) / 1024));
		return;
	}
	limits_explain(v, &s->bound, &s->out, size, what, sizeof(what));
	say_closed(s, what);
	event_error(s, what);
	event_shutdown(s);
}

/* May bytes go out or wait on this socket? 1: yes. 0: dropped as the contract says. -1: refused. */
static int admit(struct socket *s, size_t size)
{
	int dropped = s->owner ? 0 : -1; /* C code wants to know */
	enum limits_verdict v;

	if (s->closing || s->state == STATE_FAILED || s->state == STATE_NEW ||
	    s->state == STATE_HEADER)
		return -1;
	if (s->state == STATE_LISTEN || s->state == STATE_PRELISTEN) {
		log_warning("socket %d: write to a listener dropped", socket_id(s));
		return dropped;
	}
	if (s->write_failed || s->state == STATE_PREACCEPT)
		return dropped;
	v = limits_check(&s->bound, &s->out, s->owner != 0, size);
	if (likely(v == LIMITS_OK))
		return 1;
	enforce(s, v, size);
	return -1;
}

static bool may_write_now(const struct socket *s)
{
	return s->state == STATE_OPEN && sendq_empty(&s->out);
}

/* Returns true and takes the payload, or returns false: then the rest from *ret_sent on must be
 * queued. */
static bool write_now(struct socket *s, void *payload, size_t size, size_t *ret_sent)
{
	ssize_t r = write_some(s, &(struct iovec){ payload, size }, 1);

	if (r >= 0 && (size_t)r < size) {
		*ret_sent = (size_t)r;
		return false;
	}
	payload_free(payload);
	if (r < 0)
		failed(s, (int)-r);
	return true;
}

/* Bytes that were admitted. */
static void send_payload_locked(struct socket *s, void *payload_take, size_t size, int priority)
{
	size_t sent = 0;

	if (may_write_now(s)) {
		if (!write_now(s, payload_take, size, &sent)) {
			sendq_push_rest(&s->out, payload_take, size, sent);
			backlog_grew(s, false);
		}
	} else {
		bool behind = !sendq_empty(&s->out);

		sendq_push(&s->out, behind ? priority : SENDQ_HIGH, payload_take, size);
		backlog_grew(s, behind);
	}
}

/* Returns as net_send does. */
static int send_stream(struct socket *s, void *payload_take, size_t size, int priority)
{
	/* past the seal nothing goes out; the id may come from a service, so it is no must */
	int r = s->seal ? -1 : admit(s, size);

	if (r > 0 && size > 0)
		send_payload_locked(s, payload_take, size, priority);
	else
		payload_free(payload_take);
	return r < 0 ? -1 : 0;
}

static int send_payload(int id, void *payload_take, size_t size, int priority)
{
	struct socket *s = socket_lock(id);
	int r = -1;

	if (s && !s->udp) {
		r = send_stream(s, payload_take, size, priority);
	} else {
		if (s)
			r = udp_send(s, &(struct iovec){ payload_take, size }, 1,
				     priority == SENDQ_LOW);
		payload_free(payload_take);
	}
	if (s)
		socket_unlock(s);
	return r;
}

int net_send(int id, void *payload_take, size_t size)
{
	return send_payload(id, payload_take, size, SENDQ_HIGH);
}

int net_send_low(int id, void *payload_take, size_t size)
{
	return send_payload(id, payload_take, size, SENDQ_LOW);
}

/* One payload with all bytes of iov from `skip` on. */
static void *flatten(const struct iovec *iov, int n, size_t skip, size_t size)
{
	char *payload = payload_alloc(size), *at = payload;

	for (int i = 0; i < n; i++) {
		size_t from = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= from;
		if (iov[i].iov_len > from)
			memcpy(at, (char *)iov[i].iov_base + from, iov[i].iov_len - from);
		at += iov[i].iov_len - from;
	}
	return payload;
}

static void send_parts(struct socket *s, const struct iovec *iov, int n, size_t total)
{
	bool behind = !sendq_empty(&s->out);
	ssize_t sent = 0;

	if (may_write_now(s))
		sent = write_some(s, iov, n > IOV_MAX ? IOV_MAX : n);
	if (sent < 0) {
		failed(s, (int)-sent);
	} else if ((size_t)sent < total) {
		size_t rest = total - (size_t)sent;

		sendq_push(&s->out, SENDQ_HIGH, flatten(iov, n, (size_t)sent, rest), rest);
		backlog_grew(s, behind);
	}
}

/* Room for the rest of it with what a seal adds, for so much at a time as is written well. */
static size_t sealed_room(const struct net_plain *p)
{
	size_t size = 0;

	for (int i = 0; i < p->n && size < SEAL_PIECE; i++)
		size += p->iov[i].iov_len;
	size = size > SEAL_PIECE ? SEAL_PIECE : size;
	return size + size / 64 + SEAL_EXTRA;
}

/* The bytes lie in a buffer that the queue can take as it is. */
static void send_sealed(struct socket *s, const struct iovec *iov, int n)
{
	struct net_plain plain = { iov, n, 0 };
	bool more = true;

	while (more && !s->write_failed) {
		size_t room = sealed_room(&plain), size;
		void *payload = payload_alloc(room);

		more = s->seal->seal(s->seal_ud, &plain, payload, room, &size);
		if (size)
			send_payload_locked(s, payload, size, SENDQ_HIGH);
		else
			payload_free(payload);
	}
}

void net_set_seal(int id, const struct net_seal *seal, void *ud)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	s->seal = seal;
	s->seal_ud = ud;
	socket_unlock(s);
}

int net_sendv(int id, const struct iovec *iov, int n)
{
	uint64_t queued_bytes;

	return net_sendv_queued(id, iov, n, &queued_bytes);
}

int net_sendv_queued(int id, const struct iovec *iov, int n, uint64_t *ret_queued)
{
	struct socket *s = socket_lock(id);
	size_t total = 0;
	int r;

	*ret_queued = 0;
	if (!s)
		return -1;
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	r = s->udp ? udp_send(s, iov, n, false) : admit(s, total);
	if (!s->udp && r > 0 && s->seal)
		send_sealed(s, iov, n);
	else if (!s->udp && r > 0 && total > 0)
		send_parts(s, iov, n, total);
	*ret_queued = s->out.bytes;
	socket_unlock(s);
	return r < 0 ? -1 : 0;
}

uint64_t net_queued(int id)
{
	struct socket *s = socket_lock(id);
	uint64_t bytes = 0;

	if (s) {
		bytes = s->out.bytes;
		socket_unlock(s);
	}
	return bytes;
}
