/* SPDX-License-Identifier: MIT */
/*
 * sd_notify without leaving its address in the environment.
 *
 * libsystemd's sd_notify() looks NOTIFY_SOCKET up at every call, so the variable would have to
 * stay where Lua's os.getenv and child programs find it. The protocol is stable and small (one
 * datagram to a unix socket, "@" for the abstract name space), so we keep the address and a
 * socket here; libsystemd does the rest: sd_watchdog_enabled and sd_listen_fds both check the pid
 * and unset theirs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "daemon/state/notify.h"
#include "net/inherit.h"

/* set by notify_init, then constant */
static struct {
	int fd; /* -1 = nobody listens */
	struct sockaddr_un address;
	socklen_t size;
	uint64_t watchdog_ns;
} notify = { .fd = -1 };

static atomic_bool complained;

static int open_socket(const char *path)
{
	size_t n = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || n < 2 || n >= sizeof(notify.address.sun_path))
		return -EINVAL;
	notify.address.sun_family = AF_UNIX;
	memcpy(notify.address.sun_path, path, n);
	if (path[0] == '@')
		notify.address.sun_path[0] = 0;
	/* an abstract name ends where the address ends, a path with its NUL */
	notify.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
	notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify.fd < 0)
		return -errno;
	setsockopt(notify.fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 },
		   sizeof(struct timeval));
	return 0;
}

/* Those whose LISTEN_PID is not ours are not ours. */
static void take_sockets(void)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		net_inherit_add(names[i], SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
}

void notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	uint64_t usec = 0;
	int r;

	notify_fini();
	memset(&notify.address, 0, sizeof(notify.address));
	if (path) {
		r = open_socket(path);
		if (r < 0)
			log_warning("NOTIFY_SOCKET is not usable: %s", strerror(-r));
	}
	unsetenv("NOTIFY_SOCKET");
	if (sd_watchdog_enabled(1, &usec) > 0 && notify.fd >= 0)
		notify.watchdog_ns = usec * NS_PER_US;
	take_sockets();
	if (notify.fd >= 0)
		net_inherit_store(
			&(struct net_store){ .put = notify_store, .drop = notify_unstore });
}

void notify_fini(void)
{
	if (notify.fd >= 0)
		close(notify.fd);
	notify.fd = -1;
	notify.watchdog_ns = 0;
}

bool notify_active(void)
{
	return notify.fd >= 0;
}

uint64_t notify_watchdog_ns(void)
{
	return notify.watchdog_ns;
}

static void send_lines(const char *lines, int flags)
{
	if (notify.fd < 0)
		return;
	if (sendto(notify.fd, lines, strlen(lines), MSG_NOSIGNAL | flags,
		   (const struct sockaddr *)&notify.address, notify.size) >= 0)
		return;
	/* relaxed: only keeps the line from being repeated */
	if (!atomic_exchange_explicit(&complained, true, memory_order_relaxed))
		log_warning("the service manager does not take notifications: %s", strerror(errno));
}

void notify_send(const char *lines)
{
	send_lines(lines, 0);
}

/* Waits if the manager is slow to read: a descriptor that it does not get is a session that
 * ends. */
static bool send_with(const char *lines, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)lines, strlen(lines) };
	struct msghdr m = { .msg_name = &notify.address,
			    .msg_namelen = notify.size,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(notify.fd, &m, MSG_NOSIGNAL) >= 0;
}

bool notify_store(const char *name, int fd)
{
	char lines[300];

	if (notify.fd < 0)
		return false;
	snprintf(lines, sizeof(lines), "FDSTORE=1\nFDNAME=%.255s", name);
	return send_with(lines, fd);
}

void notify_unstore(const char *name)
{
	char lines[300];

	snprintf(lines, sizeof(lines), "FDSTOREREMOVE=1\nFDNAME=%.255s", name);
	notify_send(lines);
}

bool notify_barrier(uint64_t patience_ns)
{
	struct pollfd p = { .fd = -1 };
	int ends[2];

	if (notify.fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	if (send_with("BARRIER=1", ends[1]))
		p.fd = ends[0];
	close(ends[1]);
	/* it hangs up when the manager, too, has closed the other end */
	if (p.fd >= 0 && poll(&p, 1, (int)(patience_ns / NS_PER_MS)) <= 0)
		p.fd = -1;
	close(ends[0]);
	return p.fd >= 0;
}

void notify_broken(void)
{
	send_lines("WATCHDOG=trigger", 0);
	/* our own end would be the reason if it was seen first */
	(void)notify_barrier(NS_PER_SEC);
}

void notify_printf(const char *fmt, ...)
{
	char lines[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(lines, sizeof(lines), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(lines))
		send_lines(lines, MSG_DONTWAIT);
}
