/* SPDX-License-Identifier: MIT */
/* What must be true: see must.h. */
#include "core/base/must.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*last_words)(const char *text, size_t size); /* constant once threads run */

void must_set_last_words(void (*f)(const char *text, size_t size))
{
	last_words = f;
}

/* On the stack and with one write: the heap and the log may be what is broken. */
void must_end(const char *fmt, ...)
{
	static _Thread_local bool ending;
	char thread[32] = "?", text[512], line[640];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)pthread_getname_np(pthread_self(), thread, sizeof(thread));
	n = snprintf(line, sizeof(line), "harbord: %s, thread %s (%d)\n", text, thread,
		     (int)gettid());
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		abort(); /* nowhere left to complain */
	/* A failure in the last words themselves has none. */
	if (last_words && !ending) {
		ending = true;
		last_words(line, (size_t)n - 1);
	}
	abort();
}

void must_fail(const char *expr, const char *file, int line)
{
	must_end("must(%s) failed at %s:%d", expr, file, line);
}
