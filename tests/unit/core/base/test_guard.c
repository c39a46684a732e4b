/* SPDX-License-Identifier: MIT */
/* Faults in what was to be looked at are survived; others are told, and end the process. */
#include "core/base/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void read_at(void *p)
{
	(void)*(volatile char *)p;
}

static char seen;

static void look(void *p)
{
	seen = *(volatile char *)p;
}

static void nested(void *p)
{
	assert_false(guard_run(read_at, p));
	assert_true(guard_run(look, (char[]){ 7 }));
	read_at(p);
}

static void who_looks_is_brought_back(void **state)
{
	guard_init(NULL); /* here, for cmocka sets its handlers before each test */
	char *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < 3; i++) {
		assert_false(guard_run(read_at, gone));
		assert_true(guard_run(look, (char[]){ (char)(i + 1) }));
		assert_int_equal(seen, i + 1);
	}
	assert_false(guard_run(nested, gone));
	assert_int_equal(seen, 7);
	munmap(gone, 4096);
}

static void leave(void *ud)
{
	guard_leave();
	*(int *)ud = 1;
}

static void who_looks_may_be_sent_away(void **state)
{
	int stayed = 0;

	guard_init(NULL);
	guard_leave();
	assert_false(guard_run(leave, &stayed));
	assert_int_equal(stayed, 0);
}

static void on_alarm(int sig)
{
	guard_leave();
}

static void be_called(void *ud)
{
	(void)raise(SIGALRM);
	*(int *)ud = 1;
}

static void a_handler_may_send_away_again(void **state)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int stayed = 0;

	guard_init(NULL);
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(guard_run(be_called, &stayed));
	assert_int_equal(stayed, 0);
	(void)signal(SIGALRM, SIG_DFL);
}

static int told_fd;

static void tell(int sig, siginfo_t *info, void *context)
{
	char byte = (char)sig;

	(void)!write(told_fd, &byte, 1);
}

/* How a child ends that does f, and what it told before. */
static void expect_end(void (*f)(void), int sig)
{
	int fds[2], status;
	char told = 0;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		(void)signal(sig, SIG_DFL); /* cmocka has a handler of its own */
		told_fd = fds[1];
		guard_init(tell);
		f();
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(read(fds[0], &told, 1), 1);
	close(fds[0]);
	assert_int_equal(told, sig);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
}

static void fault(void)
{
	read_at(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void raise_segv(void)
{
	(void)kill(getpid(), SIGSEGV);
}

static void ends_are_told_and_stay_ends(void **state)
{
	expect_end(abort, SIGABRT);
	expect_end(raise_segv, SIGSEGV);
#ifndef __SANITIZE_ADDRESS__ /* which has a handler and an end of its own */
	expect_end(fault, SIGSEGV);
#else
	(void)fault;
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_told_and_stay_ends),
		cmocka_unit_test(who_looks_is_brought_back),
		cmocka_unit_test(who_looks_may_be_sent_away),
		cmocka_unit_test(a_handler_may_send_away_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
