/* SPDX-License-Identifier: MIT */
/* Lines of stdin: a ring that one thread fills and whoever asks empties.
 *
 * The pthread functions are used as they are, because nothing of the node may be in this module.
 */
#include "lua/modules/client/client_stdin.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct line {
	size_t size;
	char bytes[CLIENT_LINE_MAX];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t room; /* there is room in the ring */
	bool started, ended;
	unsigned first, count;
	struct line lines[CLIENT_LINES];
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER };

static void put(const char *bytes, size_t size)
{
	struct line *l;

	pthread_mutex_lock(&ring.lock);
	while (ring.count == CLIENT_LINES)
		pthread_cond_wait(&ring.room, &ring.lock);
	l = &ring.lines[(ring.first + ring.count++) % CLIENT_LINES];
	l->size = size;
	memcpy(l->bytes, bytes, size);
	pthread_mutex_unlock(&ring.lock);
}

/* A line, or as much of it as fits, goes into the ring at its end. */
static void *read_lines(void *unused)
{
	char bytes[CLIENT_LINE_MAX];
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(stdin)) != EOF) {
		if (c != '\n')
			bytes[n++] = (char)c;
		if (c == '\n' || n == sizeof(bytes) - 1) {
			put(bytes, n);
			n = 0;
		}
	}
	if (n)
		put(bytes, n);
	pthread_mutex_lock(&ring.lock);
	ring.ended = true;
	pthread_mutex_unlock(&ring.lock);
	return unused;
}

/* The program's signals are its own threads' business. */
static bool start_reading(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int code;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&thread, &attr, read_lines, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return code == 0;
}

enum client_stdin client_stdin_take(char *ret_line, size_t *ret_size)
{
	enum client_stdin found = CLIENT_NOTHING;

	pthread_mutex_lock(&ring.lock);
	if (!ring.started)
		ring.started = start_reading();
	if (ring.count) {
		const struct line *l = &ring.lines[ring.first];

		memcpy(ret_line, l->bytes, l->size);
		*ret_size = l->size;
		ring.first = (ring.first + 1) % CLIENT_LINES;
		ring.count--;
		pthread_cond_signal(&ring.room);
		found = CLIENT_LINE;
	} else if (ring.ended) {
		found = CLIENT_END;
	}
	pthread_mutex_unlock(&ring.lock);
	return found;
}
