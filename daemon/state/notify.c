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
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "daemon/state/notify.h"

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
	return notify.fd < 0 ? -errno : 0;
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
	/* nothing takes the descriptors over, but child programs must not inherit them: this marks
	 * them close-on-exec and removes the variables */
	(void)sd_listen_fds(1);
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

void notify_send(const char *lines)
{
	if (notify.fd < 0)
		return;
	if (sendto(notify.fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
		   (const struct sockaddr *)&notify.address, notify.size) >= 0)
		return;
	/* relaxed: only keeps the line from being repeated */
	if (!atomic_exchange_explicit(&complained, true, memory_order_relaxed))
		log_warning("the service manager does not take notifications: %s", strerror(errno));
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
		notify_send(lines);
}
