/* SPDX-License-Identifier: MIT */
/*
 * The lock says whether a node runs, not the number in the file: that may belong to somebody else
 * by now. The parent waits on a pipe, so that whoever typed the command sees what is wrong and
 * gets the status of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/node/background.h"

static char *path; /* NULL: in the foreground, or the file is not ours */
static int pid_fd = -1, parent_fd = -1;

static _Noreturn void wait_for_child(int fd, pid_t child)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EX_OK);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

/* Who wrote the file; 0: nobody. */
static long holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return strtol(text, NULL, 10);
}

static int lock_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0) {
		int error = errno;

		fprintf(stderr, "Can't create %s: %s.\n", file, strerror(error));
		return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM : EX_CONFIG;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			fprintf(stderr, "Skynet is already running, pid = %ld.\n", holder(fd));
		else
			fprintf(stderr, "Can't lock %s: %s.\n", file, strerror(errno));
		close(fd);
		return EX_UNAVAILABLE;
	}
	pid_fd = fd;
	return 0;
}

int background_start(const char *pid_file)
{
	int fds[2], status;
	pid_t child;

	must(pid_file && !path);
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "harbord: cannot go to the background: %s\n", strerror(errno));
		return EX_OSERR;
	}
	if (child > 0) {
		close(fds[1]);
		wait_for_child(fds[0], child);
	}
	close(fds[0]);
	parent_fd = fds[1];
	(void)setsid(); /* a fresh child leads no group, so it cannot fail */
	status = lock_file(pid_file);
	if (status)
		return status;
	path = mem_strdup(pid_file);
	if (ftruncate(pid_fd, 0) < 0 || dprintf(pid_fd, "%ld\n", (long)getpid()) < 0) {
		fprintf(stderr, "Can't write %s: %s.\n", pid_file, strerror(errno));
		background_end();
		return EX_OSERR;
	}
	return 0;
}

void background_detach(void)
{
	int null;

	if (parent_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			(void)dup2(null, fd);
		if (null > STDERR_FILENO)
			close(null);
	}
	(void)!write(parent_fd, "", 1); /* the parent may have been killed meanwhile */
	close(parent_fd);
	parent_fd = -1;
}

void background_end(void)
{
	if (!path)
		return;
	unlink(path);
	close(pid_fd);
	pid_fd = -1;
	mem_free(path);
	path = NULL;
}
