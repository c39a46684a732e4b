/* SPDX-License-Identifier: MIT */
#pragma once
/* Runs something in a child that is to end by abort(3), and keeps what it wrote to stderr. For
 * one test program. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char ending_text[4096];

/* true: f ended the process by abort; false: it returned, or ended it in another way. */
static inline bool ends_by_abort(void (*f)(void))
{
	size_t n = 0;
	ssize_t got;
	int fd[2], status = 0;
	pid_t child;

	fflush(NULL);
	if (pipe(fd) != 0)
		abort();
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		f();
		_exit(0);
	}
	close(fd[1]);
	while ((got = read(fd[0], ending_text + n, sizeof(ending_text) - 1 - n)) > 0 ||
	       (got < 0 && errno == EINTR))
		n += got > 0 ? (size_t)got : 0;
	ending_text[n] = 0;
	close(fd[0]);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
