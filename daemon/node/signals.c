/* SPDX-License-Identifier: MIT */
/*
 * Signals arrive by a pipe and are worked on by a thread.
 *
 * Handlers, and not blocked signals with signalfd: a blocked signal stays blocked in the programs
 * that services start (os.execute, io.popen), which then could not be ended; a handler is reset
 * by exec. The handler writes one byte, the signal's number; whatever deserves to be called work
 * is done by the reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "daemon/node/signals.h"

#define LAST_WORDS_SECONDS 1
/* Requests to stop that come so soon after the first are the same one: timeout(1) sends its
 * signal to the process and to the process's group. */
#define SAME_REQUEST_NS (100 * NS_PER_MS)

/* set before the thread starts, then constant */
static int pipe_fd[2] = { -1, -1 };
static int timer_fd = -1;
static pthread_t thread;
static void (*wake_main)(void);
static bool running;

/* [any] relaxed: the wake-up orders them before the main thread's look */
static atomic_uint stops;
static atomic_bool reopen;

static const int caught[] = { SIGTERM, SIGINT, SIGHUP };

static void on_signal(int sig)
{
	int saved = errno;
	unsigned char byte = (unsigned char)sig;

	/* a full pipe means 64 KiB of signals nobody looked at yet: one more tells nothing new */
	(void)!write(pipe_fd[1], &byte, 1);
	errno = saved;
}

static void on_alarm(int sig)
{
	_exit(0);
}

/* The second request to stop: say so, but do not let a slow disk hold us. */
static _Noreturn void end_now(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &sa, NULL);
	alarm(LAST_WORDS_SECONDS);
	log_warning("asked to stop a second time: ending at once");
	log_flush();
	_exit(0);
}

/* The reader. */
static void take(unsigned char sig)
{
	static uint64_t first_stop_ns;
	uint64_t now = clock_mono_ns();

	if (sig == SIGHUP)
		atomic_store_explicit(&reopen, true, memory_order_relaxed);
	else if (atomic_fetch_add_explicit(&stops, 1, memory_order_relaxed) == 0)
		first_stop_ns = now;
	else if (now - first_stop_ns >= SAME_REQUEST_NS)
		end_now();
	wake_main();
}

static void *reader(void *arg)
{
	struct pollfd fds[] = { { pipe_fd[0], POLLIN, 0 }, { timer_fd, POLLIN, 0 } };

	for (;;) {
		unsigned char bytes[16];
		uint64_t expirations;
		ssize_t n;

		if (poll(fds, array_len(fds), -1) < 0)
			continue;
		if (fds[1].revents && read(timer_fd, &expirations, sizeof(expirations)) > 0)
			wake_main();
		if (!fds[0].revents)
			continue;
		n = read(pipe_fd[0], bytes, sizeof(bytes));
		for (ssize_t i = 0; i < n; i++) {
			if (!bytes[i])
				return NULL;
			take(bytes[i]);
		}
	}
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };

	for (unsigned i = 0; i < array_len(caught); i++)
		sigaction(caught[i], &sa, NULL);
}

int signals_start(void (*wake)(void))
{
	int r;

	must(wake && !running);
	wake_main = wake;
	signal(SIGPIPE, SIG_IGN);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer_fd < 0 || pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = -errno;
		signals_stop();
		return r;
	}
	r = -pthread_create(&thread, NULL, reader, NULL);
	if (r < 0) {
		signals_stop();
		return r;
	}
	running = true;
	set_handlers(on_signal);
	return 0;
}

void signals_stop(void)
{
	if (running) {
		set_handlers(SIG_DFL);
		while (write(pipe_fd[1], "", 1) < 0 && errno == EAGAIN)
			;
		pthread_join(thread, NULL);
		running = false;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (pipe_fd[i] >= 0)
			close(pipe_fd[i]);
		pipe_fd[i] = -1;
	}
	if (timer_fd >= 0)
		close(timer_fd);
	timer_fd = -1;
}

unsigned signals_stops(void)
{
	return atomic_load_explicit(&stops, memory_order_relaxed);
}

bool signals_take_reopen(void)
{
	return atomic_exchange_explicit(&reopen, false, memory_order_relaxed);
}

void signals_alarm(uint64_t mono_ns)
{
	struct itimerspec at = { 0 };

	if (mono_ns != UINT64_MAX) {
		mono_ns += !mono_ns; /* zero would mean: off */
		at.it_value.tv_sec = (time_t)(mono_ns / NS_PER_SEC);
		at.it_value.tv_nsec = (long)(mono_ns % NS_PER_SEC);
	}
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}
