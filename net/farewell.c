/* SPDX-License-Identifier: MIT */
#include "net/farewell.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "net/janitor.h"
#include "net/socket.h"
#include "net/watch.h"

#define THROW_AWAY (1u << 20) /* so much at a time */

static bool is_tcp(const struct socket *s)
{
	return s->is_socket && !s->borrowed && !s->udp &&
	       (s->family == AF_INET || s->family == AF_INET6);
}

bool farewell_say(struct socket *s)
{
	int unread = 0;

	lock_held(&s->lock);
	if (s->state != STATE_OPEN || s->eof || s->write_failed || !is_tcp(s) ||
	    shutdown(s->fd, SHUT_WR) < 0)
		return false;
	return s->speaking || (ioctl(s->fd, FIONREAD, &unread) == 0 && unread > 0);
}

bool farewell_begin(struct socket *s)
{
	if (s->farewell)
		return true;
	if (!farewell_say(s))
		return false;
	s->farewell = true;
	s->closing_ns = clock_mono_ns();
	if (watch(s) < 0)
		return false;
	janitor_wake_in(JANITOR_FAREWELL_NS);
	return true;
}

void farewell_read(struct socket *s)
{
	/* the kernel copies nothing for MSG_TRUNC, so there is no room to name */
	ssize_t n = recv(s->fd, NULL, THROW_AWAY, MSG_TRUNC | MSG_DONTWAIT);

	lock_held(&s->lock);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		socket_free(s);
}
