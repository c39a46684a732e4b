/* SPDX-License-Identifier: MIT */
/*
 * The native protocol of journald: see journal.h. A field is "NAME=value\n", or, where the value
 * holds control characters, "NAME\n", its size as 64 bits little endian, the value, "\n".
 */
#include "daemon/node/journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/must.h"
#include "core/base/text.h"

/* What one huge entry took is given back. */
#define KEEP_BYTES (256u << 10)

static struct sockaddr_un where = { .sun_family = AF_UNIX };
static int fd = -1;
static struct text entry;

static int reconnect(void)
{
	int r;

	if (fd >= 0)
		close(fd);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
		return 0;
	r = -errno;
	close(fd);
	fd = -1;
	return r;
}

int journal_open(const char *path)
{
	if (strlen(path) >= sizeof(where.sun_path))
		return -ENAMETOOLONG;
	strcpy(where.sun_path, path);
	return reconnect();
}

void journal_close(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	text_fini(&entry);
}

/* ---- the entry ---- */

void journal_begin(void)
{
	if (entry.capacity > KEEP_BYTES)
		text_fini(&entry);
	else
		text_cut(&entry, 0);
}

static bool is_plain(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\t')
			return false;
	return true;
}

void journal_add(const char *name, const void *value, size_t size)
{
	uint64_t length = htole64(size);
	bool plain = is_plain(value, size);

	text_puts(&entry, name);
	text_puts(&entry, plain ? "=" : "\n");
	if (!plain)
		text_add(&entry, &length, sizeof(length));
	text_add(&entry, value, size);
	text_puts(&entry, "\n");
}

void journal_add_text(const char *name, const char *value)
{
	journal_add(name, value, strlen(value));
}

/* ---- sending ---- */

static int send_bytes(void)
{
	return send(fd, entry.bytes, entry.size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A file of memory that holds the entry and cannot be changed any more, or -errno. */
static int sealed_file(void)
{
	int file = memfd_create("harbord-log", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;
	size_t done = 0;

	if (file < 0)
		return -errno;
	while (done < entry.size) {
		ssize_t n = write(file, entry.bytes + done, entry.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done == entry.size &&
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return file;
	r = done < entry.size ? -ENOSPC : -errno;
	close(file);
	return r;
}

static int send_file(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int file = sealed_file(), r = 0;

	if (file < 0)
		return file;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &file, sizeof(file));
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		r = -errno;
	close(file);
	return r;
}

static int send_once(void)
{
	int r = fd < 0 ? -ENOTCONN : send_bytes();

	return r == -EMSGSIZE || r == -ENOBUFS ? send_file() : r;
}

int journal_send(int wait_ms)
{
	struct pollfd p = { .events = POLLOUT };
	int r;

	must(entry.size);
	r = send_once();
	if (r == -EAGAIN && wait_ms > 0) {
		p.fd = fd;
		(void)poll(&p, 1, wait_ms);
		return send_once();
	}
	/* journald was started again with another socket, or is not there yet */
	if (r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE) {
		r = reconnect();
		r = r < 0 ? r : send_once();
	}
	return r;
}
