/* SPDX-License-Identifier: MIT */
/* Paths of unix sockets: see unixpath.h for the idea. */
#include "net/unixpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"

/* Anybody who may read a folder can hold its lock: patience has an end. */
#define FOLDER_TURN_NS (2 * NS_PER_SEC)
#define FOLDER_LOOK_US 500

bool unixpath_is_stale(const struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	bool stale;

	if (fd < 0)
		return false;
	stale = connect(fd, &a->any, a->size) < 0 && errno == ECONNREFUSED;
	close(fd);
	return stale && lstat(a->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

int unixpath_lock(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t until = clock_mono_ns() + FOLDER_TURN_NS;
	const char *slash = strrchr(path, '/');
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int)(slash - path) : 1, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (clock_mono_ns() >= until || (errno != EWOULDBLOCK && errno != EINTR)) {
			close(fd);
			return -1;
		}
		usleep(FOLDER_LOOK_US);
	}
	return fd;
}

void unixpath_remember(struct unixpath *ret, const char *path)
{
	struct stat st;

	must(!ret->text);
	if (path[0] == '/' && stat(path, &st) == 0) {
		ret->text = mem_strdup(path);
		ret->dev = st.st_dev;
		ret->ino = st.st_ino;
	}
}

void unixpath_forget(struct unixpath *p)
{
	cleanup(mem_freep) char *path = steal(p->text);
	struct stat st;

	/* somebody else may have put his own socket there since */
	if (path && stat(path, &st) == 0 && st.st_dev == p->dev && st.st_ino == p->ino)
		unlink(path);
}
