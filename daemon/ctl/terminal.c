/* SPDX-License-Identifier: MIT */
/* Keys: see terminal.h. */
#include "daemon/ctl/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/base.h"

#define WIDTH 120

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static struct termios before;
static volatile sig_atomic_t begun;

/* tcsetattr is async-signal-safe. The signal itself comes when this returns, to whoever was
 * interrupted: errno is his. */
static void on_end(int signal)
{
	int saved = errno;

	terminal_end();
	(void)raise(signal); /* by now it is the default again: SA_RESETHAND */
	errno = saved;
}

int terminal_width(void)
{
	struct winsize w = { 0 };

	if (!isatty(STDOUT_FILENO))
		return 0;
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	return w.ws_col ? w.ws_col : WIDTH;
}

bool terminal_begin(void)
{
	struct sigaction act = { .sa_handler = on_end, .sa_flags = (int)SA_RESETHAND };
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	t = before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	begun = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
	for (unsigned i = 0; begun && i < array_len(ends); i++)
		(void)sigaction(ends[i], &act, NULL);
	return begun;
}

void terminal_end(void)
{
	if (begun)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	begun = 0;
}

/* A key with an arrow is three bytes. Returns TERMINAL_NONE also for one that means nothing. */
static int read_key(void)
{
	char bytes[8];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n <= 0) { /* the terminal is gone */
		begun = 0;
		return TERMINAL_NONE;
	}
	if (bytes[0] != '\033')
		return (unsigned char)bytes[0];
	if (n < 3 || (bytes[1] != '[' && bytes[1] != 'O'))
		return TERMINAL_NONE;
	return bytes[2] == 'C' ? TERMINAL_RIGHT : bytes[2] == 'D' ? TERMINAL_LEFT : TERMINAL_NONE;
}

int terminal_wait(int fd)
{
	int key = TERMINAL_NONE;

	while (begun && key == TERMINAL_NONE) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
				       { .fd = STDIN_FILENO, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue; /* a signal that does not end us */
		if (p[1].revents)
			key = read_key();
		else if (p[0].revents)
			break;
	}
	return key;
}
