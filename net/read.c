/* SPDX-License-Identifier: MIT */
/*
 * Reading a socket that epoll calls readable.
 *
 * For a service: one readv into a fresh message buffer of the size this socket needed lately, and
 * into the loop's spare room behind it. So the common case is one system call and a buffer that
 * fits; what overflows is appended with one copy and doubles the size for next time, and a buffer
 * less than half used halves it. For a handler: straight into the loop's room, no allocation at
 * all.
 *
 * A turn takes at most READ_MAX bytes from one socket; epoll is level-triggered, so the rest
 * comes in the next turn, after the others had theirs.
 */
#include "net/read.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "core/base/clock.h"
#include "core/actor/msg.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/event.h"
#include "net/farewell.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/watch.h"

#define READ_MAX (256u << 10)
#define SPARE (64u << 10)

/* A message for the owner is marked after so many bytes; each message costs READ_COST besides. */
#define READ_MARK (256u << 10)
#define READ_COST 128u
/* Of a socket whose owner passes on what is read: a part of the window. */
#define READ_PARTS 4u

/* [loop] The main loop's: its C owners get their bytes right from it. */
static char room[READ_MAX];
/* [loop] SPARE for each other loop. */
static char *rooms;

void read_init(unsigned loops)
{
	rooms = loops > 1 ? mem_alloc((loops - 1) * (size_t)SPARE) : NULL;
}

void read_fini(void)
{
	mem_free(steal(rooms));
}

static char *room_of(const struct socket *s)
{
	return s->loop == POLLER_MAIN ? room : rooms + (s->loop - 1) * (size_t)SPARE;
}

static void adapt(struct socket *s, size_t n)
{
	if (n >= s->read_size) {
		while (s->read_size < n && s->read_size < READ_MAX)
			s->read_size *= 2;
		if (s->read_size < READ_MAX)
			s->read_size *= 2;
	} else if (n < s->read_size / 2 && s->read_size > READ_MIN) {
		s->read_size /= 2;
	}
}

/* The peer ended. */
static void ended(struct socket *s)
{
	if (s->write_failed && s->owner) {
		/* neither direction works any more */
		event_shutdown(s);
		return;
	}
	s->eof = true;
	event_close(s, 0, NULL);
	watch_or_fail(s);
}

static void failed(struct socket *s, int error)
{
	bool again = s->read_failed;

	s->read_failed = true;
	if (s->owner && again)
		ended(s); /* it does not get better: not reported in every turn for ever */
	else
		watch_failed(s, strerror(error));
}

static void count_read(struct socket *s, size_t n)
{
	s->read_bytes += n;
	s->read_ns = clock_mono_ns();
	s->read_failed = false;
}

static void no_data(struct socket *s, ssize_t n, int error)
{
	if (n == 0)
		ended(s);
	else if (error != EAGAIN && error != EWOULDBLOCK && error != EINTR)
		failed(s, error);
}

/* So much at a time: small frames weigh a multiple of their bytes when they are passed on. */
static uint32_t portion(const struct socket *s)
{
	/* relaxed: a number */
	uint32_t part = atomic_load_explicit(&s->window, memory_order_relaxed) / READ_PARTS;

	return !s->passes || !part ? READ_MARK : part < READ_MIN ? READ_MIN : part;
}

uint8_t read_mark(struct socket *s, size_t size)
{
	s->since_mark += (uint32_t)size + READ_COST;
	if (s->since_mark < portion(s))
		return 0;
	s->since_mark = 0;
	s->marks++;
	return MSG_MARK;
}

void read_taken(const struct msg *m)
{
	struct socket_message head;
	struct socket *s;

	memcpy(&head, msg_payload(m), sizeof(head));
	s = socket_lock(head.id);
	if (!s)
		return;
	must(s->marks > 0);
	if (s->marks-- == MARKS_MAX)
		watch_or_fail(s);
	socket_unlock(s);
}

/* One read for a service. true: the socket may hold more. */
static bool read_message(struct socket *s, size_t *ret_read)
{
	size_t most = portion(s), size = most < s->read_size ? most : s->read_size;
	size_t spare = most - size < SPARE ? most - size : SPARE;
	char *buffer = payload_alloc(size), *more = room_of(s);
	struct iovec iov[2] = { { buffer, size }, { more, spare } };
	ssize_t n = readv(s->fd, iov, 2);

	*ret_read = 0;
	if (n <= 0) {
		int error = errno;

		payload_free(buffer);
		no_data(s, n, error);
		return false;
	}
	if ((size_t)n > size) {
		buffer = payload_realloc(buffer, (size_t)n);
		memcpy(buffer + size, more, (size_t)n - size);
	}
	adapt(s, (size_t)n);
	count_read(s, (size_t)n);
	event_data(s, buffer, (size_t)n, read_mark(s, (size_t)n));
	*ret_read = (size_t)n;
	return (size_t)n == size + spare && !s->orphan && s->marks < MARKS_MAX;
}

static void read_service(struct socket *s)
{
	size_t total = 0, n;

	while (total < portion(s) && read_message(s, &n))
		total += n;
	if (s->marks == MARKS_MAX && s->state == STATE_OPEN)
		watch_or_fail(s); /* the owner has enough to read */
}

void read_ready(struct socket *s)
{
	const struct net_handler *h = s->handler;
	void *ud = s->ud;
	int id = socket_id(s);
	ssize_t n;

	lock_held(&s->lock);
	must_slow(poller_here(s->loop));
	if (s->farewell) {
		farewell_read(s);
		socket_unlock(s);
		return;
	}
	if (s->owner) {
		read_service(s);
		socket_unlock(s);
		return;
	}
	must_slow(s->loop == POLLER_MAIN);
	do
		n = readv(s->fd, &(struct iovec){ room, sizeof(room) }, 1);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		count_read(s, (size_t)n);
	else
		no_data(s, n, errno);
	socket_unlock(s);
	if (n > 0 && h && h->on_data)
		h->on_data(ud, id, room, (size_t)n);
}
